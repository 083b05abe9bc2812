"""What the reviewer has picked in the App: garments, photos."""

from __future__ import annotations

from dataclasses import dataclass

import fiftyone as fo
from bson import ObjectId

LABELS = "labels"
MISSING = "missing_"


class Refusal(Exception):
    """There is nothing to decide on; the message says what to click instead."""


@dataclass(frozen=True)
class Garment:
    """One picked detection.

    Attributes:
        image_id: its photo
        field: ``labels`` or ``missing_<run>``
        detection: as it is now
    """

    image_id: str
    field: str
    detection: fo.Detection

    @property
    def label(self) -> str:
        return self.detection.label


def garments(ctx, *prefixes: str) -> list[Garment]:
    """The picked detections of the fields that start with one of the prefixes.

    Picked are, in this order: garments clicked in the open photo; the patch
    that is open; patches ticked in the grid.

    Raises:
        Refusal: there is none
    """
    picks = _clicked(ctx) or _patches(ctx)
    if not picks:
        raise Refusal(_advice(prefixes))
    wanted = [pick for pick in picks if pick[0].startswith(prefixes)]
    if not wanted:
        raise Refusal(f"You picked {_describe(picks[0][0])}. {_advice(prefixes)}")
    found = _fetch(ctx.dataset, wanted)
    if not found:
        raise Refusal("What you picked is gone. Reload the page and pick again.")
    return found


def images(ctx) -> list[str]:
    """The image ids of the open photo, or else of those ticked in the grid.

    Raises:
        Refusal: there is none
    """
    ids = [ctx.current_sample] if ctx.current_sample else list(ctx.selected)
    if not ids:
        raise Refusal("Open a photo, or tick photos in the grid first.")
    if patch_field(ctx):
        ids = [sample for _, _, sample in _of_tiles(ctx, ids)]
    return sorted(ctx.dataset.select(sorted(set(ids))).values("image_id"))


def patch_field(ctx) -> str:
    """The field whose patches the grid shows; empty where it shows photos."""
    return getattr(ctx.view, "patches_field", "")


def _clicked(ctx) -> list[tuple[str, str, str]]:
    """(field, detection id, id of the photo's sample) of the garments clicked in the open photo.

    FiftyOne keeps what was clicked in photos that are closed by now, and nobody sees it any more.
    """
    clicked = [c for c in ctx.selected_labels or [] if c["sample_id"] == ctx.current_sample]
    sample_of = {}
    if clicked and patch_field(ctx):
        patches = ctx.view.select(sorted({c["sample_id"] for c in clicked}))
        sample_of = dict(zip(*patches.values(["id", "sample_id"]), strict=True))
    return [
        (c["field"], c["label_id"], sample_of.get(c["sample_id"], c["sample_id"])) for c in clicked
    ]


def _patches(ctx) -> list[tuple[str, str, str]]:
    """The same of the patch that is open, or else of those ticked in the grid."""
    ids = [ctx.current_sample] if ctx.current_sample else list(ctx.selected)
    return _of_tiles(ctx, ids) if patch_field(ctx) and ids else []


def _of_tiles(ctx, ids: list[str]) -> list[tuple[str, str, str]]:
    """The same of tiles; each has the id of its label."""
    field = patch_field(ctx)
    samples = dict(zip(*ctx.view.select(ids).values(["id", "sample_id"]), strict=True))
    # The tile that is open was decided on, and left the view.
    if gone := [ObjectId(i) for i in ids if i not in samples]:
        for photo in ctx.dataset.match({f"{field}.detections._id": {"$in": gone}}):
            samples |= {d.id: photo.id for d in photo[field].detections}
    return [(field, i, samples[i]) for i in ids if i in samples]


def _fetch(dataset: fo.Dataset, picks: list[tuple[str, str, str]]) -> list[Garment]:
    field_of = {label: field for field, label, _ in picks}
    fields = sorted(set(field_of.values()))
    samples = dataset.select(sorted({sample for _, _, sample in picks}))
    found = {}
    for sample in samples.select_fields(["image_id", *fields]):
        for field in fields:
            for detection in sample[field].detections if sample[field] else ():
                if field_of.get(detection.id) == field:
                    found[detection.id] = Garment(sample.image_id, field, detection)
    return [found[label] for label in field_of if label in found]


def _advice(prefixes: tuple[str, ...]) -> str:
    if LABELS not in prefixes:
        return "Click a white region first: a garment that the model sees and nobody labelled."
    return "Click a label in the open photo first, or tick patches in the grid."


def _describe(field: str) -> str:
    if field.startswith(("prediction_", "outline_")):
        return f"the model's prediction ({field}), not a label: click beside it, or untick it"
    if field.startswith(MISSING):
        return f"a garment that nobody labelled ({field}): Add accepts it, Delete dismisses it"
    return f"'{field}', which review leaves as it is"
