"""What the error network is shown and taught, and what is made of its answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curation.core import rle
from curation.core.errors import CurateError
from curation.issues import error_crops, error_network
from curation.issues.corruptions import Corruption
from curation.issues.error_crops import COARSE, FINE, FeatureScale, PhotoCrops, Square
from curation.issues.geometry import moved
from curation.issues.observation import Label, Observation
from tests.issues.scene import LABELS, SHIRT, SIDE, TROUSERS, block, observed
from training import error_network as keras_network


def photo(number: int) -> Observation:
    """The drawn figure somewhere; each garment has features of its own."""
    rng = np.random.default_rng(number)
    offset = rng.integers(-6, 7, 2)
    truth = [replace(x, mask=moved(x.mask, *offset)) for x in LABELS]
    look = np.zeros((SIDE, SIDE, 4), np.float32)
    for label in truth:
        look[label.mask, label.class_id] = 1
    maps = []
    for step, channels in ((2, 9), (4, 10), (8, 12)):
        small = look.reshape(SIDE // step, step, SIDE // step, step, 4).mean((1, 3))
        maps.append(
            np.tile(small, 3)[..., :channels] + rng.normal(0, 0.1, (*small.shape[:2], channels))
        )
    seen = observed(f"p{number:03d}", truth, truth)
    return replace(seen, feature_maps=tuple(x.astype(np.float16) for x in maps))


def halved(observation: Observation) -> Observation:
    """Its shirt ends in the middle."""
    shirt = observation.label_masks[0].mask.copy()
    shirt[:, int(np.nonzero(shirt)[1].mean()) :] = False
    return replace(observation, labels=(Label(1, rle.encode(shirt)), *observation.labels[1:]))


@pytest.fixture(scope="module")
def photos() -> dict[str, Observation]:
    return {o.image_id: o for o in map(photo, range(30))}


@pytest.fixture(scope="module")
def taught(photos, tmp_path_factory):
    """Both networks, and the folder that they are kept in."""
    folder = tmp_path_factory.mktemp("network")
    with pytest.MonkeyPatch.context() as few:
        few.setattr(error_network, "FEWEST_TAUGHT", 30)
        few.setattr(error_network, "FEWEST_WINDOWS", 100)
        few.setattr(keras_network, "_BATCH", 16)
        few.setattr(keras_network, "EPOCHS", 4)
        network = error_network.taught(
            folder, list(photos), lambda ids: (photos[i] for i in ids), keras_network, shard=8
        )
    assert network
    return network, folder


def scores(network, observations) -> np.ndarray:
    """Of the first label of each."""
    asked = [error_network.ask(o, [0], network.scale) for o in observations]
    return error_crops.scores(np.concatenate(network.judge(asked)))


def test_half_of_a_garment_is_told_from_a_whole_one(taught, photos):
    network, _ = taught
    every = list(photos.values())
    given, wrong = scores(network, every), scores(network, [halved(o) for o in every])
    assert np.mean(wrong > np.median(given)) > 0.9


def test_a_photo_is_judged_by_the_network_that_was_not_taught_with_it(taught, photos):
    network, _ = taught
    asked = [error_network.ask(o, [0, 1], network.scale) for o in photos.values()]
    for half, judge in enumerate(network._judges):
        own = [x for x in asked if x.half == half]
        crops = own[0].crops
        expected = judge((crops.fine, crops.coarse))
        np.testing.assert_allclose(network.judge(own[:1])[0], expected, atol=1e-6)
    assert {x.half for x in asked} == {0, 1}


def test_a_killed_run_does_not_teach_again_what_is_taught(taught, photos):
    _, folder = taught

    class Refuses:
        load = staticmethod(keras_network.load)

        def fit(self, *given, **rest):
            raise AssertionError("taught again")

    def observe(ids):
        raise AssertionError("no photo is looked at again")

    ids = list(photos) * 7
    assert error_network.taught(folder, ids, observe, Refuses(), shard=8)


def test_a_damaged_network_is_named(taught, tmp_path):
    path = tmp_path / "error-network-0.keras"
    path.write_bytes(b"no network")
    with pytest.raises(CurateError, match=r"error-network-0\.keras.*damaged"):
        keras_network.load(path)


def test_few_photos_and_photos_without_features_have_no_network(photos, tmp_path, monkeypatch):
    plain = {i: replace(o, feature_maps=()) for i, o in photos.items()}

    def network(count):
        monkeypatch.setattr(error_network, "FEWEST_TAUGHT", count)
        return error_network.taught(
            tmp_path, list(plain), lambda ids: (plain[i] for i in ids), keras_network, shard=8
        )

    assert network(31) is None
    assert network(30) is None
    assert not list(tmp_path.iterdir())


def test_a_window_shows_the_label_in_its_middle_also_at_the_frame():
    mask = block(0, 50, 10, 14)
    square = Square.around(mask)
    assert square.top < 0
    assert square.left + square.side > SIDE
    cut = square.cut(np.stack([mask, np.ones_like(mask)], axis=2).astype(np.float32), FINE)
    assert cut[FINE // 2, FINE // 2, 0] == 1
    assert cut[0, 0, 1] == 0, "beyond the frame"
    assert cut[..., 0].mean() * square.side**2 == pytest.approx(mask.sum(), rel=0.05)


def test_a_heat_map_has_an_error_where_the_label_has_it():
    mask = block(20, 20, 16, 16)
    square = Square.around(mask)
    error = block(20, 20, 16, 8)
    cells = error_crops.target(mask, error)[None] / np.float32(255)
    drawn = error_crops.heatmap([square], cells, SIDE)
    assert drawn[28, 23] == 255
    assert drawn[28, 33] == 0
    assert (drawn[error] > 127).mean() > 0.9


def test_what_looks_like_the_label_is_told_from_what_does_not(photos):
    every = list(photos.values())
    observation = every[0]
    shirt, trousers = (observation.label_masks[i].mask for i in (0, 1))
    half = shirt.copy()
    half[:, int(np.nonzero(shirt)[1].mean()) :] = False
    unlike = PhotoCrops(observation, FeatureScale.fit(every))._unlike(half)[..., 0]
    rest, other = (x[::2, ::2] for x in (shirt & ~half, trousers))
    assert unlike[other].mean() > unlike[rest].mean() + 1


def test_a_merged_label_is_wrong_in_what_was_the_other_one():
    now = replace(SHIRT, mask=SHIRT.mask | TROUSERS.mask)
    error = error_network._error(LABELS, now, Corruption(0, now, absorbed=1))
    np.testing.assert_array_equal(error, TROUSERS.mask)
    swapped = replace(SHIRT, class_id=3)
    np.testing.assert_array_equal(
        error_network._error(LABELS, swapped, Corruption(0, swapped)), SHIRT.mask
    )
    assert error_crops.scores(np.zeros((1, COARSE, COARSE), np.float32)) == 0
