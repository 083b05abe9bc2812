"""Classes told from embeddings, where there are classes to tell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.issues.feature_table import EMBEDDING, FOLDS
from curation.issues.ranking import _EmbeddingClassifier


def labels(classes: list[int]) -> pd.DataFrame:
    """A label in each photo, whose embedding is its class."""
    values = {f"{EMBEDDING}0": classes, f"{EMBEDDING}1": [-k for k in classes]}
    return pd.DataFrame({"class_id": classes, "fold": np.arange(len(classes)) % FOLDS, **values})


def own(given: pd.DataFrame) -> list[float]:
    return _EmbeddingClassifier.fit(given).classified(given)["own_by_embedding"].tolist()


def test_classes_are_told_by_what_photos_of_other_folds_have():
    assert min(own(labels([1, 1, 1, 1, 9, 9, 9, 9] * 20))) > 0.9


def test_of_a_taxonomy_of_one_class_every_label_is_of_it():
    assert own(labels([1] * 8)) == [1] * 8


def test_a_class_that_one_fold_alone_has_does_not_stop_the_learning():
    assert own(labels([2, 1, 1, 1]))[0] == 0
