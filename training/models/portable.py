"""A trained model for use without Keras and without this product: SavedModel or ONNX.

    DIR/saved_model.pb, DIR/variables/    savedmodel: ``tf.saved_model.load(DIR)``
    DIR/model.onnx                        onnx: ``onnxruntime.InferenceSession(DIR/model.onnx)``
    DIR/classes.json                      what goes in, and what the channels that come out mean
    DIR/manifest.json                     format, all files: an export may replace an earlier one

Either has one input, ``image``: (B, S, S, 3) uint8 RGB, and one output, ``probabilities``:
(B, S, S, K) float32, which are 1 together. The SavedModel's signature is ``serving_default``.
B is free, and so is the size where the model takes any, as a UNet does.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from curation.core.errors import CurateError
from curation.formats.export import MANIFEST, WRITTEN_BY, replacing_export
from training.folder import ClassList
from training.metrics import IGNORE_INDEX

FORMATS = ("savedmodel", "onnx")
TOLERANCE = 1e-4
"""How far a probability may be from the Keras model's; what other kernels round is 1e-5."""

_CLASSES = "classes.json"
_ONNX = "model.onnx"
_OPSET = 15  # tf2onnx's own choice: older runtimes read it, and 18 is no faster


def export(model: keras.Model, folder: Path, format_: str, classes: ClassList, size: int) -> dict:
    """Writes a model for use elsewhere, loads it again and compares it with the original.

    The folder appears when all that is done, and takes the place of an earlier
    export in this format. A model in mixed precision is written in float32.

    Args:
        model: (B, S, S, 3) float photos, RGB 0 to 255, to (B, S, S, K) logits; S is
            ``size``, or free
        format_: one of FORMATS
        size: side in pixels of the photos that it was trained on

    Returns:
        ``files`` (names), ``bytes`` (of all of them) and ``difference``: the largest
        of a probability from the Keras model's, over random photos

    Raises:
        CurateError: the folder holds something else or cannot be written, a package
            is missing, or what was written differs by more than TOLERANCE
        ValueError: the model does not fit the classes
    """
    if model.output_shape[-1] != len(classes.names):
        raise ValueError(f"{model.output_shape[-1]} channels for {len(classes.names)} classes")
    if keras.backend.backend() != "tensorflow":
        raise CurateError(folder, "is written by TensorFlow alone: unset KERAS_BACKEND")
    write, load = _WRITERS[format_], _LOADERS[format_]
    if format_ == "onnx":
        _check_packages(folder)
    exact = _in_float32(model)
    try:
        with replacing_export(folder, format_) as part:
            write(_from_images(exact), part)
            difference = _difference(exact, load(part), size)
            if not difference <= TOLERANCE:  # nan is not, either
                reason = f"differs from the Keras model by {difference:.2g}; take another format"
                raise CurateError(folder, f"{format_} {reason}")
            return {**_finish(part, format_, model, classes, size), "difference": difference}
    except (OSError, tf.errors.OpError) as error:
        raise CurateError(folder, f"cannot be written: {error}") from None


def _check_packages(folder: Path) -> None:
    try:
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        reason = f"ONNX needs more packages ({error}): pip install -e '.[onnx]' where curate is"
        raise CurateError(folder, reason) from None


def _in_float32(model: keras.Model) -> keras.Model:
    """A copy of the model with the same weights and no other precision in it."""

    def clone(operation: keras.Operation) -> keras.Operation:
        config = operation.get_config()
        if isinstance(operation, keras.Layer):
            config["dtype"] = "float32"
        return type(operation).from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def _from_images(model: keras.Model) -> keras.Model:
    """The model from uint8 photos to probabilities, both named."""
    image = keras.Input(model.input_shape[1:], dtype="uint8", name="image")
    logits = model(ops.cast(image, "float32"))
    # ops.softmax ends as a Softmax over the channels of an NCHW map, which takes
    # onnxruntime a third of the time of Lite0 with its FPN; these take next to none.
    powers = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
    probabilities = powers / ops.sum(powers, axis=-1, keepdims=True)
    return keras.Model(image, {"probabilities": probabilities})


def _signature(model: keras.Model) -> list[keras.InputSpec]:
    return [keras.InputSpec(dtype="uint8", shape=model.input_shape, name="image")]


def _write_savedmodel(model: keras.Model, folder: Path) -> None:
    archive = keras.export.ExportArchive()
    # Not model.export: that tracks the model as well, and writes each weight twice.
    archive.add_endpoint("serve", model.__call__, _signature(model))
    archive.write_out(folder, verbose=False)
    (folder / "assets").rmdir()  # always empty


def _write_onnx(model: keras.Model, folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras asks numpy for np.object
        model.export(
            folder / _ONNX,
            format="onnx",
            input_signature=_signature(model),
            opset_version=_OPSET,
            verbose=False,
        )


_Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def _load_savedmodel(folder: Path) -> _Predict:
    loaded = tf.saved_model.load(folder)
    serve = loaded.signatures["serving_default"]
    return lambda images: serve(image=tf.constant(images))["probabilities"].numpy()


def _load_onnx(folder: Path) -> _Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / _ONNX, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["probabilities"], {"image": images})[0]


_WRITERS = {"savedmodel": _write_savedmodel, "onnx": _write_onnx}
_LOADERS = {"savedmodel": _load_savedmodel, "onnx": _load_onnx}


def _difference(model: keras.Model, predict: _Predict, size: int) -> float:
    """The largest between two models' probabilities, at both sizes if two will do."""
    shapes = [(2, size, size), (1, size + 1, size - 1) if _is_free(model) else (1, size, size)]
    found = []
    with _full_float32():
        for count, height, width in shapes:
            images = _random_images(count, height, width)
            logits = model.predict_on_batch(images.astype(np.float32))
            expected = ops.convert_to_numpy(ops.softmax(logits))
            got = predict(images)
            found.append(np.abs(got - expected).max() if got.shape == expected.shape else np.inf)
    return float(np.max(found))


@contextmanager
def _full_float32() -> Iterator[None]:
    """Without TF32, which rounds float32 to 10 bits in convolutions on a GPU."""
    config = tf.config.experimental
    before = config.tensor_float_32_execution_enabled()
    config.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        config.enable_tensor_float_32_execution(before)


def _random_images(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Flat patches under noise: noise alone looks the same everywhere to a deep model."""
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 206, (count, height // 16 + 1, width // 16 + 1, 3))
    flat = patches.repeat(16, axis=1).repeat(16, axis=2)[:, :height, :width]
    return (flat + rng.integers(0, 50, flat.shape)).astype(np.uint8)


def _is_free(model: keras.Model) -> bool:
    """Whether photos of any size go in."""
    return None in model.input_shape[1:3]


def _finish(part: Path, format_: str, model: keras.Model, classes: ClassList, size: int) -> dict:
    """Writes the two JSON files of an export whose model is there."""
    square = f"{size} x {size} by area, aspect ratio not kept"
    sides = f"of any size; trained on {square}" if _is_free(model) else f"resized to {square}"
    described = {
        "names": classes.names,
        "colors": classes.colors,
        "ignore": IGNORE_INDEX,
        "size": size,
        "input": f"image: uint8 (batch, height, width, 3), RGB 0 to 255, upright, {sides}",
        "output": "probabilities: float32 (batch, height, width, class), in the order of names; "
        "ignore stands in label maps alone, where nobody knows the class",
    }
    _write_json(part / _CLASSES, described)
    files = sorted(p.relative_to(part).as_posix() for p in part.rglob("*") if p.is_file())
    manifest = {"format": format_, "written_by": WRITTEN_BY, "files": files}
    _write_json(part / MANIFEST, manifest)
    return {"files": files, "bytes": sum((part / file).stat().st_size for file in files)}


def _write_json(path: Path, values: dict) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")
