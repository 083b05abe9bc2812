import numpy as np
import pytest
from cleanlab.segmentation import rank

from curation.issues import disagreement


def probabilities(size=16, **regions):
    """(3, size, size): background at 0.9, and class k at 0.9 in rows given as k1=slice."""
    p = np.full((3, size, size), 0.05, dtype=np.float32)
    p[0] = 0.9
    for name, rows in regions.items():
        k = int(name[1:])
        p[:, rows] = 0.05
        p[k, rows] = 0.9
    return p


def test_softmin_of_four_pixels_by_hand():
    p = np.zeros((2, 2, 2), dtype=np.float32)
    p[1] = [[0.9, 0.9], [0.9, 0.1]]
    p[0] = 1 - p[1]
    given = np.array([[1, 1], [1, 1]], dtype=np.uint8)
    # weights e^((1 - p) / 0.1): e^1 three times and e^9 once
    e1, e9 = np.exp(1.0), np.exp(9.0)
    softmin = (3 * e1 * 0.9 + e9 * 0.1) / (3 * e1 + e9)
    assert disagreement.score_photo(p, given) == pytest.approx(1 - softmin, rel=1e-5)


def test_softmin_is_cleanlabs():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), (2, 8, 8)).transpose(0, 3, 1, 2).astype(np.float32)
    given = rng.integers(0, 3, (2, 8, 8))
    theirs, _ = rank.get_label_quality_scores(given, p, method="softmin", verbose=False)
    ours = [disagreement.score_photo(a, b.astype(np.uint8)) for a, b in zip(p, given, strict=True)]
    assert np.allclose(ours, 1 - theirs, atol=1e-5)


def test_void_pixels_do_not_count():
    p = probabilities()
    given = np.zeros((16, 16), dtype=np.uint8)
    clean = disagreement.score_photo(p, given)
    p[:, 0] = np.array([0, 0, 1])[:, None]
    given[0] = 255
    assert disagreement.score_photo(p, given) == pytest.approx(clean)
    assert disagreement.score_photo(p, np.full((16, 16), 255, np.uint8)) == 0.0
