import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training import models
from training.config import SETTINGS, TrainConfig
from training.data.feature_codec import FeatureCodec
from training.data.features import VIEWS
from training.models import backbones

SHAPES = [(8, 8, 3), (4, 4, 5), (2, 2, 6), (1, 1, 8)]


def drawn(seed, scale=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    return [(rng.standard_t(3, (3, *shape)) * scale + shift).astype(np.float32) for shape in SHAPES]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_no_value_is_off_by_more_than_half_a_step_of_its_channel(seed, scale, shift):
    codec, maps = FeatureCodec(SHAPES), drawn(seed, scale, shift)
    for found, wanted in zip(codec.decode(codec.encode(maps)), maps, strict=True):
        assert found.dtype == np.float32
        step = np.ptp(wanted, axis=(1, 2), keepdims=True) / 7
        rounding = 1e-6 * np.abs(wanted).max()
        assert (np.abs(found - wanted) <= 0.5001 * step + rounding).all()


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_what_was_read_is_stored_again_as_it_is(seed):
    codec = FeatureCodec(SHAPES)
    once = codec.decode(codec.encode(drawn(seed)))
    for one, other in zip(once, codec.decode(codec.encode(once)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4)


def test_a_channel_without_any_contrast_stays_as_it_is():
    maps = [np.full((1, *shape), -2.5, np.float32) for shape in SHAPES]
    codec = FeatureCodec(SHAPES)
    assert all((found == -2.5).all() for found in codec.decode(codec.encode(maps)))


def test_what_is_stored_of_a_photo_depends_on_no_other():
    codec, maps = FeatureCodec(SHAPES), drawn(0)
    alone = codec.encode([each[1:2] for each in maps])
    assert codec.encode(maps)[1].tobytes() == alone[0].tobytes()


@pytest.mark.parametrize(("size", "most"), [(384, 350_000), (320, 245_000)])
def test_a_photo_and_its_mirror_image_take_a_third_of_a_megabyte(size, most):
    shapes = models.feature_map_shapes(TrainConfig(size=size))
    assert VIEWS * FeatureCodec(shapes).dtype.itemsize < most


@pytest.mark.parametrize(
    "name", [n for n in SETTINGS["backbone"].metadata["choices"] if n != "none"]
)
def test_the_smallest_maps_of_each_backbone_fill_whole_bytes(name):
    codec = FeatureCodec(backbones.shapes(name, 32, 32))
    maps = [np.ones((1, *shape)) for shape in backbones.shapes(name, 32, 32)]
    assert all((found == 1).all() for found in codec.decode(codec.encode(maps)))
