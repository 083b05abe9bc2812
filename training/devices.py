"""What this machine offers a trainer, and what the trainer makes of it.

Keras' backend is asked, and no other framework is imported for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module

from training import workers
from training.quiet import backend

_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that the backend can use.

    Attributes:
        name: as its maker calls it
        capability: CUDA's compute capability, (9, 0) of an H100; (0, 0) where there is none
    """

    name: str
    capability: tuple[int, int] = (0, 0)


def prepare() -> None:
    """Lets memory of a GPU be taken as it is needed, not all at once; before Keras computes.

    Nothing is started by it. torch never takes more than it needs, and what the user has
    set stays.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def gpus() -> list[Gpu]:
    """The GPUs that the backend sees. Starts Keras, as whatever asks this does."""
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend()]()


def has_gpu() -> bool:
    """Whether the backend sees a GPU."""
    return bool(gpus())


def describe() -> str:
    """The backend, its version and what it computes on."""
    name = backend()
    names = [gpu.name for gpu in gpus()]
    count = f"{len(names)} GPUs" if len(names) > 1 else "1 GPU"
    found = f"{count} ({', '.join(sorted(set(names)))})" if names else "no GPU"
    version = import_module(name).__version__
    return f"{_NAMES[name]} {version}, {found}, {os.cpu_count()} CPU cores"


def precision(wanted: str) -> str:
    """The name of the Keras dtype policy for :attr:`training.config.TrainConfig.precision`."""
    return policy(wanted, [gpu.capability for gpu in gpus()] if wanted == "auto" else [])


def policy(wanted: str, capabilities: list[tuple[int, int]]) -> str:
    """A Keras dtype policy that all GPUs are fast in.

    CUDA GPUs multiply bfloat16 in their tensor cores from compute capability 8.0 on,
    float16 from 7.0 on; CPUs and others are left at float32.

    >>> policy("auto", [(9, 0), (7, 5)])
    'mixed_float16'
    """
    if wanted == "auto":
        least = min(capabilities, default=(0, 0))
        wanted = "bfloat16" if least >= (8, 0) else "float16" if least >= (7, 0) else "float32"
    return wanted if wanted == "float32" else f"mixed_{wanted}"


def jit() -> bool:
    """Whether a model that is trained here is to be compiled with ``jit_compile``."""
    return compiles(backend(), len(gpus()), workers.worker()[1])


def compiles(backend: str, gpus: int, processes: int) -> bool:
    """Whether ``jit_compile`` pays, and works.

    JAX without it runs operation by operation. TensorFlow's XLA is slower on CPUs
    (measured), and can neither update weights on several GPUs nor speak with other
    workers from inside a step. torch's ``torch.compile`` was not tried.
    """
    return backend == "jax" or (backend == "tensorflow" and gpus == 1 and processes == 1)


def _tensorflow() -> list[Gpu]:
    import tensorflow as tf

    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [Gpu(d.get("device_name", "GPU"), d.get("compute_capability", (0, 0))) for d in details]


def _jax() -> list[Gpu]:
    import jax

    found = [device for device in jax.local_devices() if device.platform == "gpu"]
    return [Gpu(d.device_kind, _capability(d.compute_capability)) for d in found]


def _capability(text: str) -> tuple[int, int]:
    """JAX' spelling of it; AMD's is another, 'gfx90a'.

    >>> _capability("9.0"), _capability("gfx90a")
    ((9, 0), (0, 0))
    """
    major, dot, minor = text.partition(".")
    return (int(major), int(minor)) if dot else (0, 0)


def _torch() -> list[Gpu]:
    from torch import cuda

    return [
        Gpu(cuda.get_device_name(i), cuda.get_device_capability(i))
        for i in range(cuda.device_count())
    ]
