"""How probably each label, and each photo's labels together, are wrong, learned from errors that
were injected.

Labels as given hold errors too, so the classifiers learn ``injected or given``, not ``wrong or
correct``; see :mod:`curation.issues.calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from curation.issues.calibration import WRONG_IMAGES, WRONG_PHOTOS
from curation.issues.error_classifier import ErrorClassifier
from curation.issues.feature_table import EMBEDDING, FOLDS, FeatureTable, Scores
from curation.issues.issue import SUSPECT, ErrorType
from curation.issues.usual import Usual

FEWEST = 200
"""Injected errors below which nothing is learned, see :func:`by_disagreement`."""

_FOREIGN, _SURELY = 0.2, 32
"""A label that surely looks like another class is wrong with this probability at least, whatever
was injected: what was never injected is learned to be correct. On benchmark data some 40 % are."""

_EMBEDDING_KEPT = 32
"""Dimensions of the embedding that the trees see; the classifier of embeddings takes all."""
_FEWEST_MISSING = 20
_FEWEST_PHOTOS = 100
_SURE, _LEAST_AREA, _LEAST_DEPTH = 0.7, 0.004, 1 / 80
"""Of a missing garment where nothing is learned: mean probability, share of the photo, and half of
the thickness in sides of it."""


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
            given, injected, reviewed = map(
                self._classified, (table.given, table.injected, table.reviewed)
            )
            self._usual = Usual.of(given)
            injected = self._usual.named(injected, seed)
            frames = map(self._usual.beside, (given, injected, reviewed))
            fit = partial(ErrorClassifier, expected=expected, seed=seed)
            self._instances = fit(*frames, plain="softmin")
            self._missing = None
            lacking = table.injected_missing
            several = lacking["fold"].nunique() > 1  # or a fold's classifier would know of none
            if len(lacking) >= _FEWEST_MISSING and several and len(table.missing):
                missing = [table.missing, table.injected_missing, table.reviewed_missing]
                self._missing = fit(*missing, plain="p_low")
            self._photos = None
            if len(table.injected_photos) >= _FEWEST_PHOTOS:
                photos = [table.photos, table.injected_photos, table.injected_photos[:0]]
                least, most = WRONG_PHOTOS
                wrong = least * len(table.photos) / len(table.injected_photos)
                learned = ErrorClassifier(
                    *photos, plain="misfit", expected=wrong, most=most, seed=seed
                )
                if learned.check.better:
                    self._photos = learned
        self.check = self._instances.check

    def score(self, table: FeatureTable) -> Scores:
        """How probably each label is wrong, and each candidate is missing."""
        with threadpool_limits(1):
            given = self._usual.beside(self._classified(table.given))
            wrong, types = self._instances.judge(given)
            if self._embeddings:
                foreign = _FOREIGN * (1 - given["own_by_embedding"].to_numpy()) ** _SURELY
                wrong = 1 - (1 - wrong) * (1 - foreign)
            missing = np.zeros(len(table.missing))
            if self._missing:
                missing, _ = self._missing.judge(table.missing)
            photos, of_photos = np.zeros(len(table.photos)), np.array([""] * len(table.photos))
            if self._photos:
                photos, of_photos = self._photos.judge(table.photos)
        return Scores(
            pd.DataFrame({"error_score": wrong, "error_type": types}),
            pd.DataFrame({"error_score": missing}),
            pd.DataFrame({"error_score": photos, "error_type": of_photos}),
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
        pd.DataFrame({"error_score": np.zeros(len(table.photos)), "error_type": ""}),
    )


@dataclass(frozen=True)
class _EmbeddingClassifier:
    """Classes told from embeddings, by a classifier of each fold."""

    classifiers: tuple[LogisticRegression | DummyClassifier, ...]

    @classmethod
    def fit(cls, given: pd.DataFrame) -> _EmbeddingClassifier:
        columns = [name for name in given.columns if name.startswith(EMBEDDING)]
        values, classes = given[columns].to_numpy(), given["class_id"].to_numpy()
        folds = given["fold"].to_numpy()

        def fitted(rows: NDArray[np.bool_]) -> LogisticRegression | DummyClassifier:
            if len(np.unique(classes[rows])) < 2:  # nothing to tell apart, and it would be refused
                return DummyClassifier().fit(values[rows], classes[rows])
            make = LogisticRegression(C=0.02, max_iter=50, solver="newton-cholesky")
            return make.fit(values[rows], classes[rows])

        return cls(tuple(fitted(folds != fold) for fold in range(FOLDS)))

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
