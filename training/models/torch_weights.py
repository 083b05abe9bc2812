"""Reads a legacy torch ``.pth`` of plain tensors without torch and without trusting it.

The file is five pickles (magic number, protocol, machine, tensors, order of the
storages) and then the raw storages, each an int64 count and its values; see
``torch/serialization.py``, ``_legacy_load``. A pickle may name any function to
be called; this reader admits an ordered dict and torch's tensor record, both
replaced by inert ones of its own, and refuses everything else.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.core.errors import CurateError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES: dict[str, np.dtype] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_MAX_BYTES = 1 << 31


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(
    storage: _Storage, offset: int, shape: tuple, strides: tuple, *_grad_and_hooks: object
) -> _Tensor:
    """Stands in for ``torch._utils._rebuild_tensor_v2``."""
    return _Tensor(storage, offset, shape, strides)


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): "FloatStorage",
    ("torch", "LongStorage"): "LongStorage",
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted") from None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _device, count, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError("a storage that is not plain")
        return _Storage(str(key), _DTYPES[storage_type], int(count))


def read(path: Path) -> dict[str, NDArray]:
    """The tensors of a legacy ``.pth`` by name, float32 or int64, in the file's order.

    Raises:
        CurateError: the file is missing, is not of this format, is cut off, or
            asks for anything but plain contiguous float32/int64 tensors
    """
    try:
        return _read(io.BytesIO(path.read_bytes()))
    except OSError as error:
        raise CurateError(path, f"weights cannot be read: {error.strerror}") from None
    except Exception as error:  # a hostile pickle can raise anything
        raise CurateError(path, f"not a legacy torch file of plain tensors: {error}") from None


def _read(file: io.BytesIO) -> dict[str, NDArray]:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise ValueError("wrong magic number or protocol")
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("big endian")
    tensors = _Unpickler(file).load()
    declared = {t.storage.key: t.storage for t in tensors.values()}
    storages = {key: _values(file, declared[key]) for key in _Unpickler(file).load()}
    return {name: _place(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _values(file: io.BytesIO, storage: _Storage) -> NDArray:
    size = storage.count * storage.dtype.itemsize
    if int.from_bytes(file.read(8), "little") != storage.count or not 0 <= size <= _MAX_BYTES:
        raise ValueError(f"storage {storage.key} has another size than declared")
    raw = file.read(size)
    if len(raw) != size:
        raise ValueError("cut off")
    return np.frombuffer(raw, storage.dtype)


def _place(tensor: _Tensor, values: NDArray) -> NDArray:
    """The tensor's view of its storage; these weights are TensorFlow's, stored transposed."""
    shape, strides = tensor.shape, tensor.strides
    count = int(np.prod(shape, dtype=np.int64))
    reach = sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    # count is bounded too: a step of 0 would make a small storage a huge tensor.
    if min((tensor.offset, *shape, *strides), default=0) < 0 or count > values.size:
        raise ValueError("a tensor is larger than its storage")
    if count and tensor.offset + reach >= values.size:
        raise ValueError("a tensor leaves its storage")
    steps = tuple(step * values.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], shape, steps, writeable=False)
