"""What tells errors that were injected from labels as given, cross-fitted and calibrated.

Two classifiers: trees grown at random, which also tell the types apart, and boosted trees that are
bound to find a label the worse, the less the model agrees with it. The bound is what carries over
to errors that nobody injected. No photo is judged by trees that saw it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from curation.issues.calibration import REVIEWED_WEIGHT, Calibration, Check, share_of
from curation.issues.feature_table import FOLDS, KEYS
from curation.issues.issue import ErrorType, PhotoErrorType
from curation.issues.observation import CORRECT
from curation.issues.usual import THAN_USUAL

TREES = 120
_STEPS = 200
_BINS = 64
"""Of a feature: with so few rows, four times as many find no more, and take most of the time."""

_WORSE_IF_LESS = (
    "p_own", "log_p_own", "margin_other", "margin_background", "p_own_low", "p_own_median",
    "share_own", "sure_own", "iou_piece", "iou_pieces", "fit", "own_by_embedding",
    "margin_by_embedding", "person_inside", "person_margin",
)  # fmt: skip
_WORSE_IF_MORE = (
    "share_other", "sure_other", "sure_background", "softmin", "fit_gain", "piece", "piece_p",
    "goes_on_unlabelled", "open", "iou_same_class", "other_by_embedding", "person_strange",
    "person_distance",
)  # fmt: skip
_MISSING_IF_MORE = ("p", "p_low", "sure", "unlabelled", "share_of_seen")
_PHOTO_WORSE_IF_LESS = ("fit_of_sure", "fit_silhouette", "p_own_mean", "p_own_best")
_PHOTO_WORSE_IF_MORE = ("gain", *(f"gain_{kind}" for kind in PhotoErrorType))
_BOUNDS = dict.fromkeys(_WORSE_IF_LESS + _PHOTO_WORSE_IF_LESS, -1) | dict.fromkeys(
    _WORSE_IF_MORE + _MISSING_IF_MORE + _PHOTO_WORSE_IF_MORE, 1
)
"""Features of labels, of candidates and of photos that a score may only fall with, or only rise
with."""

_TYPES = [str(error_type) for error_type in (*ErrorType, *PhotoErrorType)]
_TYPE_OF = {"leaking": ErrorType.BAD_BOUNDARY}
"""The type of corruptions that are of no type themselves; others have none."""


class ErrorClassifier:
    """Cross-fitted classifiers of injected against given, and their calibration.

    Args:
        given, injected: tables with the same features
        reviewed: the same of what a reviewer spoke of, which weighs more
        plain: the feature that the check holds the classifiers against
        expected: errors among the given for each of those injected
        most: share of the given that may be wrong; None where ``expected`` says how many are

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
        plain: str,
        expected: float,
        most: float | None = None,
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
        typed = np.isin(injected["error"].to_numpy(str), _TYPES)
        share = expected * typed.sum() / len(given)
        if most is not None:
            share = share_of(raw[: len(given)], injected_raw[typed], share, most)
        self.calibration = Calibration.fit(raw[: len(given)], injected_raw[typed], share)
        natural = np.repeat([1.0, expected, 0.0], lengths)
        self.check = Check.of(codes > 0, raw, every[plain].to_numpy(), natural)

    def _fit(
        self,
        values: NDArray[np.float32],
        codes: NDArray[np.intp],
        weights: NDArray[np.float64],
        folds: NDArray[np.int64],
        seed: int,
    ) -> None:
        """To (N, features), and (N,) of the error of each: 0 for none."""
        bound = [_BOUNDS.get(name.removeprefix(THAN_USUAL), 0) for name in self.names]
        self.forests, self.boosted = [], []
        for fold in range(FOLDS):
            train = folds != fold
            weight = weights[train]
            forest = ExtraTreesClassifier(
                TREES, min_samples_leaf=3, max_features=0.5, n_jobs=-1, random_state=seed + fold
            )
            forest.fit(values[train], codes[train], sample_weight=weight)
            forest.n_jobs = 1  # several would add the trees' probabilities up in any order
            self.forests.append(forest)
            boosted = HistGradientBoostingClassifier(
                max_iter=_STEPS, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=10,
                l2_regularization=1.0, max_features=0.3, max_bins=_BINS,
                monotonic_cst=bound,
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
                forest = self.forests[fold]
                # An error that befell one fold alone is unknown to the forest that judges it.
                probabilities = np.zeros((np.count_nonzero(own), len(self.errors) + 1))
                probabilities[:, forest.classes_] = forest.predict_proba(values[own])
                boosted = self.boosted[fold].predict_proba(values[own])[:, 1]
                raw[own] = (1 - probabilities[:, 0] + boosted) / 2
                errors[own] = probabilities[:, 1:]
        return raw, errors


def _types(probabilities: NDArray[np.float64], errors: Sequence[str]) -> NDArray[np.str_]:
    """(N,) the type of the likeliest error that is of a type, of (N, errors) probabilities."""
    types = [str(_TYPE_OF.get(error, error)) for error in errors]
    typed = np.isin(types, _TYPES)
    return np.array(types)[np.where(typed, probabilities, -1).argmax(axis=1)]
