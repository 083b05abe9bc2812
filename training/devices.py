"""What this machine offers a trainer."""

from __future__ import annotations

import os

import tensorflow as tf


def describe() -> str:
    """TensorFlow's version and the devices it sees."""
    gpus = tf.config.list_physical_devices("GPU")
    devices = f"{len(gpus)} GPU" if gpus else f"no GPU, {os.cpu_count()} CPU cores"
    return f"{tf.__version__}, {devices}"
