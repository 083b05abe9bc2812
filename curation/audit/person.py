"""Labels of a photo held against the person in it: mirrored, turned, or of another photo?

Labels that are right fit their own person better than when they are mirrored or turned, and far
better than they fit the people of other photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.audit.image_hash import first_location
from curation.core.finding import Finding, FindingKind
from curation.core.person import TRANSFORMS, Person, agreement, labelled
from curation.core.records import ImageRecord

REFERENCES = 64
"""People of other photos that labels are held against."""
CONFIDENT = 0.6
"""Of a person: below, a photo shows none, several, or a part of one, and nothing is said. 99 of
100 photos of CCP are above."""

COVERED = 0.25
"""Of a silhouette's area: of fewer labels, such as a bag alone, nothing is said."""

_GAIN = 0.08
"""IoU that another way round has to fit better by. Of CCP's 799 photos none does, as they are."""
_LEAST = 1.0
"""Standard deviations of the fit with others' people, by which that with the own is better."""
_USUAL = 3.0
"""The same in the median of the photos: where it is less, all stand alike, or most labels are of
other photos, and nobody can tell. Of CCP it is 4."""
_FEWEST = 30
"""Photos of which there is a median."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the labels of a photo fit people, as IoU with silhouettes.

    Attributes:
        image_id: the photo
        location: of its first label
        covered: area of all labels by the area of the person
        own: with the person of the photo
        others: with the people of other photos, on average
        deviation: standard deviation of that
        transformed: with the person of the photo, by the name of a transform
        confidence: see :class:`curation.core.person.Person`
    """

    image_id: str
    location: str
    covered: float
    own: float
    others: float
    deviation: float
    transformed: Mapping[str, float]
    confidence: float

    @property
    def margin(self) -> float:
        """How much better the own person fits than others, in standard deviations."""
        return (self.own - self.others) / max(self.deviation, 1e-6)


def fits(references: NDArray[np.bool_], photos: Sequence[tuple[ImageRecord, Person]]) -> list[Fit]:
    """How well the labels of each photo fit. Runs in worker processes.

    Args:
        references: (N, SIDE, SIDE) silhouettes of other photos
    """
    return [_fit(references, *photo) for photo in photos]


def _fit(references: NDArray[np.bool_], record: ImageRecord, person: Person) -> Fit:
    mask, own = labelled(record), person.silhouette[None]
    others = agreement(mask, references)
    return Fit(
        record.image_id,
        first_location(record),
        float(mask.sum() / max(own.sum(), 1)),
        float(agreement(mask, own)[0]),
        float(others.mean()),
        float(others.std()),
        {name: float(agreement(turn(mask), own)[0]) for name, turn in TRANSFORMS.items()},
        person.confidence,
    )


def findings(photos: Sequence[Fit]) -> list[Finding]:
    """The photos whose labels do not fit, and what would fit better."""
    known = [x for x in photos if x.confidence >= CONFIDENT and x.covered >= COVERED]
    telling = len(known) >= _FEWEST and np.median([fit.margin for fit in known]) >= _USUAL
    found = []
    for fit in known:
        name, best = max(fit.transformed.items(), key=lambda item: item[1])
        if best >= fit.own + _GAIN:
            detail = f"IoU {fit.own:.2f} with the person's silhouette as given, {best:.2f} {name}"
        elif telling and fit.margin < _LEAST:
            detail = (
                f"IoU {fit.own:.2f} with the person's silhouette, {fit.others:.2f} with those of "
                "other photos: labels of another photo, or most are missing"
            )
        else:
            continue
        found.append(Finding(FindingKind.NOT_OF_PERSON, fit.location, detail, fit.image_id))
    return found
