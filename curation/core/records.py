"""The two records that every reader yields and every writer takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

from curation.core.finding import FindingKind
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
        repaired: what the reader had to repair, e.g. ``overlapping runs``
        source_label: of a label under a taxonomy, where ``category`` is one of its classes:
            what the annotation file calls it, as far as that is known to be right
        instance_id: 24 hex digits, unique in its photo; empty until it is in an
            :class:`ImageRecord`, which gives it one. Whoever changes the category or mask of
            what an annotation file says empties it again
    """

    category: str
    mask: Rle
    source: str = ""
    attributes: tuple[str, ...] = ()
    polygons: tuple[tuple[float, ...], ...] = ()
    repaired: tuple[FindingKind, ...] = ()
    source_label: str = ""
    instance_id: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.category or self.category != self.category.strip():
            raise ValueError(f"category {self.category!r} is empty or has outer spaces")

    def __reduce__(self) -> tuple:
        """Through pickle in half the time that a dataclass takes by itself."""
        return Instance, (
            self.category, self.mask, self.source, self.attributes, self.polygons, self.repaired,
            self.source_label, self.instance_id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One photo and its instances.

    Attributes:
        image_id: the photo's name in the annotation file, unique in a dataset
        path: the photo on disk
        height, width: its size in pixels
        instances: in the source's order; those without an ``instance_id`` get one, made from
            what they say
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
        if not all(instance.instance_id for instance in self.instances):
            named = tuple(_with_ids(self.image_id, self.instances))
            object.__setattr__(self, "instances", named)

    def __reduce__(self) -> tuple:
        """As that of :class:`Instance`."""
        return ImageRecord, (self.image_id, self.path, self.height, self.width, self.instances)


def _with_ids(image_id: str, instances: Sequence[Instance]) -> Iterator[Instance]:
    """The instances of a photo, each with an id: its own, or one made from what it says.

    The same photo, category and mask give the same id in every import, on
    every machine, wherever the row stands in its file; so a second import
    changes nothing and a decision finds its instance again. Exact duplicates
    within a photo are told apart by a counter.
    """
    taken = {instance.instance_id for instance in instances}
    count: dict[str, int] = {}
    for instance in instances:
        if instance.instance_id:
            yield instance
            continue
        text = f"{image_id}\0{instance.category}\0".encode() + instance.mask.counts
        first = key = blake2b(text, digest_size=12).hexdigest()
        number = count.get(first, 0) + 1
        if number > 1:
            key = _numbered(first, number)
        while key in taken:
            number += 1
            key = _numbered(first, number)
        count[first] = number
        taken.add(key)
        yield replace(instance, instance_id=key)


def _numbered(first: str, number: int) -> str:
    return blake2b(f"{first}\0{number}".encode(), digest_size=12).hexdigest()
