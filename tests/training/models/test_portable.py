"""Exports are run where neither this product nor Keras is: in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from curation.cli.train import export_model
from curation.core.errors import CurateError
from training import models
from training.config import TrainConfig
from training.folder import ClassList
from training.models import portable

CLASSES = ClassList(("background", "top", "skirt"), ("#000000", "#d62728", "#1f77b4"))
SIZE = 64

RUN = {
    "savedmodel": """
import sys, numpy as np, tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
for name in sys.argv[2:]:
    photos = tf.constant(np.load(name + ".photos.npy"))
    np.save(name + ".npy", serve(image=photos)["probabilities"].numpy())
assert not {"training", "curation"} & set(sys.modules)
""",
    "onnx": """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx")
for name in sys.argv[2:]:
    photos = np.load(name + ".photos.npy")
    np.save(name + ".npy", session.run(["probabilities"], {"image": photos})[0])
assert not {"training", "curation", "tensorflow", "keras"} & set(sys.modules)
""",
}


@cache
def model_of(model: str, backbone: str) -> keras.Model:
    """A model of the trainer's, its batch norms as after training: not all 0 and 1."""
    config = TrainConfig(model=model, backbone=backbone, frozen=False, size=SIZE, dropout=0.3)
    whole = models.full_model(config, len(CLASSES.names))
    rng = np.random.default_rng(1)
    for weight in whole.weights:
        if backbone not in weight.path and ("moving" in weight.path or "gamma" in weight.path):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return whole


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A model for what has nothing to do with models."""
    image = keras.Input((SIZE, SIZE, 3))
    return keras.Model(image, layers.Conv2D(3, 3, padding="same")(image))


def elsewhere(folder: Path, format_: str, batches: list[np.ndarray]) -> list[np.ndarray]:
    """What an export gives in a process that knows nothing but its own package."""
    names = [str(folder.parent / f"batch{number}") for number in range(len(batches))]
    for name, batch in zip(names, batches, strict=True):
        np.save(f"{name}.photos.npy", batch)
    command = [sys.executable, "-I", "-c", RUN[format_], str(folder), *names]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [np.load(f"{name}.npy") for name in names]


def images(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, height, width, 3), np.uint8)


def agree(model: keras.Model, folder: Path, format_: str, batches: list[np.ndarray]) -> None:
    for batch, found in zip(batches, elsewhere(folder, format_, batches), strict=True):
        expected = ops.softmax(model.predict_on_batch(batch.astype(np.float32)))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-4)
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


def test_the_verb_offers_what_can_be_written():
    (offered,) = (o for o in export_model.params if o.name == "format_")
    assert tuple(offered.type.choices) == portable.FORMATS


@pytest.fixture(params=portable.FORMATS)
def format_(request) -> str:
    if request.param == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    return request.param


@pytest.mark.slow
def test_a_feature_pyramid_gives_the_same_probabilities_elsewhere(tmp_path, format_):
    model = model_of("fpn", "lite0")
    result = portable.export(model, tmp_path / "out", format_, CLASSES, SIZE)
    assert result["difference"] < 1e-4
    agree(model, tmp_path / "out", format_, [images(3, SIZE, SIZE), images(1, SIZE, SIZE)])


@pytest.mark.long
def test_a_unet_takes_images_of_any_size_elsewhere(tmp_path, format_):
    model = model_of("unet", "none")
    portable.export(model, tmp_path / "out", format_, CLASSES, SIZE)
    agree(model, tmp_path / "out", format_, [images(2, 32, 48), images(1, 51, 33)])


def test_a_model_in_mixed_precision_is_exported_in_float32(tmp_path):
    image = keras.Input((SIZE, SIZE, 3))
    mixed = layers.Conv2D(8, 3, padding="same", dtype="mixed_bfloat16")
    logits = layers.Conv2D(3, 1, dtype="float32")
    inner = keras.Model(image, logits(mixed(image)))
    portable.export(keras.Model(image, inner(image)), tmp_path, "savedmodel", CLASSES, SIZE)
    exact = layers.Conv2D(8, 3, padding="same", dtype="float32")
    exact.build(image.shape)
    exact.set_weights(mixed.get_weights())
    batch = images(2, SIZE, SIZE)
    expected = ops.softmax(logits(exact(batch.astype(np.float32))))
    serve = tf.saved_model.load(tmp_path).signatures["serving_default"]
    found = serve(image=tf.constant(batch))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert mixed.compute_dtype == "bfloat16"


def test_classes_say_what_goes_in_and_what_comes_out(tmp_path, small):
    result = portable.export(small, tmp_path, "savedmodel", CLASSES, SIZE)
    described = json.loads((tmp_path / "classes.json").read_text())
    assert described["names"] == ["background", "top", "skirt"]
    assert described["colors"] == ["#000000", "#d62728", "#1f77b4"]
    assert (described["size"], described["ignore"]) == (64, 255)
    assert "uint8" in described["input"] and "resized to 64 x 64" in described["input"]
    assert {"classes.json", "saved_model.pb"} <= set(result["files"])
    assert result["bytes"] == sum((tmp_path / file).stat().st_size for file in result["files"])


def test_an_earlier_export_is_replaced(tmp_path, small):
    portable.export(small, tmp_path / "out", "savedmodel", CLASSES, SIZE)
    others = ClassList(("background", "shoe", "hat"), CLASSES.colors)
    portable.export(small, tmp_path / "out", "savedmodel", others, SIZE)
    assert "shoe" in (tmp_path / "out" / "classes.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_not_an_earlier_export_stays(tmp_path, small):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CurateError, match="not an earlier export"):
        portable.export(small, tmp_path, "savedmodel", CLASSES, SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path, small):
    (tmp_path / "file").write_text("")
    with pytest.raises(CurateError, match=r"file/out.*cannot be written"):
        portable.export(small, tmp_path / "file" / "out", "savedmodel", CLASSES, SIZE)


def test_an_export_that_differs_is_not_left_behind(tmp_path, small):
    """Weights that are not numbers: nothing can be equal to what such a model gives."""
    model = keras.models.clone_model(small)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(CurateError, match="differs from the Keras model by nan"):
        portable.export(model, tmp_path / "out", "savedmodel", CLASSES, SIZE)
    assert not list(tmp_path.iterdir())


def test_classes_of_another_model_are_refused(tmp_path, small):
    two = ClassList(("background", "top"), ("#000000", "#d62728"))
    with pytest.raises(ValueError, match="3 channels for 2 classes"):
        portable.export(small, tmp_path / "out", "savedmodel", two, SIZE)


def test_without_its_packages_onnx_says_how_to_get_them(tmp_path, small, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # what Python takes for missing
    with pytest.raises(CurateError, match="pip install"):
        portable.export(small, tmp_path / "out", "onnx", CLASSES, SIZE)
    assert not list(tmp_path.iterdir())
