"""A small network that sees errors in labels: windows in, the chance of an error in each cell out.

After arXiv 2508.17930: taught with errors that were made on purpose. Pure Keras ops.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent

if TYPE_CHECKING:
    import keras

Windows = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""(N, 2 n, 2 n, channels) and (N, n, n, channels)."""

EPOCHS = 7
_BATCH = 64
_JUDGED = 256
"""Windows that are judged at once."""
_RATE = 3e-3
_WARM = 0.1
"""Share of the steps before the learning rate is at its highest."""


def fit(
    path: Path,
    windows: Windows,
    errors: NDArray[np.uint8],
    seed: int,
    *,
    progress: Progress = silent,
) -> None:
    """Teaches a network and writes it, unless it is there: a killed run goes on behind it.

    Args:
        path: ``.keras``
        windows: around labels, some of them with errors
        errors: (N, n, n) how much of each cell is one, times 255
        seed: of the first weights and the order of the windows
    """
    if path.exists():
        return
    from training.quiet import start_keras

    start_keras()
    import keras

    from training import devices, workers
    from training.models.windows import WindowBatches, error_network

    workers.initialize()
    keras.utils.set_random_seed(seed)
    model = error_network(windows[0].shape[1:], windows[1].shape[1:])
    batches = WindowBatches(windows, errors, min(_BATCH, len(errors)), seed)
    steps = EPOCHS * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        _RATE / 30, max(1, round((1 - _WARM) * steps)), 0.01,
        warmup_target=_RATE, warmup_steps=max(1, round(_WARM * steps)),
    )  # fmt: skip
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=devices.jit(),
    )
    done = iter(range(1, steps + 1))
    told = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: progress("error network", next(done), steps)
    )
    model.fit(batches, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[told])
    with replacing(path) as part:
        model.save(part)


def load(path: Path) -> Callable[[Windows], NDArray[np.float32]]:
    """The network that :func:`fit` wrote: windows to (N, n, n) chances of an error, 0 to 1.

    Raises:
        CurateError: it cannot be read
    """
    from training.quiet import start_keras

    start_keras()
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CurateError(path, f"is damaged: {error}; delete it, and flag again") from None
    return lambda windows: _judged(model, windows)


def _judged(model: keras.Model, windows: Windows) -> NDArray[np.float32]:
    parts = [np.empty((0, *windows[1].shape[1:3]), np.float32)]
    for start in range(0, len(windows[0]), _JUDGED):
        part = [each[start : start + _JUDGED] for each in windows]
        logits = np.asarray(model.predict_on_batch(part), np.float32)[..., 0]
        parts.append(1 / (1 + np.exp(-logits)))
    return np.concatenate(parts)
