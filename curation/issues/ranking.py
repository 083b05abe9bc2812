"""How wrong each label is, learned from labels that were spoilt on purpose.

Two classifiers tell planted errors from labels as given: trees grown at random, which also
tell the types apart, and boosted trees that are bound to find a label the worse, the less
the model agrees with it. The bound is what carries over to errors that nobody planted. Both
are cross-fitted: no photo is judged by trees that saw it.

Labels as given hold errors too, so the classifiers learn ``planted or given``, not ``wrong or
right``; see :mod:`curation.issues.calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from curation.issues.calibration import (
    FOLDS,
    OF_A_PERSON,
    WRONG_IMAGES,
    Calibration,
    fold_of,
)
from curation.issues.feature_table import KEYS, LOOKS, Rows, Scores
from curation.issues.issue import SUSPECT, ErrorType
from curation.issues.observation import FINE

FEWEST = 200
"""Planted errors below which nothing is learned, see :func:`by_disagreement`."""

_FOREIGN, _SURELY = 0.2, 32
"""A label that surely looks like another class is wrong with this chance at least, whatever was
planted: what was never planted is learned to be right. On planted data some 40 % of them are."""

_LOOKS_KEPT = 32
"""Dimensions of the looks that the trees see; the classifier of looks takes all."""
_FEWEST_DROPPED = 20
_TREES = 120
_STEPS = 200

_WORSE_IF_LESS = (
    "p_own", "log_p_own", "margin_other", "margin_background", "p_own_low", "p_own_median",
    "share_own", "sure_own", "iou_piece", "iou_pieces", "fit", "looks_own", "looks_margin",
)  # fmt: skip
_WORSE_IF_MORE = (
    "share_other", "sure_other", "sure_background", "softmin", "fit_gain", "piece", "piece_p",
    "goes_on_unlabelled", "iou_same_class", "looks_other",
)  # fmt: skip
_MISSING_IF_MORE = ("p", "p_low", "sure", "unlabelled", "share_of_seen")
_BOUNDS = dict.fromkeys(_WORSE_IF_LESS, -1) | dict.fromkeys(_WORSE_IF_MORE + _MISSING_IF_MORE, 1)
"""Numbers of instances and of places that a score may only fall with, or only rise with."""

_SURE, _LEAST_AREA, _LEAST_DEPTH = 0.7, 0.004, 1 / 80
"""Of a missing garment where nothing is learned: mean chance, share of the photo, and half of
the thickness in sides of it."""

_OF_TYPE = {"leaking": ErrorType.BAD_BOUNDARY}
"""The type of planted kinds that are no type themselves; others have none."""


class Ranking:
    """Learned from the rows of some photos; scores those of any.

    Args:
        rows: with planted errors

    Raises:
        ValueError: fewer than ``FEWEST`` errors were planted
    """

    def __init__(self, rows: Rows, seed: int = 0) -> None:
        if len(rows.planted) < FEWEST:
            raise ValueError(f"{len(rows.planted)} planted errors are too few to learn from")
        # Errors in so many photos as were planted would be so many of the labels.
        expected = WRONG_IMAGES * len(rows.images) / max(rows.images["planted"].sum(), 1)
        with threadpool_limits(1):  # waiting for each other takes threads longer than the work
            self._looks = _Looks.of(rows.given) if f"{LOOKS}0" in rows.given else None
            given, planted = self._seen(rows.given), self._seen(rows.planted)
            decided = self._seen(rows.decided)
            self._instances = _Judge(given, planted, decided, expected, seed)
            self._missing = None
            if len(rows.dropped) >= _FEWEST_DROPPED and len(rows.missing):
                judged = (rows.missing, rows.dropped, rows.settled)
                self._missing = _Judge(*judged, expected, seed)

    @property
    def check(self) -> tuple[float, float]:
        """Average precision on the errors that were planted: learned, and of softmin alone."""
        return self._instances.check

    def score(self, rows: Rows) -> Scores:
        with threadpool_limits(1):
            given = self._seen(rows.given)
            wrong, types = self._instances.judge(given)
            if self._looks:
                foreign = _FOREIGN * (1 - given["looks_own"].to_numpy()) ** _SURELY
                wrong = 1 - (1 - wrong) * (1 - foreign)
            missing = np.zeros(len(rows.missing))
            if self._missing:
                missing, _ = self._missing.judge(rows.missing)
        return Scores(
            pd.DataFrame({"error_score": wrong, "error_type": types}),
            pd.DataFrame({"error_score": missing}),
        )

    def _seen(self, frame: pd.DataFrame) -> pd.DataFrame:
        return self._looks.told(frame) if self._looks else frame


def by_disagreement(rows: Rows) -> Scores:
    """With too little to learn from: ``SUSPECT`` where another class is as likely as the given.

    A place is a missing garment where the model is sure of it, where it is as large and as
    thick as one, and where nothing is labelled.
    """
    names = ["margin_other", "margin_background"]
    other, background = rows.given.reindex(columns=names).to_numpy(float).T
    types = np.where(other < background, ErrorType.WRONG_CATEGORY, ErrorType.SPURIOUS)
    probability = SUSPECT ** np.log2(1 + np.exp(np.minimum(other, background)))
    names = ["p", "log_area", "thickness_pixels", "rim_own", "unlabelled"]
    p, log_area, thickness, rim_own, unlabelled = (
        rows.missing.reindex(columns=names).to_numpy(float).T
    )
    garment = (p >= _SURE) & (log_area >= np.log(_LEAST_AREA)) & (thickness >= _LEAST_DEPTH)
    garment &= (rim_own <= 0.5) & (unlabelled > 0.5)
    return Scores(
        pd.DataFrame({"error_score": probability, "error_type": types.astype(str)}),
        pd.DataFrame({"error_score": np.where(garment, p, 0.0)}),
    )


class _Judge:
    """Cross-fitted classifiers of planted against given, and their calibration.

    Args:
        given, planted: rows with the same numbers
        decided: rows that a person spoke of, which weigh more
        expected: errors among the given for each of those planted
    """

    def __init__(
        self,
        given: pd.DataFrame,
        planted: pd.DataFrame,
        decided: pd.DataFrame,
        expected: float,
        seed: int,
    ) -> None:
        self.names = [name for name in given.columns if name not in KEYS]
        bound = [_BOUNDS.get(name, 0) for name in self.names]
        every = pd.concat([given.assign(kind=FINE), planted, decided], ignore_index=True)
        kinds = every["kind"].to_numpy(str)
        self.kinds = sorted(set(kinds) - {FINE})
        codes = np.searchsorted(self.kinds, kinds) + 1
        codes[kinds == FINE] = 0
        weights = np.repeat([1.0, 1.0, OF_A_PERSON], [len(given), len(planted), len(decided)])
        values, folds = self._values(every), fold_of(every["group"])
        self.forests, self.boosted = [], []
        for fold in range(FOLDS):
            taught = folds != fold
            lesson = (values[taught], codes[taught])
            forest = ExtraTreesClassifier(
                _TREES, min_samples_leaf=3, max_features=0.5, n_jobs=-1, random_state=seed + fold
            )
            forest.fit(*lesson, sample_weight=weights[taught])
            forest.n_jobs = 1  # several would add the trees' chances up in any order
            self.forests.append(forest)
            boosted = HistGradientBoostingClassifier(
                max_iter=_STEPS, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=10,
                l2_regularization=1.0, max_features=0.3, monotonic_cst=bound,
                random_state=seed + fold,
            )  # fmt: skip
            lesson = (values[taught], codes[taught] > 0)
            self.boosted.append(boosted.fit(*lesson, sample_weight=weights[taught]))
        raw, _ = self._raw(values, folds)
        planted_raw = raw[len(given) : len(given) + len(planted)]
        typed = np.isin(planted["kind"].to_numpy(str), [str(t) for t in ErrorType])
        share = expected * typed.sum() / len(given)
        self.calibration = Calibration.of(raw[: len(given)], planted_raw[typed], share)
        natural = np.repeat([1.0, expected, 0.0], [len(given), len(planted), len(decided)])
        plain = every["softmin"] if "softmin" in every else every["p_low"]
        learned, alone = (
            float(average_precision_score(codes > 0, score, sample_weight=natural))
            for score in (raw, plain)
        )
        self.check = (learned, alone)

    def judge(self, frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
        """(N,) the chance that each is wrong, and the type of error it would be."""
        raw, kinds = self._raw(self._values(frame), fold_of(frame["group"]))
        types = _types(kinds, self.kinds)
        return self.calibration(raw), types

    def _values(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        return frame.reindex(columns=self.names).to_numpy(np.float32)  # columns: of no rows too

    def _raw(
        self, values: NDArray[np.float32], folds: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N,) chance of being planted, and (N, kinds) of each kind."""
        raw, kinds = np.zeros(len(values)), np.zeros((len(values), len(self.kinds)))
        for fold in range(FOLDS):
            own = folds == fold
            if own.any():
                probabilities = self.forests[fold].predict_proba(values[own])
                boosted = self.boosted[fold].predict_proba(values[own])[:, 1]
                raw[own] = (1 - probabilities[:, 0] + boosted) / 2
                kinds[own] = probabilities[:, 1:]
        return raw, kinds


def _types(probabilities: NDArray[np.float64], kinds: Sequence[str]) -> NDArray[np.str_]:
    """(N,) the type of the likeliest kind that is of a type, of (N, kinds) chances."""
    types = [str(_OF_TYPE.get(kind, kind)) for kind in kinds]
    typed = np.isin(types, [str(t) for t in ErrorType])
    return np.array(types)[np.where(typed, probabilities, -1).argmax(axis=1)]


@dataclass(frozen=True)
class _Looks:
    """Classes told from what instances look like, by a classifier of each fold."""

    classifiers: tuple[LogisticRegression, ...]

    @classmethod
    def of(cls, given: pd.DataFrame) -> _Looks:
        columns = [name for name in given.columns if name.startswith(LOOKS)]
        values, classes = given[columns].to_numpy(), given["class_id"].to_numpy()
        folds = fold_of(given["group"])
        make = LogisticRegression(C=0.02, max_iter=50, solver="newton-cholesky")
        return cls(
            tuple(clone(make).fit(values[folds != k], classes[folds != k]) for k in range(FOLDS))
        )

    def told(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with what the looks say of the own class, and with fewer of them."""
        columns = [name for name in frame.columns if name.startswith(LOOKS)]
        own, other = np.zeros(len(frame)), np.zeros(len(frame))
        folds, classes = fold_of(frame["group"]), frame["class_id"].to_numpy()
        values = frame[columns].to_numpy()
        for fold, classifier in enumerate(self.classifiers):
            rows = np.flatnonzero(folds == fold)
            if not rows.size:
                continue
            probabilities = classifier.predict_proba(values[rows])
            mine = classifier.classes_[None] == classes[rows, None]
            own[rows] = (probabilities * mine).sum(axis=1)
            other[rows] = (probabilities * ~mine).max(axis=1)
        margin = np.log(own + 1e-4) - np.log(other + 1e-4)
        told = pd.DataFrame(
            {"looks_own": own, "looks_other": other, "looks_margin": margin}, index=frame.index
        )
        return pd.concat([frame.drop(columns=columns[_LOOKS_KEPT:]), told], axis=1)
