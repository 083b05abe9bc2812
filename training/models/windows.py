"""The error network itself, and the batches that it is taught with."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from training.models.blocks import Blocks, upsample

_NARROW, _MIDDLE, _WIDE = 32, 64, 96


def error_network(
    fine: tuple[int, int, int], coarse: tuple[int, int, int], momentum: float = 0.9
) -> keras.Model:
    """An hourglass of three scales over windows, 170,000 weights.

    Args:
        fine: (2 n, 2 n, channels) of what is cut finely
        coarse: (n, n, channels); n is a multiple of 4
        momentum: of batch norms

    Returns:
        from uint8 windows to (B, n, n, 1) float32 logits of an error
    """
    blocks = Blocks(momentum)
    inputs = [keras.Input(fine, name="fine"), keras.Input(coarse, name="coarse")]
    sharp, soft = (layers.Rescaling(1 / 255)(x) for x in inputs)
    n, channels = coarse[0], fine[2]
    # Each cell takes the four that it has in the finer grid as channels: nothing is lost.
    cells = layers.Reshape((n, 2, n, 2, channels))(sharp)
    cells = layers.Reshape((n, n, 4 * channels))(layers.Permute((1, 3, 2, 4, 5))(cells))
    x = blocks.norm(layers.Concatenate()([cells, soft]))
    full = _more(blocks, _more(blocks, blocks.conv(x, _NARROW, 1)))
    half = _more(blocks, _halved(blocks, full, _MIDDLE))
    quarter = _more(blocks, _halved(blocks, half, _WIDE))
    for finer in (half, full):
        quarter = upsample(blocks.conv(quarter, _NARROW, 1), 2)
        quarter = _more(blocks, layers.Add()([quarter, blocks.conv(finer, _NARROW, 1)]))
    logits = layers.Conv2D(1, 1, dtype="float32")(quarter)
    return keras.Model(inputs, logits, name="error_network")


def _more(blocks: Blocks, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Add()([x, blocks.conv(x, x.shape[-1], 3)])


def _halved(blocks: Blocks, x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    return blocks.conv(layers.AveragePooling2D(2)(x), channels, 3)


class WindowBatches(keras.utils.PyDataset):
    """Batches of windows in an order that changes from epoch to epoch, mirrored at random.

    Args:
        windows: (N, 2 n, 2 n, channels) and (N, n, n, channels) uint8
        errors: (N, n, n) uint8, 255 where all of a cell is one
        batch: windows a step
    """

    def __init__(
        self,
        windows: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        errors: NDArray[np.uint8],
        batch: int,
        seed: int,
    ) -> None:
        super().__init__()
        self._windows, self._errors, self._batch = windows, errors, batch
        self._rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self._order = self._rng.permutation(len(self._errors))
        self._mirrored = self._rng.random(len(self._errors)) < 0.5

    def __len__(self) -> int:
        return len(self._errors) // self._batch

    def __getitem__(self, index: int) -> tuple[tuple[NDArray, NDArray], NDArray[np.float32]]:
        """Windows, and (B, n, n, 1) the share of each cell that is an error."""
        which = self._order[index * self._batch : (index + 1) * self._batch]
        flip = self._mirrored[which][:, None, None]
        wrong = self._errors[which]
        errors = np.where(flip, wrong[:, :, ::-1], wrong).astype(np.float32) / np.float32(255)
        flip = flip[..., None]
        fine, coarse = (each[which] for each in self._windows)
        return (
            (np.where(flip, fine[:, :, ::-1], fine), np.where(flip, coarse[:, :, ::-1], coarse)),
            errors[..., None],
        )
