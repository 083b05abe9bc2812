import numpy as np
import pytest
from cleanlab.segmentation import rank

from curation.issues.disagreement import softmin


def test_softmin_of_four_pixels_by_hand():
    # weights e^((1 - p) / 0.1): e^1 three times and e^9 once
    e1, e9 = np.exp(1.0), np.exp(9.0)
    expected = (3 * e1 * 0.9 + e9 * 0.1) / (3 * e1 + e9)
    p = np.array([[0.9, 0.9], [0.9, 0.1]], np.float32)
    assert softmin(p) == pytest.approx(1 - expected, rel=1e-5)


def test_softmin_is_cleanlabs():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), (2, 8, 8)).transpose(0, 3, 1, 2).astype(np.float32)
    given = rng.integers(0, 3, (2, 8, 8))
    theirs, _ = rank.get_label_quality_scores(given, p, method="softmin", verbose=False)
    ours = [softmin(np.take_along_axis(a, b[None], 0)) for a, b in zip(p, given, strict=True)]
    assert np.allclose(ours, 1 - theirs, atol=1e-5)
