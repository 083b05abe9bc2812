"""What is learned from injected errors where the labels as given hold many errors of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.issues.error_classifier import ErrorClassifier
from curation.issues.feature_table import FOLDS
from curation.issues.issue import PhotoErrorType


def photos(rng: np.random.Generator, right: int, wrong: int) -> pd.DataFrame:
    """Two features tell the wrong ones, of which ``misfit`` is one."""
    truth = np.repeat([0.0, 1.0], [right, wrong])
    frame = pd.DataFrame({
        "gain": truth * 3 + rng.normal(size=truth.size),
        "misfit": truth * 2 + rng.normal(size=truth.size),
    })  # fmt: skip
    return frame.assign(fold=np.arange(truth.size) % FOLDS)


@pytest.mark.parametrize("seed", range(3))
def test_what_tells_errors_better_is_kept_however_many_there_are(seed):
    rng = np.random.default_rng(seed)
    given = photos(rng, 360, 40)
    injected = photos(rng, 0, 400).assign(error=str(PhotoErrorType.MIRRORED))
    expected = 0.02 * len(given) / len(injected)
    found = ErrorClassifier(
        given, injected, injected[:0], plain="misfit", expected=expected, most=0.1, seed=seed
    )
    # The 40 come before what is injected, which counts as 8 of 400.
    assert found.check.learned < 0.3
    assert found.check.better
