"""Starts TensorFlow and Keras without their chatter, which would cut through a progress bar."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@cache
def start_keras() -> None:
    """Imports Keras and starts its backend, quietly; once."""
    with without_chatter():
        import keras

        from training import devices, workers

        devices.prepare()
        # Who computes before it has joined the other workers never can.
        if workers.place(keras.backend.backend())[1] == 1:
            keras.ops.zeros(())


@contextmanager
def without_chatter() -> Iterator[None]:
    """File descriptor 2 leads nowhere in the block.

    TensorFlow 2.21 writes a dozen lines to stderr before it reads
    TF_CPP_MIN_LOG_LEVEL (tensorflow issue 100442) and again at its first
    operation, in the middle of a progress bar. Python's exceptions still come
    through, and who sets the variable to 0 sees everything.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        yield
        return
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
        # One function a fold is meant; TensorFlow warns that it compiles so many.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def backend() -> str:
    """Which backend Keras has: tensorflow, jax or torch. Starts it."""
    start_keras()
    import keras

    return keras.backend.backend()
