"""Arrays on disk in NumPy's ``.npz``: damage is told, whatever the archive makes of it."""

from __future__ import annotations

import struct
import tokenize
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from curation.core.errors import CurateError

_DAMAGED = (
    OSError, EOFError, ValueError, TypeError, LookupError, OverflowError, MemoryError, SyntaxError,
    RuntimeError, BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip
"""What zipfile and NumPy raise, by where the damage is."""


def read(path: Path, way_out: str) -> dict[str, NDArray]:
    """All arrays of a file by their names, each held against its checksum; no pickles.

    Args:
        way_out: what to do where it cannot be read

    Raises:
        CurateError: it cannot be read
    """
    try:
        with np.load(path, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("it holds something that is no array")
    except _DAMAGED as error:
        raise CurateError(path, f"cannot be read: {error}; {way_out}") from None
    except AttributeError:  # what np.load gives of an .npy has no files
        raise CurateError(path, f"is no archive of arrays; {way_out}") from None
    return arrays
