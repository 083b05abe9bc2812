"""What the two networks see in drawn figures, whose garments are known exactly."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from curation.core import masks
from curation.core.errors import CurateError
from curation.core.person import SIDE, agreement
from curation.demo.figures import draw_figure
from training.data.image import ImageFile
from training.person.cache import PersonCache
from training.person.networks import Networks

NOSE, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ANKLE = 0, 11, 12, 27


@cache
def figure(number):
    return draw_figure(np.random.default_rng(np.random.SeedSequence(5).spawn(12)[number]))


def garments(number):
    """(SIDE, SIDE) of all that a figure wears."""
    worn = np.any([g.mask for g in figure(number).garments], axis=0)
    return masks.resize_nearest(worn, SIDE, SIDE)


@pytest.fixture
def images(tmp_path):
    """Three figures, each from head to foot."""
    found = []
    for number in (1, 7, 9):
        path = tmp_path / f"{number}.png"
        Image.fromarray(figure(number).image).save(path)
        found.append(ImageFile(f"key{number}", path.name, path))
    return found


def test_a_person_is_seen_where_the_garments_are(networks, images):
    seen = Networks(networks)
    for number, image in zip((1, 7, 9), images, strict=True):
        person = seen.see(image.path)
        assert person.silhouette[garments(number)].mean() > 0.85
        assert person.confidence > 0.8
        assert person.ratio == pytest.approx(256 / 384)
        y = person.landmarks[:, 1]
        assert y[NOSE] < y[LEFT_SHOULDER] < y[LEFT_ANKLE]
        # Facing us, whose left is on the right.
        assert person.landmarks[LEFT_SHOULDER, 0] > person.landmarks[RIGHT_SHOULDER, 0]


def test_landmarks_are_those_of_the_whole_photo_wherever_the_person_stands(networks):
    """The pose is cut out around the silhouette: put into a larger photo, it moves with it."""
    seen, image = Networks(networks), figure(7).image.astype(np.float32) / 255
    wide = np.concatenate([np.full_like(image, 0.5), image], axis=1)
    square = [cv2.resize(x, (512, 512), interpolation=cv2.INTER_AREA) for x in (image, wide)]
    alone = seen.see_pixels(square[0], 256 / 384)
    aside = seen.see_pixels(square[1], 512 / 384)
    expected = alone.landmarks[:, :2] * (0.5, 1) + (0.5, 0)
    visible = alone.landmarks[:, 2] > 0.9
    assert visible.sum() > 20
    np.testing.assert_allclose(aside.landmarks[visible, :2], expected[visible], atol=0.03)


def test_of_several_people_one_explains_little(networks):
    pair = np.concatenate([figure(n).image for n in (1, 7)], axis=1)
    square = cv2.resize(pair, (512, 512), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    assert Networks(networks).see_pixels(square, 512 / 384).confidence < 0.6


def test_nobody_is_no_error(networks):
    person = Networks(networks).see_pixels(np.zeros((512, 512, 3), np.float32), 1.0)
    assert person.confidence < 0.1
    assert np.isfinite(person.landmarks).all()


def test_people_are_kept_and_not_looked_for_again(networks, images, tmp_path, monkeypatch):
    cache = PersonCache(tmp_path / "cache", networks)
    cache.add(images)
    monkeypatch.setattr("training.person.cache.Networks", None)
    again = PersonCache(tmp_path / "cache", networks)
    again.add([replace(image, path=tmp_path / "moved.png") for image in images])
    direct = Networks(networks).see(images[1].path)
    kept = again.get("key7")
    assert (kept.silhouette == direct.silhouette).all()
    np.testing.assert_allclose(kept.landmarks, direct.landmarks, atol=2e-3)
    assert kept.confidence == pytest.approx(direct.confidence, abs=1e-3)
    assert again.get("unknown") is None


def test_a_photo_that_cannot_be_read_has_no_person_and_others_have(networks, images, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    broken = [ImageFile("a", "a", tmp_path / "broken.jpg"), ImageFile("b", "b", tmp_path / "gone")]
    cache = PersonCache(tmp_path / "cache", networks)
    cache.add([*broken, *images[:1]])
    assert [cache.get(key) is None for key in ("a", "b", "key1")] == [True, True, False]


def test_without_the_networks_it_is_said_which_is_missing(images, tmp_path):
    cache = PersonCache(tmp_path / "cache", tmp_path)
    with pytest.raises(CurateError, match=r"selfie_segmentation\.tflite: is damaged or gone"):
        cache.add(images)


def test_labels_fit_their_own_person_best(networks, images):
    people = [Networks(networks).see(image.path).silhouette for image in images]
    for own, number in enumerate((1, 7, 9)):
        assert agreement(garments(number), np.array(people)).argmax() == own
