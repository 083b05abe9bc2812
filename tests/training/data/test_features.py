from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from curation.core.errors import CurateError
from tests.training.drawn import draw
from training import models
from training.config import TrainConfig
from training.data.features import FeatureCache

SIZE = 32
CONFIG = TrainConfig(size=SIZE)


@pytest.fixture
def images(tmp_path):
    return draw(tmp_path, 5)[0]


def test_rows_are_the_taps_of_the_image_and_of_its_mirror_image_in_few_steps(images, cache):
    features = FeatureCache(cache, CONFIG)
    features.add(images)
    rows = features.rows([images[3]])
    image = images[3].read(SIZE)[None]
    backbone = models.encoder(CONFIG)
    for view, pixels in enumerate((image, image[:, :, ::-1])):
        expected = backbone.predict_on_batch(pixels)
        for feature_map, wanted in zip(features.feature_maps(rows, view), expected, strict=True):
            assert feature_map.dtype == np.float32
            step = np.ptp(wanted, axis=(1, 2), keepdims=True) / 7
            assert (np.abs(feature_map - wanted) <= 0.51 * step + 2e-2).all()


def test_views_can_differ_within_a_batch(images, cache):
    features = FeatureCache(cache, CONFIG)
    features.add(images)
    rows = features.rows(images[:2])
    mixed = features.feature_maps(rows, np.array([1, 0]))
    np.testing.assert_array_equal(mixed[0][0], features.feature_maps(rows, 1)[0][0])
    np.testing.assert_array_equal(mixed[0][1], features.feature_maps(rows, 0)[0][1])
    assert [feature_map.shape[1:] for feature_map in mixed] == models.feature_map_shapes(CONFIG)


def test_new_images_are_appended_and_old_ones_not_computed_again(images, cache):
    FeatureCache(cache, CONFIG).add(images[:3])
    folder = FeatureCache(cache, CONFIG).folder
    before = (folder / "rows-0000.bin").read_bytes()
    features = FeatureCache(cache, CONFIG)
    features.add([*images, images[4]])
    after = (folder / "rows-0000.bin").read_bytes()
    assert after.startswith(before)
    assert len(after) == len(before) // 3 * 5
    assert features.rows(images).tolist() == [0, 1, 2, 3, 4]


def test_a_image_under_another_path_is_known_by_its_key(images, cache, tmp_path):
    features = FeatureCache(cache, CONFIG)
    features.add(images[:1])
    assert replace(images[0], path=tmp_path / "moved.png") in features
    assert images[1] not in features


@pytest.mark.parametrize("damage", [lambda t: t[:64] + b"x" + t[65:], lambda t: t[:65] * 2])
def test_a_damaged_key_gives_no_photo_the_features_of_another(images, cache, damage):
    features = FeatureCache(cache, CONFIG)
    features.add(images[:2])
    path = features.folder / "keys.txt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CurateError, match=r"keys\.txt:[12]: is no key, or there twice: delete"):
        FeatureCache(cache, CONFIG)


@pytest.mark.parametrize(
    "other",
    [{"size": 64}, {"backbone": "lite2"}, {"model": "deeplabv3plus", "output_stride": 16}],
)
def test_other_features_are_kept_apart(images, cache, other):
    FeatureCache(cache, CONFIG).add(images[:1])
    assert images[0] not in FeatureCache(cache, replace(CONFIG, **other))


def test_one_cache_serves_every_head(images, cache):
    FeatureCache(cache, CONFIG).add(images[:1])
    assert images[0] in FeatureCache(cache, replace(CONFIG, model="deeplabv3plus", epochs=3))


def test_images_that_cannot_be_read_are_named_and_the_others_kept(images, cache, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no photo")
    wrong = replace(images[1], key="beef", path=broken)
    gone = replace(images[1], key="dead", path=tmp_path / "gone.jpg")
    features = FeatureCache(cache, CONFIG)
    with pytest.raises(CurateError, match=r"broken\.jpg.*exclude or replace it \(and 1 more\)"):
        features.add([images[0], wrong, gone, images[2]])
    assert images[0] in features
    assert images[2] in features


def test_a_bomb_is_refused_before_it_is_decoded(cache, images, tmp_path, monkeypatch):
    monkeypatch.setattr("curation.core.rle.MAX_PIXELS", 100)
    path = tmp_path / "big.png"
    Image.new("RGB", (50, 50)).save(path)
    with pytest.raises(CurateError, match="above 100 pixels"):
        FeatureCache(cache, CONFIG).add([replace(images[0], path=path)])
