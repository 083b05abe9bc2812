"""Which source label is probably wrong within its class: shirt for jacket, sock for shoe.

To a segmenter of the classes these are one. Here a classifier for each class tells its source
labels apart, by the embedding of an instance and by its shape; a second one learns from labels
that were swapped on purpose what the doubt of the first one means. Both are cross-fitted: no photo
is judged by what was learned from it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from curation.issues.calibration import REVIEWED_WEIGHT, WRONG_IMAGES, Calibration, Check
from curation.issues.feature_table import EMBEDDING, FOLDS, FeatureTable
from curation.issues.observation import CORRECT, WRONG

FEWEST = 100
"""Labels of classes with several source labels below which nothing is learned."""

_DRAWS = 2
"""Swaps of each label."""
_SHAPE = ("log_area", "x", "y", "log_ratio", "extent", "solidity", "compactness", "parts",
          "at_frame", "labels")  # fmt: skip
_SPREAD = 3.0
"""Of each feature of the shape, as of a leading component of the embedding: what is spread wide is
bound little by the penalty."""
_INVERSE_PENALTY = 0.003
_FLOOR = 1e-4
_OF_CLASS = ("p_own", "share_own", "softmin")
"""What the segmenter makes of the class: a label that is wrong at that level is no news here."""


def learnable(table: FeatureTable) -> bool:
    """Whether there are embeddings, and source labels enough to tell apart."""
    return f"{EMBEDDING}0" in table.given and len(distinguishable(table.given)) >= FEWEST


def distinguishable(given: pd.DataFrame) -> pd.DataFrame:
    """The labels whose class has several source labels, of names that more than one fold has.

    Args:
        given: see :class:`FeatureTable`

    >>> rows = [("hat", 1, 0), ("hat", 1, 1), ("cap", 1, 2), ("cap", 1, 3), ("fez", 1, 3)]
    >>> rows += [("shoe", 2, 0), ("shoe", 2, 1)]
    >>> given = pd.DataFrame(rows, columns=["source_label", "class_id", "fold"])
    >>> distinguishable(given)["source_label"].unique().tolist()
    ['hat', 'cap']
    """
    named = given[given["source_label"] != ""]
    name = [named["class_id"], named["source_label"]]
    folds = named["fold"].groupby(name).transform("nunique")
    named = named[folds > 1]
    several = named.groupby("class_id")["source_label"].transform("nunique") > 1
    return named[several].reset_index(drop=True)


class SourceRanking:
    """Learned from the source labels of some photos; scores those of any.

    Args:
        table: with source labels and embeddings

    Attributes:
        check: on swapped labels; the baseline is how improbable the given one is

    Raises:
        ValueError: there is too little to learn from, see :func:`learnable`
    """

    def __init__(self, table: FeatureTable, seed: int = 0) -> None:
        if not learnable(table):
            raise ValueError("too few source labels with embeddings to learn from")
        given = distinguishable(table.given)
        with threadpool_limits(1):
            self._classifier = SourceLabelClassifier(given)
            self._fit(given, table.reviewed, seed)
            share = WRONG_IMAGES * len(table.images) / len(given)
            self.calibration, self.check = self._calibrated(given, min(share, 0.5), seed)

    def _fit(self, given: pd.DataFrame, reviewed: pd.DataFrame, seed: int) -> None:
        """The judges: one for each fold, of what was learned from the others."""
        reviewed = reviewed[self._classifier.knows(reviewed)]
        said = (reviewed[reviewed["source_error"] == error] for error in (CORRECT, WRONG))
        every = zip(
            (given, self._swapped(given, seed), *said),
            (False, True, False, True),
            (1.0, 1.0, REVIEWED_WEIGHT, REVIEWED_WEIGHT),
            strict=True,
        )
        parts = [part for part in every if len(part[0])]  # a table of no rows has no features
        lengths = [len(frame) for frame, _, _ in parts]
        values = np.vstack([self._classifier.features(frame, given) for frame, _, _ in parts])
        wrong = np.repeat([kind for _, kind, _ in parts], lengths)
        weights = np.repeat([weight for _, _, weight in parts], lengths)
        folds = np.concatenate([frame["fold"] for frame, _, _ in parts])
        self._judges: list[Pipeline] = []
        for fold in range(FOLDS):
            train = folds != fold
            judge = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
            weight = {"logisticregression__sample_weight": weights[train]}
            self._judges.append(judge.fit(values[train], wrong[train], **weight))

    def _swapped(self, given: pd.DataFrame, seed: int) -> pd.DataFrame:
        """The given labels under other names of their class: half of them any, half as common."""
        rng = np.random.default_rng(seed)
        drawn = []
        for _, own in given.groupby("class_id"):
            names, codes = np.unique(own["source_label"], return_inverse=True)
            probability = 0.5 * np.bincount(codes) / len(own) + 0.5 / len(names)
            for _ in range(_DRAWS):
                each = np.tile(probability, (len(own), 1))
                each[np.arange(len(own)), codes] = 0
                bounds = np.cumsum(each / each.sum(axis=1, keepdims=True), axis=1)
                other = (rng.random((len(own), 1)) >= bounds[:, :-1]).sum(axis=1)
                drawn.append(own.assign(source_label=names[other]))
        return pd.concat(drawn, ignore_index=True)

    def _calibrated(
        self, given: pd.DataFrame, share: float, seed: int
    ) -> tuple[Calibration, Check]:
        swapped = self._swapped(given, seed + 1)
        raw = [self._raw(frame, given) for frame in (given, swapped)]
        doubt = [1 - self._classifier.probabilities(frame)[0] for frame in (given, swapped)]
        wrong = np.repeat([False, True], [len(given), len(swapped)])
        weight = np.repeat([1.0, share * len(given) / len(swapped)], [len(given), len(swapped)])
        check = Check.of(wrong, np.concatenate(raw), np.concatenate(doubt), weight)
        return Calibration.fit(raw[0], raw[1], share), check

    def _raw(self, frame: pd.DataFrame, among: pd.DataFrame) -> NDArray[np.float64]:
        """(N,) the probability of being swapped."""
        values, folds = self._classifier.features(frame, among), frame["fold"].to_numpy()
        raw = np.zeros(len(frame))
        for fold, judge in enumerate(self._judges):
            own = folds == fold
            if own.any():
                raw[own] = judge.predict_proba(values[own])[:, 1]
        return raw

    def score(self, given: pd.DataFrame) -> pd.DataFrame:
        """How probably each source label is wrong.

        Args:
            given: see :class:`FeatureTable`; of whole photos

        Returns:
            in the order of the rows: source_error_score (0 to 1; nan for a label that cannot be
            judged), source_p (the probability of its source label within the class),
            suggested_source_label and its probability suggested_source_p
        """
        result = pd.DataFrame(
            {"source_error_score": np.nan, "source_p": np.nan, "suggested_source_label": "",
             "suggested_source_p": np.nan}, index=given.index,
        )  # fmt: skip
        known = self._classifier.knows(given)
        if known.any():
            with threadpool_limits(1):
                frame = given[known]
                own, other, names = self._classifier.probabilities(frame)
                named = given[given["source_label"] != ""]
                score = self.calibration(self._raw(frame, named))
            columns = [score, own, names, other]
            for name, values in zip(result.columns, columns, strict=True):
                result.loc[known, name] = values
        return result


class SourceLabelClassifier:
    """The source labels of each class, told from the embedding and the shape of instances.

    Args:
        given: labels to learn from, see :func:`distinguishable`

    Attributes:
        names: (names,) the source labels, sorted
    """

    def __init__(self, given: pd.DataFrame) -> None:
        self.names = np.unique(given["source_label"])
        self.classes = np.unique(given["class_id"])
        shape = given[list(_SHAPE)]
        self._mean, self._scale = shape.mean(), shape.std() + 1e-6
        self._embedding = [name for name in given.columns if name.startswith(EMBEDDING)]
        values, folds = self._values(given), given["fold"].to_numpy()
        classes, labels = given["class_id"].to_numpy(), given["source_label"].to_numpy()
        # Each name is in two folds at least, so that every classifier knows all of its class.
        self._models: dict[tuple[int, int], LogisticRegression] = {}
        for class_id in self.classes:
            for fold in range(FOLDS):
                train = (classes == class_id) & (folds != fold)
                model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=300)
                self._models[class_id, fold] = model.fit(values[train], labels[train])
        self._pairs = set(zip(classes, labels, strict=True))
        codes = np.searchsorted(self.names, labels)
        self._count = np.array(
            [np.bincount(codes[folds != k], minlength=len(self.names)) for k in range(FOLDS)]
        )

    def knows(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """(N,) whether each label has a name that can be told from others of its class."""
        pairs = zip(frame["class_id"], frame["source_label"], strict=True)
        return np.array([pair in self._pairs for pair in pairs], bool)

    def _values(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        shape = (frame[list(_SHAPE)] - self._mean) / self._scale * _SPREAD
        return np.hstack([frame[self._embedding].to_numpy(float), shape.to_numpy(float)])

    def all_probabilities(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """(N, names) the probability of each source label, as learned from other photos."""
        values, folds = self._values(frame), frame["fold"].to_numpy()
        classes = frame["class_id"].to_numpy()
        probabilities = np.zeros((len(frame), len(self.names)))
        for (class_id, fold), model in self._models.items():
            rows = np.flatnonzero((classes == class_id) & (folds == fold))
            if rows.size:
                columns = np.searchsorted(self.names, model.classes_)
                probabilities[np.ix_(rows, columns)] = model.predict_proba(values[rows])
        return probabilities

    def probabilities(
        self, frame: pd.DataFrame
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
        """(N,) probability of the source label, of the likeliest other one, and that one's name."""
        every = self.all_probabilities(frame)
        rows, own = np.arange(len(frame)), np.searchsorted(self.names, frame["source_label"])
        mine = every[rows, own]
        every[rows, own] = -1
        other = every.argmax(axis=1)
        return mine, every[rows, other], self.names[other]

    def features(self, frame: pd.DataFrame, among: pd.DataFrame) -> NDArray[np.float64]:
        """(N, features) of each row.

        Args:
            among: the labels as given, of whole photos: what others of a photo are called
        """
        mine, theirs, suggested = self.probabilities(frame)
        own, other = (np.searchsorted(self.names, n) for n in (frame["source_label"], suggested))
        margin = np.log(mine + _FLOOR) - np.log(theirs + _FLOOR)
        folds = frame["fold"].to_numpy()
        counts = among.groupby(["image_id", "source_label"]).size()
        in_class = among.groupby(["image_id", "class_id"]).size()
        # Not itself: the label as given, at the same index of the same photo.
        itself = among.set_index(["image_id", "index"])["source_label"]
        was = itself.reindex(pd.MultiIndex.from_frame(frame[["image_id", "index"]])).to_numpy()

        def others(names: NDArray[np.str_]) -> NDArray[np.float64]:
            pairs = pd.MultiIndex.from_arrays([frame["image_id"], names])
            return counts.reindex(pairs).fillna(0).to_numpy() - (was == names)

        company = in_class.reindex(pd.MultiIndex.from_frame(frame[["image_id", "class_id"]]))
        classes = frame["class_id"].to_numpy()[:, None] == self.classes
        return np.column_stack([
            mine, theirs, margin,
            others(frame["source_label"].to_numpy()), others(suggested),
            company.fillna(0).to_numpy(),
            np.log1p(self._count[folds, own]), np.log1p(self._count[folds, other]),
            frame[[*_OF_CLASS, "log_area"]].to_numpy(float), classes,
        ])  # fmt: skip
