"""Segmenters in pure Keras 3: backbones, and the heads that turn their feature maps into logits.

Importing it starts Keras.
"""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path

from curation.core.errors import CurateError
from training.config import TrainConfig
from training.quiet import start_keras

start_keras()  # first: what follows would start it less quietly

import keras  # noqa: E402

from training.models import backbones  # noqa: E402
from training.models.blocks import HALF  # noqa: E402
from training.models.deeplab import deeplabv3plus  # noqa: E402
from training.models.fpn import fpn  # noqa: E402
from training.models.one_class import OneClass  # noqa: E402
from training.models.unet import unet  # noqa: E402

_HEADS = {"fpn": fpn, "deeplabv3plus": deeplabv3plus}


def encoder(config: TrainConfig) -> keras.Model:
    """The backbone of a run: photos (B, S, S, 3) to four feature maps.

    It is trainable unless it is frozen, but for the batch norms of one that comes
    trained: ImageNet's averages are better than those of the few photos of a batch.
    """
    momentum = config.batch_norm_momentum if config.weights == "none" else None
    model = backbones.backbone(
        config.backbone, config.size, config.weights, config.output_stride, momentum
    )
    model.trainable = not config.frozen
    if config.weights != "none":
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    return model


def encoder_name(config: TrainConfig) -> str:
    """Tells apart encoders whose feature maps differ; a file of weights is known by its content.

    Raises:
        CurateError: that file cannot be read
    """
    name = f"{config.backbone}-{config.size}-os{config.output_stride}"
    if config.weights == "imagenet":
        return name
    path = Path(config.weights)
    try:
        with path.open("rb") as file:
            return f"{name}-{file_digest(file, 'sha256').hexdigest()[:16]}"
    except OSError as error:
        raise CurateError(path, f"weights cannot be read: {error.strerror}") from None


def feature_map_shapes(config: TrainConfig) -> list[tuple[int, int, int]]:
    """(h, w, channels) of the encoder's feature maps."""
    return backbones.shapes(config.backbone, config.size, config.output_stride)


def head(config: TrainConfig, classes: int) -> keras.Model:
    """What is put on the encoder: its feature maps to (B, S, S, K) float32 logits.

    Args:
        classes: K, background included
    """
    make = _HEADS[config.model]
    model = make(feature_map_shapes(config), classes, config.dropout, config.batch_norm_momentum)
    if config.one_class:
        voted = OneClass(dtype="float32", name="one_class")(model.output)
        return keras.Model(model.inputs, voted, name=model.name)
    return model


def attach(encoder: keras.Model, head: keras.Model) -> keras.Model:
    """One model of both, which shares their weights: photos to logits."""
    image = keras.Input(encoder.inputs[0].shape[1:], name="image")
    return keras.Model(image, head(encoder(image)), name=f"{head.name}_{encoder.name}")


def full_model(config: TrainConfig, classes: int) -> keras.Model:
    """The model of a run from end to end: photos (B, S, S, 3) RGB 0 to 255 to logits.

    Args:
        classes: K, background included

    Returns:
        to (B, S, S, K) float32 logits

    Raises:
        CurateError: the backbone's weights cannot be had, or do not fit
    """
    if config.model == "unet":
        return unet(classes, dropout=config.dropout, batch_norm_momentum=config.batch_norm_momentum)
    return attach(encoder(config), head(config, classes))


def low_resolution(model: keras.Model) -> keras.Model:
    """The same model and weights up to 1/2 of the side, which is cheaper to train.

    A UNet has nothing above its logits to leave out: it is given back itself.
    """
    if parts := _parts(model):
        return attach(parts[0], low_resolution(parts[1]))
    if HALF in [layer.name for layer in model.layers]:
        return keras.Model(model.inputs, model.get_layer(HALF).output, name=model.name)
    return model


def backbone_variables(model: keras.Model, config: TrainConfig) -> list[keras.Variable]:
    """The variables of a model that come trained, for a lower learning rate."""
    parts = _parts(model)
    return parts[0].trainable_variables if parts and config.weights != "none" else []


def _parts(model: keras.Model) -> list[keras.Model]:
    """The encoder and the head of what :func:`attach` made; of anything else nothing."""
    return [layer for layer in model.layers if isinstance(layer, keras.Model)]
