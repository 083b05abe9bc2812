"""The random sample of labels by which an estimate is made: drawn once for each flagged run.

Beside the labels that were drawn, the file keeps those that could have been, with their scores:
another ``flag`` learns from what was decided, and its scores say less of the sample than of others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.core import npz
from curation.core.atomic import replacing
from curation.core.errors import CurateError, DatasetError
from curation.review import estimate
from curation.store import bulk, suspects
from curation.store.dataset import Dataset
from curation.store.fields import LABELS

FILE = "sample.npz"
"""In the run's folder."""

_AGAIN = "remove it, and another sample is drawn; what was decided stays"


@dataclass(frozen=True)
class Sample:
    """A sample, and what it was drawn from.

    Attributes:
        ids: (N,) of the labels that nobody had decided on then, in order
        image_ids: (N,) of their photos
        score: (N,) the error_score of each, as it was
        stratum: (N,) see :func:`curation.review.estimate.strata`
        drawn: (S,) the sample, as indices: the first of it are a smaller one
    """

    ids: NDArray[np.str_]
    image_ids: NDArray[np.str_]
    score: NDArray[np.float64]
    stratum: NDArray[np.int64]
    drawn: NDArray[np.int64]

    def left(self, decided: Collection[str]) -> list[int]:
        """The labels of the sample that nobody decided on, as indices."""
        return [i for i in self.drawn.tolist() if str(self.ids[i]) not in decided]


def path(dataset: Dataset) -> Path:
    """Where the sample of the flagged run is, or will be.

    Raises:
        DatasetError: no run was flagged yet
    """
    if not dataset.flagged:
        raise DatasetError(
            dataset.name,
            "has no scores yet: train a run with folds, then run "
            f"`curate flag {dataset.name} --run RUN`",
        )
    return dataset.run_folder(dataset.flagged) / FILE


def read(dataset: Dataset) -> Sample | None:
    """The sample of the flagged run; None where none was drawn.

    Raises:
        CurateError: the file is damaged
    """
    if not dataset.flagged or not path(dataset).exists():
        return None
    arrays = npz.read(path(dataset), _AGAIN)
    try:
        sample = Sample(**arrays)
        lengths = {len(a) for a in (sample.ids, sample.image_ids, sample.score, sample.stratum)}
        ranges = ((sample.drawn, len(sample.ids)), (sample.stratum, estimate.STRATA))
        sane = len(lengths) == 1 and all(
            a.dtype.kind == "i" and (a >= 0).all() and (a < end).all() for a, end in ranges
        )
        if not sane or not np.isfinite(sample.score).all():
            raise ValueError
    except (TypeError, ValueError):
        reason = f"is no sample that curate wrote; {_AGAIN}"
        raise CurateError(path(dataset), reason) from None
    return sample


def draw(dataset: Dataset, size: int, without: Collection[str]) -> Sample:
    """The sample of the flagged run, drawn unless it was; a smaller one is filled up.

    Args:
        size: labels in it
        without: photos that stay out, by image_id

    Raises:
        DatasetError: no run was flagged yet, or no label is left to draw
        CurateError: the file is damaged
    """
    with dataset.locked():
        known = read(dataset)
        if known and len(known.drawn) >= min(size, len(known.ids)):
            return known
        sample = known or _frame(dataset, without)
        seed = blake2b(f"{dataset.name}\0{dataset.flagged}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(seed))
        sample = Sample(**{**vars(sample), "drawn": estimate.draw(sample.stratum, size, rng)})
        with replacing(path(dataset)) as part:
            np.savez_compressed(part, allow_pickle=False, **vars(sample))
    return sample


def _frame(dataset: Dataset, without: Collection[str]) -> Sample:
    """What a sample can be drawn from: labels with a score that nobody decided on."""
    open_ = {"$and": [suspects.UNDECIDED, {"$gte": ["$$d.error_score", 0]}]}
    there = suspects.only(suspects.filtered(LABELS, open_), "_id", "error_score")
    kept = {"$match": {"excluded": {"$ne": True}}}
    steps: list[dict[str, Any]] = [kept, {"$project": {"image_id": 1, LABELS: there}}]
    rows = sorted(
        (str(d["_id"]), photo["image_id"], d["error_score"])
        for photo in bulk.collection(dataset.samples).aggregate(steps)
        if photo["image_id"] not in without
        for d in photo[LABELS]
    )
    if not rows:
        raise DatasetError(
            dataset.name,
            f"has no label that {dataset.flagged} scored and nobody decided on: nothing is left "
            "to draw a sample from",
        )
    ids, image_ids, scores = zip(*rows, strict=True)
    score = np.array(scores, float)
    nothing = np.zeros(0, np.int64)
    return Sample(np.array(ids), np.array(image_ids), score, estimate.strata(score), nothing)
