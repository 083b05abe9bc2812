"""What is drawn of the suspects of a dataset: the label, what is around it, what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core import masks, rle
from curation.core.outlines import Ring, rings
from curation.core.rle import Rle
from curation.issues.transform import Transform
from curation.review.suspect import PHOTO
from curation.store import bulk, documents, suspects, whole_photos
from curation.store.dataset import Dataset
from curation.store.fields import LABELS

_PLACED = ("kept", "redrawn", "added")
"""``review_status`` of labels whose outlines are what a reviewer wants them to be: what mends all
labels of a photo leaves these where they are."""


def outlines(
    dataset: Dataset, wanted: Sequence[tuple[str, str, str, str]]
) -> dict[str, dict[str, Any]]:
    """What is drawn of suspects: the label, what would be right, and the labels around it.

    Args:
        wanted: label id, image id, field, and the class that is suggested (empty for none)

    Returns:
        by label id: ``own``, ``suggestion`` (rings), ``suggestion_label``, ``second`` (label and
        rings of the other garment under one label, or None), ``predicted`` (whether the model drew
        it, so that its mask can be taken; then a hash of what is taken), ``others`` (label and
        rings of each), ``other`` (the photo that it is at odds with, or None), and ``seen``; of a
        label that is gone, ``gone`` alone; of a photo, :func:`_of_photo`
    """
    fields = [LABELS, "metadata", "filepath", *whole_photos.FIELDS]
    if run := dataset.flagged:
        fields += [f"missing_{run}", f"prediction_{run}"]
    photos = _by_id(bulk.read(dataset.samples, {w[1] for w in wanted}, fields))
    whole = [photos[w[1]] for w in wanted if w[2] == PHOTO and w[1] in photos]
    ids = {w[0] for w in wanted}
    there = (d for photo in photos.values() for d in bulk.detections(photo, LABELS))
    at_odds = [*whole, *(d for d in there if str(d["_id"]) in ids)]
    beside = {str(one.get("at_odds_with") or "") for one in at_odds}
    others = _by_id(bulk.read(dataset.samples, beside, fields))
    said = dataset.review().on_photos
    # Once a photo: several of its labels may be asked for at once.
    label_maps = {image_id: _label_map(photo, run) for image_id, photo in photos.items()}
    drawn = {image_id: _drawn(photo) for image_id, photo in photos.items()}
    classes = {c.name: c.id for c in dataset.taxonomy.classes}
    found: dict[str, dict[str, Any]] = {}
    for label_id, image_id, field, suggested in wanted:
        photo = photos.get(image_id, {})
        if field == PHOTO and photo:
            other = others.get(photo.get("at_odds_with") or "")
            seen = whole_photos.seen(photo, said.get(image_id))
            labels = drawn[image_id]
            right = None
            if photo.get("photo_doubt"):
                right = _photo(photo, _mended(photo, labels, label_maps[image_id], classes))
            elif other:
                right = _photo(other, _drawn(other).values())
            about = _of_photo(labels, right)
            found[label_id] = {**about, "seen": seen, "gone": False}
            continue
        of_field = bulk.detections(photo, field)
        own = next((d for d in of_field if str(d["_id"]) == label_id), None)
        if own is None:
            found[label_id] = {"gone": True}
            continue
        name = suggested if suggested in classes else own["label"]
        other = others.get(own.get("at_odds_with") or "")
        shape = drawn[image_id][label_id][1] if field == LABELS else _rings(own)
        suggestion, second, predicted = shape, None, ""
        if stored := _stored(photo, own, name):
            suggestion = _outline(stored.mask)
            second = stored.second and {"label": stored.second[0],
                                        "rings": _outline(stored.second[1])}  # fmt: skip
            predicted = stored.seen
        elif field == LABELS:
            region = _predicted(label_maps[image_id], classes.get(name, 0), own["bounding_box"])
            suggestion = []
            if region is not None and (suggestion := rings(region)):
                predicted = _seen(region)
        found[label_id] = {
            "own": shape,
            "suggestion": suggestion,
            "suggestion_label": name,
            "second": second,
            "predicted": predicted,
            "others": _listed(x for key, x in drawn[image_id].items() if key != label_id),
            "other": other and _photo(other, _drawn(other).values()),
            "seen": suspects.seen(photo, own),
            "gone": False,
        }
    return found


def _by_id(photos: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {photo["image_id"]: photo for photo in photos}


def _drawn(photo: Mapping[str, Any]) -> dict[str, tuple[str, list[Ring]]]:
    """Class and rings of each label of a photo, by id."""
    return {str(d["_id"]): (d["label"], _rings(d)) for d in bulk.detections(photo, LABELS)}


def _of_photo(
    labels: Mapping[str, tuple[str, list[Ring]]], right: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What is drawn of a photo as a whole: its labels, and what they are held against."""
    return {
        "own": [], "suggestion": [], "suggestion_label": "", "second": None, "predicted": "",
        "others": _listed(labels.values()),
        "other": right,
    }  # fmt: skip


def _photo(photo: Mapping[str, Any], labels: Iterable[tuple[str, list[Ring]]]) -> dict[str, Any]:
    """A photo with labels over it."""
    return {
        "path": photo["filepath"],
        "width": photo["metadata"]["width"],
        "height": photo["metadata"]["height"],
        "labels": _listed(labels),
    }


def _mended(
    photo: Mapping[str, Any],
    labels: Mapping[str, tuple[str, list[Ring]]],
    label_map: NDArray[np.uint8] | None,
    classes: Mapping[str, int],
) -> Iterator[tuple[str, list[Ring]]]:
    """The labels of a photo as would mend them all; what the model sees where nothing would."""
    if how := photo.get("suggested_transform"):
        transform, moved = Transform.parse(how), {str(d["_id"]) for d in _unplaced(photo)}
        for label_id, (name, shape) in labels.items():
            mended = [[transform.place(x, y) for x, y in ring] for ring in shape]
            yield name, mended if label_id in moved else shape
    elif label_map is not None:
        for name, class_id in classes.items():
            yield name, rings(label_map == class_id)


def _unplaced(photo: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [d for d in bulk.detections(photo, LABELS) if d.get("review_status") not in _PLACED]


def _listed(labels: Iterable[tuple[str, list[Ring]]]) -> list[dict[str, Any]]:
    return [{"label": label, "rings": shape} for label, shape in labels]


def _rings(d: Mapping[str, Any]) -> list[Ring]:
    return rings(documents.unpack(d["mask"]), d["bounding_box"]) if d.get("mask") else []


def transformed(dataset: Dataset, image_id: str, seen: str) -> dict[str, Rle]:
    """The labels of a photo as its ``suggested_transform`` would have them: masks by label id; one
    that left the photo is empty. Without those whose outlines a reviewer has decided on.

    Args:
        seen: what the reviewer had on screen, see :func:`curation.store.whole_photos.seen`

    Returns:
        nothing where the photo is not what the reviewer saw any more
    """
    photo = next(
        bulk.read(dataset.samples, [image_id], [LABELS, "metadata", *whole_photos.FIELDS]), {}
    )
    said = dataset.review().on_photos.get(image_id)
    how = photo.get("photo_doubt") and photo.get("suggested_transform")
    if not how or whole_photos.seen(photo, said) != seen:
        return {}
    transform = Transform.parse(how)
    height, width = photo["metadata"]["height"], photo["metadata"]["width"]
    masks = {str(d["_id"]): Rle(height, width, d["rle"].encode()) for d in _unplaced(photo)}
    return {label_id: transform.of(mask) for label_id, mask in masks.items()}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What would be right where a label is.

    Attributes:
        mask: over the whole photo
        seen: a hash of what the reviewer has on screen of it
        second: class and mask of the other garment, of a label over two
    """

    mask: Rle
    seen: str
    second: tuple[str, Rle] | None = None


def suggestion(
    dataset: Dataset, image_id: str, label_id: str, category: str = ""
) -> Suggestion | None:
    """What the flagged run suggests in place of a label: the mask that flagging made, else the
    regions that its model sees there.

    Args:
        category: the class to look for; empty for the label's own

    Returns:
        None where the model sees nothing of that class there
    """
    run = dataset.flagged
    fields = [LABELS, "metadata", f"prediction_{run}"]
    photo = next(bulk.read(dataset.samples, [image_id], fields), {})
    own = next((d for d in bulk.detections(photo, LABELS) if str(d["_id"]) == label_id), None)
    if own is None:
        return None
    if stored := _stored(photo, own, category or own["label"]):
        return stored
    classes = {c.name: c.id for c in dataset.taxonomy.classes}
    class_id = classes.get(category or own["label"], 0)
    region = _predicted(_label_map(photo, run), class_id, own["bounding_box"])
    if region is None or not region.any():
        return None
    height, width = photo["metadata"]["height"], photo["metadata"]["width"]
    # Linear, and cut at a half: nearest would draw the prediction's coarse steps.
    smooth = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return Suggestion(rle.encode(smooth > 0.5), _seen(region))


def second_id(label_id: str, mask: Rle) -> str:
    """The id of the label that the other garment under a label gets, whenever it gets it."""
    text = f"{label_id}\0second\0".encode() + mask.counts
    return blake2b(text, digest_size=12).hexdigest()


def _stored(photo: Mapping[str, Any], label: Mapping[str, Any], category: str) -> Suggestion | None:
    """What flagging made of a label, under its own class; None where it made nothing."""
    if category != label["label"] or not label.get("suggested_mask"):
        return None
    height, width = photo["metadata"]["height"], photo["metadata"]["width"]
    mask, other = (
        Rle(height, width, label[name].encode()) if label.get(name) else None
        for name in ("suggested_mask", "second_mask")
    )
    if mask is None:
        return None
    name = label["second_label"] if other else ""
    seen = _hash(mask.counts, name.encode(), other.counts if other else b"")
    return Suggestion(mask, seen, (name, other) if other else None)


def _seen(region: NDArray[np.bool_]) -> str:
    return _hash(np.packbits(region).tobytes())


def _hash(*parts: bytes) -> str:
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()


def _outline(mask: Rle) -> list[Ring]:
    """The rings of a mask, as those of a label are drawn."""
    piece, (left, top, width, height) = masks.crop(mask, documents.DRAWN)
    x, y = left / mask.width, top / mask.height
    return rings(piece, (x, y, width / mask.width, height / mask.height))


def _predicted(
    label_map: NDArray[np.uint8] | None, class_id: int, box: Sequence[float]
) -> NDArray[np.bool_] | None:
    return None if label_map is None else predicted_mask(label_map, class_id, box)


def predicted_mask(
    label_map: NDArray[np.uint8], class_id: int, box: Sequence[float]
) -> NDArray[np.bool_]:
    """The connected regions of a class in a prediction that reach into a box.

    Args:
        label_map: (H, W) class ids
        box: x, y, width, height, relative to the photo

    Returns:
        (H, W)
    """
    _, regions = cv2.connectedComponents((label_map == class_id).astype(np.uint8))
    height, width = label_map.shape
    x, y, w, h = box
    rows = slice(max(0, int(y * height)), int(np.ceil((y + h) * height)))
    columns = slice(max(0, int(x * width)), int(np.ceil((x + w) * width)))
    inside = np.unique(regions[rows, columns])
    return np.isin(regions, inside[inside > 0])


def _label_map(photo: Mapping[str, Any], run: str | None) -> NDArray[np.uint8] | None:
    """(H, W) class ids that a run predicted; None where it did not, or the file is no use."""
    path = Path((photo.get(f"prediction_{run}") or {}).get("mask_path") or "")
    try:
        with Image.open(path) as image:
            # One that somebody saved in colours has no class ids any more.
            return np.asarray(image) if image.mode in ("L", "P") else None
    except OSError:
        return None
