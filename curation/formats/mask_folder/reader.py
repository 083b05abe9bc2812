"""Index masks: a folder of images whose pixel values are class ids, and a list of classes.

    masks/a.png        the mask of photo a.jpg: one value per pixel, 0 background, 255 ignored
    masks/b_mask.png   that of b.jpg, where no photo is called b_mask; see :mod:`.pairing`
    classes.csv        id,name; see :mod:`.class_list`

The layout of Pascal VOC's SegmentationClass and of most segmentation tools. A
mask tells classes apart and not instances: each class of a photo is one instance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.core import image_io, rle
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.core.masks import IGNORE_INDEX
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import IGNORE
from curation.core.text import count
from curation.formats.mask_folder import class_list
from curation.formats.mask_folder.pairing import Pairing, pair
from curation.formats.messages import explain_mismatch, quoted, shown
from curation.formats.source import OnFinding, find_image

SHOWN = 5
"""Unknown values that a message names."""


@dataclass(frozen=True)
class MaskFolder:
    """A folder of masks, matched with its photos; see :class:`curation.formats.source.Source`.

    Attributes:
        path, images: the folders of masks and of photos
        names: photos as the pairing calls them, ``sub/a``; a mask without a photo by its own name
        pairing: the masks of each name, and where they lie among the photos
        categories: the name of each pixel value, ``ignore`` of what is, None of background
        ignore_unlisted: 255 is ignored although the class list does not name it
    """

    path: Path
    images: Path
    names: tuple[str, ...]
    pairing: Pairing
    categories: Mapping[int, str | None]
    ignore_unlisted: bool

    @property
    def inside(self) -> Collection[str]:
        """The masks in the folder of photos, by their paths in it."""
        return self.pairing.inside

    def image_id(self, number: int) -> str:
        """What the photo ``names[number]`` is called in a dataset: as the pairing calls it."""
        return self.names[number]

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``; see :class:`curation.formats.source.Source`.

        A photo whose mask is background alone is yielded too, without instances. Of
        several masks of a photo the first that has a label is read.
        """
        for name in self.names[start:stop]:
            masks = self.pairing.masks[name]
            records = {mask: self._record(name, mask, on_finding) for mask in masks}
            usable = {mask: record for mask, record in records.items() if record}
            best = max(usable, key=lambda mask: bool(usable[mask].instances), default="")
            for other in (mask for mask in usable if mask != best):
                detail = f"its mask is {quoted(best)}"
                on_finding(Finding(FindingKind.IMAGE_LISTED_TWICE, self._location(other), detail))
            # Where a mask was refused, that of background alone says nothing.
            if best and (usable[best].instances or len(usable) == len(masks)):
                yield usable[best]

    def _record(self, name: str, mask: str, on_finding: OnFinding) -> ImageRecord | None:
        location = self._location(mask)
        if reason := self.pairing.lone.get(name):
            on_finding(Finding(FindingKind.IMAGE_WITHOUT_FILE, location, f"{reason}, 1 mask"))
            return None
        found = find_image(self.images, name, location, "1 mask", on_finding)
        if not found:
            return None
        image, height, width = found
        try:
            values = image_io.read_index(image_io.find(self.path, mask))
        except (FileNotFoundError, ValueError) as error:
            on_finding(Finding(FindingKind.MASK_REFUSED, location, str(error)))
            return None
        if values.shape != (height, width):
            detail = explain_mismatch(values.shape, (height, width))
            on_finding(Finding(FindingKind.SIZE_MISMATCH, location, detail))
            return None
        runs = _runs(values)
        if unknown := runs.keys() - self.categories.keys():
            on_finding(Finding(FindingKind.UNLISTED_VALUES, location, _shown(runs, unknown)))
            return None
        instances = tuple(
            Instance(category, rle.from_pairs(pairs, height, width), f"{location}:{value}")
            for value, pairs in runs.items()
            if (category := self.categories[value])
        )
        categories = {i.category for i in instances}
        if self.ignore_unlisted and IGNORE_INDEX in runs and categories == {IGNORE}:
            on_finding(Finding(FindingKind.ONLY_IGNORED, location, self._only_ignored(runs)))
            return None
        return ImageRecord(name, image, height, width, tuple(instances))

    def _only_ignored(self, runs: Mapping[int, NDArray[np.int64]]) -> str:
        """Paint programs and thresholds write a garment as 255, where a list may call it 1."""
        classes = [f"{v} {quoted(n)}" for v, n in self.categories.items() if n and n != IGNORE]
        if len(classes) > SHOWN:
            classes = [*classes[:SHOWN], f"{len(classes) - SHOWN} more"]
        pixels = int(runs[IGNORE_INDEX][1::2].sum())
        return (
            f"{count(pixels, 'pixel')} of {IGNORE_INDEX}, which is ignored, and none of "
            f"{', '.join(classes)}: where {IGNORE_INDEX} is a garment, the class list has to say "
            f"{IGNORE_INDEX},NAME; where it is to be ignored, {IGNORE_INDEX},ignore"
        )

    def _location(self, mask: str) -> str:
        return f"{self.path.name}/{shown(mask)}"


def load(masks: Path, images: Path, classes: str) -> MaskFolder:
    """Checks the class list, and matches masks with photos; see :mod:`.pairing`. No mask is opened.

    Args:
        masks, images: the folders of masks and of photos; they may be one
        classes: a CSV with the columns id and name, a taxonomy's ``.toml`` or
            the name of a built-in one. In any of them 0 is background and 255
            is ignored: it comes as the category ``ignore``, unless the list
            gives the number to something else. A mask of 255 alone is refused
            where the list does not name it

    Raises:
        FormatError: the list or the folder is not that
        TaxonomyError: the taxonomy is wrong
    """
    listed = class_list.read(classes)
    if not masks.is_dir():
        raise FormatError(masks, "no such folder of masks")
    pairs = pair(masks, images)
    if not pairs.masks:
        reason = f"holds no masks: no file ends in one of {', '.join(image_io.SUFFIXES)}"
        if masks.resolve() == images.resolve():
            reason = (
                "is the folder of photos too, and none of its files is a mask beside its photo: "
                "that of a.jpg has to be a_mask.png or a.png there"
            )
        raise FormatError(masks, reason)
    categories = {0: None, IGNORE_INDEX: IGNORE} | listed
    names = tuple(pairs.masks)
    return MaskFolder(masks, images, names, pairs, categories, IGNORE_INDEX not in listed)


def _runs(values: NDArray[np.integer]) -> dict[int, NDArray[np.int64]]:
    """The pairs (start, length) of each value, as :func:`rle.from_pairs` takes them.

    One pass over the pixels, however many classes there are.
    """
    flat = values.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.insert(edges, 0, 0)
    pairs = np.stack([starts + 1, np.diff(starts, append=flat.size)], axis=1)
    order = np.argsort(flat[starts], kind="stable")
    present, first = np.unique(flat[starts][order], return_index=True)
    parts = np.split(pairs[order], first[1:])
    return {int(v): part.ravel() for v, part in zip(present, parts, strict=True)}


def _shown(runs: Mapping[int, NDArray[np.int64]], unknown: Iterable[int]) -> str:
    """The values that no class has, the most frequent first."""
    pixels = sorted(((int(runs[v][1::2].sum()), v) for v in unknown), reverse=True)
    named = [f"{value} ({n} pixels)" for n, value in pixels[:SHOWN]]
    if len(pixels) > SHOWN:
        named.append(f"{len(pixels) - SHOWN} more")
    return f"{', '.join(named)}: edges blurred by a resize (use nearest), or masks of another list"
