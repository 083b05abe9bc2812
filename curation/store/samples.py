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
from curation.core.taxonomy import IGNORE
from curation.review import estimate
from curation.store import bulk, suspects
from curation.store.dataset import Dataset
from curation.store.fields import GROUND_TRUTH, LABELS

FILE = "sample.npz"
"""In the run's folder."""

_AGAIN = "remove it, and another sample is drawn; what was decided stays"


@dataclass(frozen=True)
class Sample:
    """A sample, and what it was drawn from.

    Attributes:
        ids: (N,) of the labels that nobody had decided on then, in order; ASCII
        photo: (N,) the photo of each, as an index into ``image_ids``
        image_ids: (P,)
        score: (N,) the error_score of each, as it was
        stratum: (N,) see :func:`curation.review.estimate.strata`
        drawn: (S,) the sample, as indices: the first of it are a smaller one
        taxonomy: (1,) a hash of the one under which the run scored them
    """

    ids: NDArray[np.bytes_]
    photo: NDArray[np.int32]
    image_ids: NDArray[np.str_]
    score: NDArray[np.float64]
    stratum: NDArray[np.int8]
    drawn: NDArray[np.int64]
    taxonomy: NDArray[np.str_]

    @property
    def photos(self) -> dict[str, str]:
        """The image_id of each label that was drawn, by its id."""
        return {
            self.ids[i].decode(): str(self.image_ids[self.photo[i]]) for i in self.drawn.tolist()
        }


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
        lengths = {len(a) for a in (sample.ids, sample.photo, sample.score, sample.stratum)}
        ranges = (
            (sample.drawn, len(sample.ids)),
            (sample.stratum, estimate.STRATA),
            (sample.photo, len(sample.image_ids)),
        )
        sane = len(lengths) == 1 and all(
            a.dtype.kind == "i" and (a >= 0).all() and (a < end).all() for a, end in ranges
        )
        sane &= sample.ids.dtype.kind == "S" and len(sample.taxonomy) == 1
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
        DatasetError: no run was flagged yet, no label is left to draw, or the sample was drawn
            under another taxonomy
        CurateError: the file is damaged
    """
    with dataset.locked():
        known = read(dataset)
        if known and not is_of(known, dataset):
            raise DatasetError(
                dataset.name,
                f"{dataset.flagged} scored the labels, and a sample of them was drawn, under "
                "another taxonomy: remap to that, or train and flag a run under this one",
            )
        if known and len(known.drawn) >= min(size, len(known.ids)):
            return known
        path(dataset)  # where nothing was flagged yet, that is said, and not that no label is left
        sample = known or _frame(dataset, without)
        seed = blake2b(f"{dataset.name}\0{dataset.flagged}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(seed))
        sample = Sample(
            **{**vars(sample), "drawn": estimate.draw(sample.stratum.astype(np.int64), size, rng)}
        )
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
    ids, of_photos, scores = zip(*rows, strict=True)
    image_ids, photo = np.unique(np.array(of_photos), return_inverse=True)
    score = np.array(scores, float)
    return Sample(
        ids=np.array(ids, "S"),
        photo=photo.astype(np.int32),
        image_ids=image_ids,
        score=score,
        stratum=estimate.strata(score).astype(np.int8),
        drawn=np.zeros(0, np.int64),
        taxonomy=np.array([_taxonomy(dataset)]),
    )


def is_of(sample: Sample, dataset: Dataset) -> bool:
    """Whether a sample was drawn under the active taxonomy."""
    return str(sample.taxonomy[0]) == _taxonomy(dataset)


def _taxonomy(dataset: Dataset) -> str:
    return blake2b(dataset.taxonomy_toml.encode(), digest_size=8).hexdigest()


def imported(dataset: Dataset, without: Collection[str]) -> dict[str, str]:
    """The class of each label as imported, by its id, under the active taxonomy.

    Args:
        without: photos that are left out, by image_id
    """
    active = dataset.taxonomy
    wanted = ("image_id", *(f"{GROUND_TRUTH}.detections.{key}" for key in ("_id", "label")))
    found = {}
    for photo in bulk.collection(dataset.samples).find({}, dict.fromkeys(wanted, 1)):
        for d in bulk.detections(photo, GROUND_TRUTH):
            if photo["image_id"] in without or active.unmapped({d["label"]: 1}):
                continue
            if (category := active.target(d["label"])) not in (None, IGNORE):
                found[str(d["_id"])] = category
    return found
