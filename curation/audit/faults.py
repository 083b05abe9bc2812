"""What a fault is, and the table of all there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from curation.core.polygons import OUT_OF_FRAME, SELF_INTERSECTING
from curation.core.rle import OVERLAPPING_RUNS, RUN_PAST_END

EMPTY = "empty mask"
TINY = "tiny mask"
DUPLICATE = "duplicate instance"
CONTRADICTION = "same pixels, other category"
LONE_PART = "part without its garment"
UNREADABLE = "unreadable photo"
OTHER_SIZE = "size mismatch"
TWIN = "duplicate photo, other labels"
NEAR_TWIN = "near-duplicate photo, other labels"
TWIN_GARMENT = "same garment, other category"
LEFT_OUT = "left out at import"

SEVERITIES = ("error", "warning", "note")
"""Worst first."""


class Kind(NamedTuple):
    """How bad a fault is, and one line that explains it.

    ``error``: the label is wrong, or no use, as it stands. ``warning``: probably
    wrong, to be looked at. ``note``: mended while it was read, and mostly right.
    """

    severity: str
    meaning: str


FAULTS: Mapping[str, Kind] = {
    RUN_PAST_END: Kind("error", "a run went past the photo's last pixel and was cut off there"),
    OVERLAPPING_RUNS: Kind("note", "runs overlapped; the mask is the pixels inside any of them"),
    EMPTY: Kind("error", "the mask has no pixel"),
    TINY: Kind("warning", "too small to have been drawn on purpose, or to be learnt from"),
    OUT_OF_FRAME: Kind("warning", "the polygon left the photo and was cut off at its edge"),
    SELF_INTERSECTING: Kind(
        "note", "the outline crosses itself; it was mended, which changed its area"
    ),
    DUPLICATE: Kind("error", "the same garment is labelled twice"),
    CONTRADICTION: Kind("error", "two categories for the same pixels: one is wrong"),
    LONE_PART: Kind("warning", "a garment's part, and no garment near it that could have it"),
    UNREADABLE: Kind("error", "the photo cannot be opened and decoded to its end"),
    OTHER_SIZE: Kind("error", "the photo does not have the size that the masks were drawn on"),
    TWIN: Kind("error", "the same file under another name is labelled otherwise"),
    NEAR_TWIN: Kind("warning", "a photo that looks the same has other categories"),
    TWIN_GARMENT: Kind(
        "warning", "a photo that looks the same calls this garment by another category"
    ),
    LEFT_OUT: Kind("error", "a row, region or photo of the annotation file was not imported"),
}
"""Every fault that an audit can find, by name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one label, or of a photo.

    Attributes:
        image_id: the photo
        instance_id: empty for the whole photo
        name: a key of ``FAULTS``
        detail: the finding as a sentence, with figures
        source: where the label stands in its file, e.g. ``train.csv:1042``; for
            a photo, its first label
        other: the other instance's id (or photo's, for a photo) where two are
            at odds
    """

    image_id: str
    instance_id: str
    name: str
    detail: str
    source: str
    other: str = ""

    @property
    def severity(self) -> str:
        """``error``, ``warning`` or ``note``: one for each name."""
        return FAULTS[self.name].severity
