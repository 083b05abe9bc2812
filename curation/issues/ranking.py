"""How probably each label is wrong, learned from errors that were injected.

Two classifiers tell injected errors from labels as given: trees grown at random, which also
tell the types apart, and boosted trees that are bound to find a label the worse, the less
the model agrees with it. The bound is what carries over to errors that nobody injected. Both
are cross-fitted: no photo is judged by trees that saw it.

Labels as given hold errors too, so the classifiers learn ``injected or given``, not ``wrong or
correct``; see :mod:`curation.issues.calibration`.
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

from curation.issues.calibration import REVIEWED_WEIGHT, WRONG_IMAGES, Calibration, Check
from curation.issues.feature_table import EMBEDDING, FOLDS, KEYS, FeatureTable, Scores
from curation.issues.issue import SUSPECT, ErrorType
from curation.issues.observation import CORRECT

FEWEST = 200
"""Injected errors below which nothing is learned, see :func:`by_disagreement`."""

_FOREIGN, _SURELY = 0.2, 32
"""A label that surely looks like another class is wrong with this probability at least, whatever
was injected: what was never injected is learned to be correct. On benchmark data some 40 % are."""

_EMBEDDING_KEPT = 32
"""Dimensions of the embedding that the trees see; the classifier of embeddings takes all."""
_FEWEST_MISSING = 20
_TREES = 120
_STEPS = 200

_WORSE_IF_LESS = (
    "p_own", "log_p_own", "margin_other", "margin_background", "p_own_low", "p_own_median",
    "share_own", "sure_own", "iou_piece", "iou_pieces", "fit", "own_by_embedding",
    "margin_by_embedding", "person_inside", "person_margin",
)  # fmt: skip
_WORSE_IF_MORE = (
    "share_other", "sure_other", "sure_background", "softmin", "fit_gain", "piece", "piece_p",
    "goes_on_unlabelled", "iou_same_class", "other_by_embedding", "person_strange",
    "person_distance",
)  # fmt: skip
_MISSING_IF_MORE = ("p", "p_low", "sure", "unlabelled", "share_of_seen")
_BOUNDS = dict.fromkeys(_WORSE_IF_LESS, -1) | dict.fromkeys(_WORSE_IF_MORE + _MISSING_IF_MORE, 1)
"""Features of instances and of candidates that a score may only fall with, or only rise with."""

_SURE, _LEAST_AREA, _LEAST_DEPTH = 0.7, 0.004, 1 / 80
"""Of a missing garment where nothing is learned: mean probability, share of the photo, and half of
the thickness in sides of it."""

_TYPE_OF = {"leaking": ErrorType.BAD_BOUNDARY}
"""The type of corruptions that are of no type themselves; others have none."""


class Ranking:
    """Learned from the features of some photos; scores those of any.

    Args:
        table: with injected errors

    Attributes:
        check: on the injected errors; the baseline is softmin

    Raises:
        ValueError: fewer than ``FEWEST`` errors were injected
    """

    def __init__(self, table: FeatureTable, seed: int = 0) -> None:
        if len(table.injected) < FEWEST:
            raise ValueError(f"{len(table.injected)} injected errors are too few to learn from")
        # Errors in so many photos as were injected would be so many of the labels.
        expected = WRONG_IMAGES * len(table.images) / max(table.images["injected"].sum(), 1)
        with threadpool_limits(1):  # waiting for each other takes threads longer than the work
            embedded = f"{EMBEDDING}0" in table.given
            self._embeddings = _EmbeddingClassifier.fit(table.given) if embedded else None
            frames = [self._classified(x) for x in (table.given, table.injected, table.reviewed)]
            self._instances = _ErrorClassifier(*frames, expected=expected, seed=seed)
            self._missing = None
            if len(table.injected_missing) >= _FEWEST_MISSING and len(table.missing):
                missing = [table.missing, table.injected_missing, table.reviewed_missing]
                self._missing = _ErrorClassifier(*missing, expected=expected, seed=seed)
        self.check = self._instances.check

    def score(self, table: FeatureTable) -> Scores:
        """How probably each label is wrong, and each candidate is missing."""
        with threadpool_limits(1):
            given = self._classified(table.given)
            wrong, types = self._instances.judge(given)
            if self._embeddings:
                foreign = _FOREIGN * (1 - given["own_by_embedding"].to_numpy()) ** _SURELY
                wrong = 1 - (1 - wrong) * (1 - foreign)
            missing = np.zeros(len(table.missing))
            if self._missing:
                missing, _ = self._missing.judge(table.missing)
        return Scores(
            pd.DataFrame({"error_score": wrong, "error_type": types}),
            pd.DataFrame({"error_score": missing}),
        )

    def _classified(self, frame: pd.DataFrame) -> pd.DataFrame:
        return self._embeddings.classified(frame) if self._embeddings else frame


def by_disagreement(table: FeatureTable) -> Scores:
    """With too little to learn from: ``SUSPECT`` where another class is as likely as the given.

    A candidate is a missing garment where the model is sure of it, where it is as large and as
    thick as one, and where nothing is labelled.
    """
    names = ["margin_other", "margin_background"]
    other, background = table.given.reindex(columns=names).to_numpy(float).T
    types = np.where(other < background, ErrorType.WRONG_CATEGORY, ErrorType.SPURIOUS)
    probability = SUSPECT ** np.log2(1 + np.exp(np.minimum(other, background)))
    names = ["p", "log_area", "thickness_pixels", "rim_own", "unlabelled"]
    p, log_area, thickness, rim_own, unlabelled = (
        table.missing.reindex(columns=names).to_numpy(float).T
    )
    garment = (p >= _SURE) & (log_area >= np.log(_LEAST_AREA)) & (thickness >= _LEAST_DEPTH)
    garment &= (rim_own <= 0.5) & (unlabelled > 0.5)
    return Scores(
        pd.DataFrame({"error_score": probability, "error_type": types.astype(str)}),
        pd.DataFrame({"error_score": np.where(garment, p, 0.0)}),
    )


class _ErrorClassifier:
    """Cross-fitted classifiers of injected against given, and their calibration.

    Args:
        given, injected: tables with the same features
        reviewed: the same of what a reviewer spoke of, which weighs more
        expected: errors among the given for each of those injected

    Attributes:
        names: of the features, in their order
        errors: what the forests tell apart from ``CORRECT``, sorted
        forests, boosted: one for each fold, fitted to the other folds
        check: on the injected errors
    """

    def __init__(
        self,
        given: pd.DataFrame,
        injected: pd.DataFrame,
        reviewed: pd.DataFrame,
        *,
        expected: float,
        seed: int,
    ) -> None:
        self.names = [name for name in given.columns if name not in KEYS]
        every = pd.concat([given.assign(error=CORRECT), injected, reviewed], ignore_index=True)
        errors = every["error"].to_numpy(str)
        self.errors = sorted(set(errors) - {CORRECT})
        codes = np.searchsorted(self.errors, errors) + 1
        codes[errors == CORRECT] = 0
        lengths = [len(given), len(injected), len(reviewed)]
        values, folds = self._values(every), every["fold"].to_numpy()
        self._fit(values, codes, np.repeat([1.0, 1.0, REVIEWED_WEIGHT], lengths), folds, seed)
        raw, _ = self._raw(values, folds)
        injected_raw = raw[len(given) : len(given) + len(injected)]
        typed = np.isin(injected["error"].to_numpy(str), [str(t) for t in ErrorType])
        share = expected * typed.sum() / len(given)
        self.calibration = Calibration.fit(raw[: len(given)], injected_raw[typed], share)
        natural = np.repeat([1.0, expected, 0.0], lengths)
        plain = every["softmin"] if "softmin" in every else every["p_low"]
        self.check = Check(
            *(
                float(average_precision_score(codes > 0, score, sample_weight=natural))
                for score in (raw, plain)
            )
        )

    def _fit(
        self,
        values: NDArray[np.float32],
        codes: NDArray[np.intp],
        weights: NDArray[np.float64],
        folds: NDArray[np.int64],
        seed: int,
    ) -> None:
        """To (N, features), and (N,) of the error of each: 0 for none."""
        bound = [_BOUNDS.get(name, 0) for name in self.names]
        self.forests, self.boosted = [], []
        for fold in range(FOLDS):
            train = folds != fold
            weight = weights[train]
            forest = ExtraTreesClassifier(
                _TREES, min_samples_leaf=3, max_features=0.5, n_jobs=-1, random_state=seed + fold
            )
            forest.fit(values[train], codes[train], sample_weight=weight)
            forest.n_jobs = 1  # several would add the trees' probabilities up in any order
            self.forests.append(forest)
            boosted = HistGradientBoostingClassifier(
                max_iter=_STEPS, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=10,
                l2_regularization=1.0, max_features=0.3, monotonic_cst=bound,
                random_state=seed + fold,
            )  # fmt: skip
            self.boosted.append(boosted.fit(values[train], codes[train] > 0, sample_weight=weight))

    def judge(self, frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
        """(N,) the probability that each is wrong, and the type of error it would be."""
        raw, errors = self._raw(self._values(frame), frame["fold"].to_numpy())
        return self.calibration(raw), _types(errors, self.errors)

    def _values(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        return frame.reindex(columns=self.names).to_numpy(np.float32)  # columns: of no rows too

    def _raw(
        self, values: NDArray[np.float32], folds: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N,) probability of being injected, and (N, errors) of each error."""
        raw, errors = np.zeros(len(values)), np.zeros((len(values), len(self.errors)))
        for fold in range(FOLDS):
            own = folds == fold
            if own.any():
                probabilities = self.forests[fold].predict_proba(values[own])
                boosted = self.boosted[fold].predict_proba(values[own])[:, 1]
                raw[own] = (1 - probabilities[:, 0] + boosted) / 2
                errors[own] = probabilities[:, 1:]
        return raw, errors


def _types(probabilities: NDArray[np.float64], errors: Sequence[str]) -> NDArray[np.str_]:
    """(N,) the type of the likeliest error that is of a type, of (N, errors) probabilities."""
    types = [str(_TYPE_OF.get(error, error)) for error in errors]
    typed = np.isin(types, [str(t) for t in ErrorType])
    return np.array(types)[np.where(typed, probabilities, -1).argmax(axis=1)]


@dataclass(frozen=True)
class _EmbeddingClassifier:
    """Classes told from embeddings, by a classifier of each fold."""

    classifiers: tuple[LogisticRegression, ...]

    @classmethod
    def fit(cls, given: pd.DataFrame) -> _EmbeddingClassifier:
        columns = [name for name in given.columns if name.startswith(EMBEDDING)]
        values, classes = given[columns].to_numpy(), given["class_id"].to_numpy()
        folds = given["fold"].to_numpy()
        make = LogisticRegression(C=0.02, max_iter=50, solver="newton-cholesky")
        return cls(
            tuple(clone(make).fit(values[folds != k], classes[folds != k]) for k in range(FOLDS))
        )

    def classified(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with what embeddings say of the own class, and with fewer of their columns."""
        columns = [name for name in frame.columns if name.startswith(EMBEDDING)]
        own, other = np.zeros(len(frame)), np.zeros(len(frame))
        folds, classes = frame["fold"].to_numpy(), frame["class_id"].to_numpy()
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
        predicted = pd.DataFrame(
            {"own_by_embedding": own, "other_by_embedding": other, "margin_by_embedding": margin},
            index=frame.index,
        )
        return pd.concat([frame.drop(columns=columns[_EMBEDDING_KEPT:]), predicted], axis=1)
