"""Wheels like MediaPipe's, made here."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

from training.person import install
from training.person.install import NetworkFile

NAME = "mediapipe-0.10.14-cp311-cp311-manylinux2014_x86_64.whl"
SILHOUETTE = b"a silhouette " * 40
POSE = random.Random(0).randbytes(3000)
INFO = "mediapipe-0.10.14.dist-info"
ABOUT = {
    f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.14\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\n"
    b"Tag: cp311-cp311-manylinux2014_x86_64\n",
    f"{INFO}/RECORD": b"",
}


def network(name: str, content: bytes) -> NetworkFile:
    return NetworkFile(name, "mediapipe/modules", len(content), sha256(content).hexdigest())


@contextmanager
def meant() -> Iterator[None]:
    """In here, what wheels made here have is what is meant."""
    networks = {
        "SILHOUETTE": network("silhouette", SILHOUETTE),
        "POSE": network("pose", POSE),
    }
    with patch.multiple(install, **networks):
        yield


def members(silhouette: bytes = SILHOUETTE, pose: bytes = POSE) -> dict[str, bytes]:
    return {"mediapipe/modules/silhouette": silhouette, "mediapipe/modules/pose": pose}


def wheel(folder: Path, content: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(folder / NAME, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**content, **ABOUT}.items():
            archive.writestr(name, data)
    return folder / NAME
