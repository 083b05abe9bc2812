"""What is usual for labels that the annotation file calls alike.

A model takes most wide scarves for tops, and hardly a bag: of a scarf that says little. So each
label is held against others of its class and source label, in photos of other folds.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation.issues.feature_table import FOLDS

THAN_USUAL = "than_usual_"
"""How the columns begin that say how much more a label has than is usual."""

FEATURES = (
    "p_own", "share_own", "sure_other", "share_other", "share_background", "margin_other", "fit",
    "fit_gain", "iou_pieces", "goes_on", "piece", "open", "log_area", "y", "log_ratio",
    "own_by_embedding",
)  # fmt: skip
"""Those that are held against what is usual, where a label has them."""

_CLASS, _SOURCE = "class_id", "source_label"
_WEIGHT = 5
"""Labels of the whole class that count beside those of a source label, which may be one."""


@dataclass(frozen=True)
class Usual:
    """Means of features, in the photos of all folds but one each.

    Attributes:
        names: of the features
        of_classes: for each fold, their means by class
        sums, counts: for each fold, by class and source label
        sources: the source labels of each class, as often as there are labels of them
    """

    names: list[str]
    of_classes: tuple[pd.DataFrame, ...]
    sums: tuple[pd.DataFrame, ...]
    counts: tuple[pd.Series, ...]
    sources: Mapping[Hashable, NDArray[np.object_]]

    @classmethod
    def of(cls, given: pd.DataFrame) -> Usual:
        """Of labels as given: class_id, source_label, fold and features."""
        names = [name for name in FEATURES if name in given]
        others = [given[given["fold"] != fold] for fold in range(FOLDS)]
        alike = [labels.groupby([_CLASS, _SOURCE])[names] for labels in others]
        return cls(
            names,
            tuple(labels.groupby(_CLASS)[names].mean() for labels in others),
            tuple(group.sum() for group in alike),
            tuple(group.size() for group in alike),
            {key: labels.to_numpy(object) for key, labels in given.groupby(_CLASS)[_SOURCE]},
        )

    def named(self, injected: pd.DataFrame, seed: int) -> pd.DataFrame:
        """Labels with an error in them; those whose class was injected, and which have no source
        label therefore, with one of that class, as an annotator would have chosen it."""
        sources, classes = injected[_SOURCE].to_numpy(object), injected[_CLASS].to_numpy(int)
        rng = np.random.default_rng(seed)
        for row in np.flatnonzero(sources == ""):
            if (of_class := self.sources.get(int(classes[row]))) is not None:
                sources[row] = of_class[int(rng.integers(len(of_class)))]
        return injected.assign(**{_SOURCE: sources.astype(str)})

    def beside(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Labels, with one column more for each feature."""
        classes = frame[_CLASS].to_numpy(int)
        keys = pd.MultiIndex.from_arrays([classes, frame[_SOURCE].to_numpy(str)])
        values = frame.reindex(columns=self.names).to_numpy(float)
        usual = np.zeros_like(values)
        folds = frame["fold"].to_numpy()
        for fold in np.unique(folds):
            rows = np.flatnonzero(folds == fold)
            of_class = self.of_classes[fold].reindex(classes[rows])
            # In the other folds there may be no label of the class.
            of_class = of_class.fillna(self.of_classes[fold].mean()).fillna(0).to_numpy()
            sums = self.sums[fold].reindex(keys[rows]).fillna(0).to_numpy()
            counts = self.counts[fold].reindex(keys[rows]).fillna(0).to_numpy()[:, None]
            usual[rows] = (sums + _WEIGHT * of_class) / (counts + _WEIGHT)
        columns = [f"{THAN_USUAL}{name}" for name in self.names]
        found = pd.DataFrame(values - usual, frame.index, columns)
        return pd.concat([frame, found], axis=1)
