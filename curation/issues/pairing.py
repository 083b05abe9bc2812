"""One thing, one suspect: a missing garment that is what is wrong with a label is no other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from curation.core import masks
from curation.core.rle import Rle
from curation.issues.geometry import Mask, grown
from curation.issues.issue import SUSPECT, ErrorType, Issue
from curation.issues.missing_instances import matches

SIDE = 128
"""Pixels in which places are compared."""

_REACH = 2
"""Pixels between a label and the part of the garment that it lacks, which annotators leave."""

_LACKING = (ErrorType.BAD_BOUNDARY, ErrorType.SHIFTED)
"""Of these a part of the same garment lies beside the label."""


def paired(
    labels: Sequence[Issue], outlines: Sequence[Rle], missing: Sequence[Issue]
) -> list[Issue]:
    """The suspects of a photo without those missing garments that are about a doubted label: its
    garment under another class, or the rest of it. The label takes their score if it is higher.

    Args:
        labels: of the photo, and of each its mask over the whole photo
        missing: garments that the model sees there
    """
    found = list(labels)
    doubted = [i for i, issue in enumerate(labels) if issue.error_score >= SUSPECT]
    places = {i: _small(outlines[i]) for i in doubted} if missing else {}
    left = []
    for garment in missing:
        there = _small(garment.mask) if garment.mask else np.zeros((SIDE, SIDE), bool)
        same = [i for i in doubted if _same(found[i], places[i], garment, there)]
        if not same:
            left.append(garment)
            continue
        best = max(same, key=lambda i: np.count_nonzero(places[i] & there))
        score = max(found[best].error_score, garment.error_score)
        found[best] = replace(found[best], error_score=score)
    return [*found, *left]


def _small(mask: Rle) -> Mask:
    rows, columns = (masks.sample_points(n, SIDE) for n in (mask.height, mask.width))
    return masks.sample(mask, rows, columns)


def _same(label: Issue, place: Mask, garment: Issue, there: Mask) -> bool:
    """Whether a missing garment is what is doubted of a label."""
    if label.category == garment.suggested_label:
        beside = bool((grown(place, _REACH) & there).any())
        return label.error_type in _LACKING and beside
    if label.error_type == ErrorType.WRONG_CATEGORY:
        # Where the label is something else, it is what the model sees at its place.
        return label.suggested_label == garment.suggested_label and matches(there, place)
    within = np.count_nonzero(place & there) >= 0.6 * np.count_nonzero(there)
    return bool(label.error_type == ErrorType.MERGED and within)
