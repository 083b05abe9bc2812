"""Scores of labels and photos, as flagging puts them together, in arrays for figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation.issues.feature_table import FeatureTable, Scores
from curation.issues.issue import SUSPECT


def label_scores(table: FeatureTable, scores: Scores) -> NDArray[np.float64]:
    """(N,) as :func:`curation.issues.scoring.image_scores` has them: what is wrong with all labels
    of a photo explains what seems wrong with each."""
    return _explained(table, scores, table.given, scores.instances)


def image_scores(table: FeatureTable, scores: Scores) -> NDArray[np.float64]:
    """(photos,) the probability that anything is wrong."""
    correct = 1 - _whole(table, scores)
    for frame, score in ((table.given, scores.instances), (table.missing, scores.missing)):
        wrong = pd.Series(_explained(table, scores, frame, score))
        each = (1 - wrong).groupby(frame["image_id"].to_numpy()).prod()
        correct[each.index] *= each
    return 1 - correct.to_numpy()


def _whole(table: FeatureTable, scores: Scores) -> pd.Series:
    """Of each photo, by image_id: the probability that all its labels are wrong together."""
    whole = pd.Series(0.0, table.images["image_id"])
    whole[table.photos["image_id"]] = scores.photos["error_score"].to_numpy()
    return whole


def _explained(
    table: FeatureTable, scores: Scores, frame: pd.DataFrame, score: pd.DataFrame
) -> NDArray[np.float64]:
    whole = _whole(table, scores)[frame["image_id"]].to_numpy()
    return score["error_score"].to_numpy() * np.where(whole >= SUSPECT, 1 - whole, 1.0)
