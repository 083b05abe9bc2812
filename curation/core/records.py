"""The two records that every reader yields and every writer takes."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from curation.core.rle import Rle, check_size


@dataclass(frozen=True, slots=True)
class Instance:
    """One labelled garment in one photo.

    Attributes:
        category: its name, in the vocabulary of whoever labelled it
        mask: the exact mask over the whole photo
        source: where it stands in the annotation file, e.g. ``train.csv:1042``
        attributes: finer labels, in the source's order
        polygons: the rings as drawn, each ``(x0, y0, x1, y1, ...)`` in pixels,
            where the source had polygons
        faults: what the reader had to mend, e.g. ``overlapping runs``
        source_label: of a label under a taxonomy, where ``category`` is one of its classes:
            what the annotation file calls it, as far as that is known to be right
    """

    category: str
    mask: Rle
    source: str = ""
    attributes: tuple[str, ...] = ()
    polygons: tuple[tuple[float, ...], ...] = ()
    faults: tuple[str, ...] = ()
    source_label: str = ""

    def __post_init__(self) -> None:
        if not self.category or self.category != self.category.strip():
            raise ValueError(f"category {self.category!r} is empty or has outer spaces")


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One photo and its instances.

    Attributes:
        image_id: the photo's name in the annotation file, unique in a dataset
        path: the photo on disk
        height, width: its size in pixels
        instances: in the source's order
    """

    image_id: str
    path: Path
    height: int
    width: int
    instances: tuple[Instance, ...] = ()

    def __post_init__(self) -> None:
        if not self.image_id:
            raise ValueError("image_id is empty")
        check_size(self.height, self.width)
        for instance in self.instances:
            if (instance.mask.height, instance.mask.width) != (self.height, self.width):
                mask = f"{instance.mask.width}x{instance.mask.height}"
                raise ValueError(
                    f"{self.image_id} is {self.width}x{self.height}, the mask from "
                    f"{instance.source or 'nowhere'} is {mask}"
                )


@dataclass(frozen=True, slots=True)
class Skip:
    """Something a reader or writer left out, so that it is counted and listed.

    Attributes:
        where: file and place, e.g. ``train.csv:1042``
        kind: the reason in two or three words, the same for the same fault
        detail: the rest of the sentence
    """

    where: str
    kind: str
    detail: str = ""


def instance_ids(record: ImageRecord) -> list[str]:
    """One 24-digit hex id for each instance, made from what it says.

    The same photo, category and mask give the same id in every import, on
    every machine, wherever the row stands in its file; so a second import
    changes nothing and a decision finds its instance again. Exact duplicates
    within a photo are told apart by a counter.
    """
    seen: dict[str, int] = {}
    ids = []
    for instance in record.instances:
        text = f"{record.image_id}\0{instance.category}\0".encode() + instance.mask.counts
        key = blake2b(text, digest_size=12).hexdigest()
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            key = blake2b(f"{key}\0{seen[key]}".encode(), digest_size=12).hexdigest()
        ids.append(key)
    return ids
