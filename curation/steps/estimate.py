"""The verb ``estimate``: how many labels are wrong, by a random sample that people decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curation.core.errors import DatasetError
from curation.review import Review
from curation.review.estimate import NEXT, RIGHT, SAMPLE, UNDECIDED, WRONG, Estimate, Labels
from curation.review.estimate import estimate as of_labels
from curation.review.suspect import FAULT, MISSING, SOURCE_LABEL
from curation.store import Dataset, queue, samples, suspects
from curation.store.fields import LABELS


@dataclass(frozen=True, slots=True)
class Band:
    """Labels of like scores, from which as many were drawn as from each other band.

    Attributes:
        low, high: their scores
        labels: how many they are
        decided, wrong: of those that were drawn
        said, is_so: what the scores say on average, and what the sample makes of it, of the labels
            that nobody decided on; None where all are
    """

    low: float
    high: float
    labels: int
    decided: int
    wrong: int
    said: float | None
    is_so: float | None


@dataclass(frozen=True)
class EstimateResult:
    """What is known of how many labels are wrong.

    Attributes:
        run: whose scores these are
        sample: labels that were drawn, of photos that still count
        left: how many of them nobody decided on yet
        estimate: see there; ``by_class`` by index into ``classes``
        classes: their names
        sizes: labels of each class, as imported
        ahead: labels of the queue that ``estimate.next_wrong`` is about
        bands: lowest scores first
    """

    run: str
    sample: int
    left: int
    estimate: Estimate
    classes: tuple[str, ...]
    sizes: tuple[int, ...]
    ahead: int
    bands: tuple[Band, ...]


def estimate(dataset: Dataset, size: int | None = None) -> EstimateResult:
    """Draws the sample of the flagged run, unless it was drawn, and says what follows from it.

    Its labels come up in the review panel among the suspects. The labels that the estimate is
    about are those as imported, under the active taxonomy: the ones that the run scored, and the
    ones that were decided on before. One is wrong whose class or mask was changed, or which was
    deleted.

    Args:
        size: labels in the sample; a smaller one that was drawn is filled up. None for the one
            that was drawn, whatever its size, and else ``SAMPLE``

    Raises:
        DatasetError: as :func:`curation.store.samples.draw`
    """
    review = dataset.review()
    if size is None:
        size = len(there.drawn) if (there := samples.read(dataset)) else SAMPLE
    sample = samples.draw(dataset, size, review.excluded)
    names = tuple(c.name for c in dataset.taxonomy.classes)
    given = samples.imported(dataset, review.excluded)
    said = _verdicts(review, given)
    frame = {key.decode(): i for i, key in enumerate(sample.ids)}
    ids = [key for key in given if key in frame or key in said]
    if not ids:
        raise DatasetError(dataset.name, "has no label left that its sample was drawn from")
    at = np.array([frame.get(key, -1) for key in ids])
    labels = Labels(
        # What was decided before is known: its score and stratum are asked by nobody.
        score=np.where(at < 0, 0.5, sample.score[at]),
        category=np.array([names.index(given[key]) for key in ids]),
        said=np.array([said.get(key, UNDECIDED) for key in ids], np.int8),
        sampled=np.isin(at, sample.drawn),
        stratum=np.where(at < 0, 0, sample.stratum[at]).astype(np.int64),
    )
    number = {key: i for i, key in enumerate(ids)}
    ahead = [number[key] for key in _next(dataset) if key in number][:NEXT]
    return EstimateResult(
        run=dataset.flagged or "",
        sample=int(labels.sampled.sum()),
        left=int((labels.sampled & (labels.said == UNDECIDED)).sum()),
        estimate=(found := of_labels(labels, ahead)),
        classes=names,
        sizes=tuple(np.bincount(labels.category, minlength=len(names)).tolist()),
        ahead=len(ahead),
        bands=_bands(labels, at >= 0, found),
    )


def _verdicts(review: Review, given: Mapping[str, str]) -> dict[str, int]:
    """RIGHT or WRONG, of each label as imported that was decided on.

    To keep what was changed says nothing of what it was; a source label that was changed within
    its class neither.
    """
    said: dict[str, int] = {}
    for key, d in review.on_labels.items():
        if key in given:
            within = d.action == "relabel" and review.category(d) == given[key]
            right = (d.action == "keep" or within) and key not in review.redrawn
            said[key] = RIGHT if right else WRONG
    return said


def _next(dataset: Dataset) -> list[str]:
    """The labels that are asked about next because of their class or mask, worst first."""
    others = (MISSING, SOURCE_LABEL, FAULT)
    found = [s for s in suspects.read(dataset) if s.field == LABELS and s.kind not in others]
    return [s.id for s in queue.go_on(dataset, found, NEXT)]


def _bands(labels: Labels, framed: np.ndarray, found: Estimate) -> tuple[Band, ...]:
    bands = []
    for stratum in np.unique(labels.stratum[framed]):
        inside = framed & (labels.stratum == stratum)
        open_ = inside & (labels.said == UNDECIDED)
        drawn = labels.said[inside & labels.sampled]
        means = (labels.score[open_].mean(), found.recalibrated[open_].mean())
        said, is_so = map(float, means) if open_.any() else (None, None)
        low, high = labels.score[inside].min(), labels.score[inside].max()
        counts = (int(inside.sum()), int((drawn != UNDECIDED).sum()), int((drawn == WRONG).sum()))
        bands.append(Band(float(low), float(high), *counts, said, is_so))
    return tuple(bands)
