import numpy as np
import pytest
from cleanlab.segmentation import rank

from curation.issues import disagreement
from tests.conftest import picture


def probabilities(size=16, **regions):
    """(3, size, size): background at 0.9, and class k at 0.9 in rows given as k1=slice."""
    p = np.full((3, size, size), 0.05, dtype=np.float32)
    p[0] = 0.9
    for name, rows in regions.items():
        k = int(name[1:])
        p[:, rows] = 0.05
        p[k, rows] = 0.9
    return p


def box(size, rows, columns=slice(None)):
    mask = np.zeros((size, size), dtype=bool)
    mask[rows, columns] = True
    return mask


def test_an_instance_the_model_agrees_with_scores_low():
    score = disagreement.score_instance(
        probabilities(k1=slice(4, 12)), box(16, slice(4, 12)), class_id=1
    )
    assert score.error_score == pytest.approx(0.05 / 0.95, rel=1e-4)
    assert score.share_other == 0


def test_an_instance_the_model_calls_something_else_scores_high_and_says_what():
    score = disagreement.score_instance(
        probabilities(k2=slice(4, 12)), box(16, slice(4, 12)), class_id=1
    )
    assert score.error_score == pytest.approx(0.9 / 0.95, rel=1e-4)
    assert score.suggested == 2
    assert score.share_other == 1
    assert disagreement.sentence(score, "skirt", "pants") == (
        "labelled skirt (0.05); the model sees pants (0.90) over 100% of it"
    )


def test_an_instance_on_nothing_is_suggested_background():
    score = disagreement.score_instance(probabilities(), box(16, slice(4, 12)), class_id=1)
    assert score.suggested == 0


def test_only_pixels_inside_count():
    mask = box(16, slice(4, 12))
    p = probabilities(k1=slice(4, 12))
    elsewhere = p.copy()
    elsewhere[:, ~mask] = np.array([0.0, 0.0, 1.0])[:, None]
    assert disagreement.score_instance(p, mask, 1) == disagreement.score_instance(
        elsewhere, mask, 1
    )


def test_one_impossible_pixel_does_not_decide():
    p = probabilities(k1=slice(4, 12))
    p[:, 6, 6] = [1, 0, 0]
    score = disagreement.score_instance(p, box(16, slice(4, 12)), class_id=1)
    assert score.error_score < 0.1


def test_an_empty_mask_has_no_score():
    assert disagreement.score_instance(probabilities(), np.zeros((16, 16), bool), 1) is None


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


def test_a_confident_region_without_a_label_is_missing():
    p = probabilities(k2=slice(4, 12))
    (region,) = disagreement.missing_regions(p, np.zeros((16, 16), np.uint8))
    assert region.class_id == 2
    assert region.score == pytest.approx(0.9)
    assert (region.mask == box(16, slice(4, 12))).all()


def test_a_labelled_region_is_not_missing():
    given = np.where(box(16, slice(4, 12)), 2, 0).astype(np.uint8)
    assert disagreement.missing_regions(probabilities(k2=slice(4, 12)), given) == []


def test_an_unsure_region_is_not_missing():
    p = probabilities(k2=slice(4, 12))
    p[2, 4:12] = 0.55
    p[0, 4:12] = 0.40
    assert disagreement.missing_regions(p, np.zeros((16, 16), np.uint8)) == []


def test_the_rim_of_an_instance_of_the_class_is_not_missing():
    inner = box(16, slice(4, 12), slice(3, 13))
    given = np.where(inner, 2, 0).astype(np.uint8)
    found = disagreement.missing_regions(probabilities(k2=slice(4, 12)), given, [(2, inner)])
    assert len(found) == 2  # left and right stay: each touches the instance along one side only
    narrow = box(16, slice(5, 11))
    given = np.where(narrow, 2, 0).astype(np.uint8)
    assert disagreement.missing_regions(probabilities(k2=slice(4, 12)), given, [(2, narrow)]) == []


def test_a_crumb_is_no_garment():
    p = np.full((2, 64, 64), 0.1, dtype=np.float32)
    p[0] = 0.9
    p[:, 10:12, 10:12] = np.array([0.1, 0.9])[:, None, None]
    assert picture("##", "##").sum() == 4
    assert disagreement.missing_regions(p, np.zeros((64, 64), np.uint8)) == []
