import keras
import numpy as np
import pytest

from training.models.unet import unet


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return unet(3, width=2)


def images(h, w, batch=1):
    return np.random.default_rng(0).integers(0, 256, (batch, h, w, 3), dtype=np.uint8)


@pytest.mark.parametrize(("h", "w"), [(700, 500), (501, 333), (1, 1), (16, 17), (32, 32)])
def test_a_image_comes_back_at_its_own_size(model, h, w):
    logits = model.predict_on_batch(images(h, w))
    assert logits.shape == (1, h, w, 3)
    assert logits.dtype == np.float32


def test_every_border_pixel_counts_at_its_own_place(model):
    """The seed's pooling lost the last row and column of odd sides."""
    h, w = 21, 19
    border = [(y, x) for y in range(h) for x in range(w) if y in (0, h - 1) or x in (0, w - 1)]
    image = images(h, w)
    changed = np.repeat(image, len(border), axis=0)
    for index, (y, x) in enumerate(border):
        changed[index, y, x] ^= 255
    before, after = model.predict_on_batch(image)[0], model.predict_on_batch(changed)
    for index, (y, x) in enumerate(border):
        assert np.abs(after[index, y, x] - before[y, x]).max() > 1e-6


def test_a_image_is_padded_with_grey(model):
    """15 rows are padded to 16 with 0, which is 127.5 before the photo is brought to -1 to 1."""
    padded = images(16, 16).astype(np.float32)
    padded[:, 15] = 127.5
    np.testing.assert_allclose(
        model.predict_on_batch(padded[:, :15]), model.predict_on_batch(padded)[:, :15], atol=1e-5
    )


def test_a_saved_unet_loads_in_safe_mode_and_takes_any_size(model, tmp_path):
    model.save(tmp_path / "unet.keras")
    loaded = keras.saving.load_model(tmp_path / "unet.keras", compile=False, safe_mode=True)
    for size in ((33, 20), (20, 47)):
        image = images(*size)
        np.testing.assert_allclose(
            loaded.predict_on_batch(image), model.predict_on_batch(image), atol=1e-6
        )


def test_the_papers_width_is_the_papers_size():
    """31 million weights: the paper's layers counted, and batch norms and one class more."""
    convolutions = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512),
                    (512, 512), (512, 1024), (1024, 1024), (1024, 512), (512, 512), (512, 256),
                    (256, 256), (256, 128), (128, 128), (128, 64), (64, 64)]  # fmt: skip
    paper = sum(9 * before * after + 4 * after for before, after in convolutions)
    paper += sum(4 * 2 * after * after + after for after in (512, 256, 128, 64))
    assert unet(2, width=64).count_params() == paper + 64 * 2 + 2
