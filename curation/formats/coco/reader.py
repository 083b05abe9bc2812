"""COCO JSON, and Fashionpedia's, which adds attributes: photos, categories, annotations.

An annotation's ``segmentation`` is a list of polygons, which are the parts of one garment, or run
lengths of the whole photo, as numbers or compressed into a string; ``iscrowd`` does not tell
which. Ids differ between copies of one data set: categories and attributes go by their names.
Tools write some of it in other ways that cannot be mistaken, and these are read too: an outline
that is no list of outlines (VIA), points as pairs, run lengths in a list, numbers and ids as text
or with a point (pandas), and a category again and again.
Specification: https://cocodataset.org/#format-data, https://fashionpedia.github.io/home/
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from curation.core import polygons, rle
from curation.core.errors import FormatError
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.text import count
from curation.formats import json_index, values
from curation.formats.coco.segmentation import all_runs, draw, held_against, size_of_runs, unlike
from curation.formats.messages import explain_mismatch, printable, quoted, shown
from curation.formats.source import OnFinding, Repeats, Spelling, find_image, join, joined
from curation.formats.values import Id

MAX_NAMED = 3
"""Ids that a message lists."""

PANOPTIC = (
    "a panoptic file: its masks are PNGs beside it, not in it; import the file of instances of "
    "the same photos"
)

UNSAID, WRONG = (0, 0), (-1, -1)
"""In the place of a size that the file does not give, or gives as no photo can have it."""


@dataclass(frozen=True, slots=True, eq=False)
class Coco:
    """A COCO file and where each annotation is in it: a :class:`curation.formats.source.Source`.

    Attributes:
        path, images: the file and the folder of photos
        names: ``file_name`` of each photo, in the file's order, as the folder spells it
        spelling: how the file spells them
        sizes: (photos, 2) height and width as the file says, ``UNSAID`` or ``WRONG``
        repeats: listings of a photo that has an earlier one (``a.jpg``, ``./a.jpg``)
        categories, attributes: names of the ids
        first: (photos + 2,) where each photo's annotations begin in ``ranges``; behind the last
            photo's are those of none
        ranges: (annotations, 2) the bytes of each annotation in the file, photo by photo
        size, changed: of the file when it was loaded, in bytes and nanoseconds
    """

    path: Path
    images: Path
    names: tuple[str, ...]
    spelling: Spelling
    sizes: NDArray[np.int64]
    repeats: Repeats
    categories: Mapping[Id, str]
    attributes: Mapping[Id, str]
    first: NDArray[np.int64]
    ranges: NDArray[np.int64]
    size: int
    changed: int

    def image_id(self, number: int) -> str:
        """What the photo ``names[number]`` is called in a dataset."""
        return self.repeats.image_id(number, self.names[number])

    def read(self, start: int, stop: int, on_finding: OnFinding) -> Iterator[ImageRecord]:
        """Yields the photos ``names[start:stop]``; see :class:`curation.formats.source.Source`.

        Annotations of no photo are told with the last photo.
        """
        stop = min(stop, len(self.names))
        if _state(self.path) != (self.size, self.changed):
            raise FormatError(self.path, "was changed while it was read; import it again")
        with self.path.open("rb") as file:
            for number in range(start, stop):
                if record := self._record(file, number, on_finding):
                    yield record
            if start < stop == len(self.names):
                for location, annotation in self._annotations(file, stop):
                    of = annotation.get("image_id") if isinstance(annotation, dict) else None
                    detail = f"the file lists no image with the id {quoted(of)}"
                    on_finding(Finding(FindingKind.ANNOTATION_WITHOUT_IMAGE, location, detail))

    def _record(self, file: BinaryIO, number: int, on_finding: OnFinding) -> ImageRecord | None:
        if number in self.repeats.first:  # it is joined to the first
            return None
        name, location = self.names[number], self._location(number)
        listings = (number, *self.repeats.later.get(number, ()))
        annotations = [int(self.first[k + 1] - self.first[k]) for k in listings]
        skipped = count(sum(annotations), "annotation")
        found = find_image(self.images, name, location, skipped, on_finding, self.spelling)
        if not found:
            return None
        image, height, width = found
        of_listings = [self._listing(file, k, height, width, on_finding) for k in listings]
        fitting = [instances for instances in of_listings if instances is not None]
        if not fitting:
            return None
        instances = join(fitting)
        if not instances and any(annotations):
            on_finding(Finding(FindingKind.NO_USABLE_ANNOTATION, location, quoted(name)))
            return None
        if not instances and (lost := int(self.first[-1] - self.first[-2])):
            # A photo without a garment and one whose annotations are among them look the same.
            of_none = count(lost, "annotation")
            detail = f"{quoted(name)} has no annotation, and {of_none} of the file name no image"
            on_finding(Finding(FindingKind.LOST_LABELS, location, detail))
            return None
        if not instances and self.spelling.has_lost(image, name, location, on_finding):
            return None
        if len(listings) > 1:
            on_finding(joined(location, name, annotations, "annotation"))
        return ImageRecord(self.image_id(number), image, height, width, instances)

    def _location(self, number: int) -> str:
        return f"{self.path.name}:{shown(self.spelling.written(self.names[number]))}"

    def _listing(
        self, file: BinaryIO, number: int, height: int, width: int, on_finding: OnFinding
    ) -> list[Instance] | None:
        """The instances of one listing of a photo; None where it is of another size."""
        annotations = list(self._annotations(file, number))
        given_height, given_width = self.sizes[number].tolist()
        if why := _mismatch((given_height, given_width), annotations, (height, width)):
            detail = f"{why}, {count(len(annotations), 'annotation')}"
            on_finding(Finding(FindingKind.SIZE_MISMATCH, self._location(number), detail))
            return None
        found = (self._instance(a, height, width, at, on_finding) for at, a in annotations)
        return [instance for instance in found if instance]

    def _annotations(self, file: BinaryIO, number: int) -> Iterator[tuple[str, Any]]:
        """Location and JSON of each annotation of a photo."""
        for start, stop in self.ranges[self.first[number] : self.first[number + 1]].tolist():
            file.seek(start)
            annotation = json_index.decode(file.read(stop - start))
            key = _id(annotation, "id")
            where = f"byte {start}" if key is None else shown(str(key))
            yield f"{self.path.name}:{where}", annotation

    def _instance(
        self, annotation: dict, height: int, width: int, location: str, on_finding: OnFinding
    ) -> Instance | None:
        key = _id(annotation, "category_id")
        category = None if key is None else self.categories.get(key)
        if category is None:
            detail = f"category_id {quoted(annotation.get('category_id'))} has no name"
            on_finding(Finding(FindingKind.ANNOTATION_WITHOUT_LABEL, location, detail))
            return None
        segmentation = annotation.get("segmentation")
        if not segmentation or values.is_gap(segmentation):
            on_finding(
                Finding(FindingKind.ANNOTATION_WITHOUT_MASK, location, f"{category}: a box alone")
            )
            return None
        try:
            attributes = self._attributes(annotation)
            mask, rings = draw(segmentation, height, width, location, on_finding)
            mask, found = (mask, ()) if rings else held_against(annotation, mask)
            if rle.area(mask) == 0:
                raise ValueError("the mask has no pixel inside the photo")
        except ValueError as error:
            on_finding(Finding(FindingKind.UNDRAWABLE_ANNOTATION, location, f"{category}: {error}"))
            return None
        if rings:
            # A crossing is not repaired: pycocotools fills it as it fills everything. Tools write
            # as an outline's area also that of its box, or of what it fills with the holes.
            found = polygons.out_of_frame(rings, height, width)
            found = found or unlike(mask, None, annotation.get("bbox"))
        return Instance(category, mask, location, attributes, rings, found)

    def _attributes(self, annotation: dict) -> tuple[str, ...]:
        given = annotation.get("attribute_ids")
        ids = [] if not given or values.is_gap(given) else given
        keys = list(map(values.id_of, ids)) if isinstance(ids, list) else [None]
        if None in keys:
            raise ValueError(f"attribute_ids {quoted(ids)} is no list of ids")
        return tuple(self.attributes.get(key) or quoted(key) for key in keys if key is not None)


def load(path: Path, images: Path) -> Coco:
    """Checks a COCO file as a whole, and notes where the annotations of each photo are.

    One pass over the file, whatever the order in it; no more than one element is held.

    Args:
        images: the folder of photos

    Raises:
        FormatError: not a COCO file, an image or a category in it without an id and a name,
            two of one id, or no annotation in it is of an image that it lists
    """
    names: list[str] = []
    sizes: list[tuple[int, int]] = []
    rows: dict[Id | None, int] = {}  # of each image id
    labels: dict[str, dict[Id, str]] = {"categories": {}, "attributes": {}}
    ranges, owners = array("q"), array("q")
    keys: dict[Id | None, int] = {}  # the image ids of annotations, whose image may come later
    size, changed = _state(path)
    for key, start, stop, value in json_index.elements(path):
        try:
            if key == "annotations":
                ranges.extend((start, stop))
                owners.append(keys.setdefault(_id(value, "image_id"), len(keys)))
                if isinstance(value, dict) and "segments_info" in value:
                    raise ValueError(PANOPTIC)
            elif key == "images":
                image_id, name = _named(value, "file_name")
                row = rows.setdefault(image_id, len(names))
                if row < len(names) and names[row] != name:
                    raise ValueError(f"{quoted(names[row])} has the id {quoted(image_id)} too")
                names.append(name)
                height, width = value.get("height"), value.get("width")
                unsaid = values.is_gap(height) and values.is_gap(width)
                sizes.append(UNSAID if unsaid else values.size(height, width) or WRONG)
            elif key in labels:
                label_id, name = _named(value, "name")
                label = printable(name)
                if labels[key].setdefault(label_id, label) != label:
                    other = quoted(labels[key][label_id])
                    raise ValueError(f"{other} has the id {quoted(label_id)} too")
            elif not key:
                raise FormatError(path, _explain_list(value))
        except ValueError as error:
            raise FormatError(path, str(error), where=f"{key}, byte {start}") from None
    for key, found in {"images": names, "annotations": owners, **labels}.items():
        if not found and key != "attributes":
            raise FormatError(path, f"holds no {key}: not a COCO file with labels")
    image_of_key = np.array([rows.get(image_id, len(names)) for image_id in keys])
    image = image_of_key[np.frombuffer(owners, np.int64)]
    if image.min() == len(names):
        raise FormatError(path, _all_lost(len(owners), keys, rows), where="annotations")
    spelling = Spelling.of(names, images)
    return Coco(
        path,
        images,
        spelling.names,
        spelling,
        np.array(sizes, np.int64),
        Repeats.of(spelling.names, images),
        labels["categories"],
        labels["attributes"],
        np.cumsum([0, *np.bincount(image, minlength=len(names) + 1)]),
        np.frombuffer(ranges, np.int64).reshape(-1, 2)[np.argsort(image, kind="stable")],
        size,
        changed,
    )


def _all_lost(annotations: int, named: Iterable[Id | None], listed: Iterable[Id | None]) -> str:
    """Why not one annotation has a photo: two lists of ids that do not meet."""
    theirs, ours = (
        ", ".join([*map(quoted, ids[:MAX_NAMED]), *["..."] * (len(ids) > MAX_NAMED)])
        for ids in (list(named), list(listed))
    )
    return (
        f"none of {count(annotations, 'annotation')} is of an image in the file: they name "
        f"image_id {theirs}, the images have id {ours}; these were renumbered, or are of another "
        "split: give both lists the same ids"
    )


def _mismatch(
    given: tuple[int, int], annotations: Iterable[tuple[str, dict]], found: tuple[int, int]
) -> str:
    """Why the labels are for another size than the photo has; empty where they fit.

    Where the file gives no size, run lengths tell theirs, and polygons are taken for the photo's.
    """
    if given == WRONG:
        return "the file gives no size that a photo can have"
    if given != UNSAID:
        return "" if given == found else explain_mismatch(given, found)
    for _, annotation in annotations:
        for runs in all_runs(annotation.get("segmentation")):
            size = size_of_runs(runs)
            if size and size != found:
                mismatch = explain_mismatch(size, found)
                return f"the file gives no size; by its run lengths, {mismatch}"
    return ""


def _explain_list(first: object) -> str:
    """What a file is that is a list, by its first element."""
    keys = first.keys() if isinstance(first, dict) else set()
    if "segments_info" in keys:
        return PANOPTIC
    if {"image_id", "category_id"} <= keys:
        return (
            "COCO results, which are predictions: they lack the images and the categories; import "
            "the annotation file"
        )
    if "data" in keys or {"annotator", "annotation_id", "lead_time"} & keys:
        return "Label Studio's own JSON: read it with `curate import label-studio`"
    return "a list, where COCO is an object with images, annotations and categories"


def _state(path: Path) -> tuple[int, int]:
    """Bytes, and nanoseconds of the last change."""
    try:
        state = path.stat()
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None
    return state.st_size, state.st_mtime_ns


def _id(table: object, key: str) -> Id | None:
    return values.id_of(table.get(key)) if isinstance(table, dict) else None


def _named(table: object, key: str) -> tuple[Id, str]:
    found, name = _id(table, "id"), table.get(key) if isinstance(table, dict) else None
    if found is None or not isinstance(name, str) or not name.strip():
        raise ValueError(f"needs an id and a {key}")
    name.encode()
    return found, name
