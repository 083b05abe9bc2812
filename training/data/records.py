"""The photos and label maps of an export, each readable alone.

What is trained on lies in a folder that ``curate export --format tfrecord``
writes. Where each record lies is known once the folder is open, so the order
in which they are read is a list of numbers (:mod:`training.data.sampler`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.core.errors import CurateError
from curation.core.masks import IGNORE_INDEX
from curation.core.progress import Progress, silent, track
from curation.core.splits import SPLITS
from curation.formats.export import MANIFEST
from curation.formats.messages import shown
from curation.formats.tfrecord import example
from training import stored
from training.folder import ClassList

_AGAIN = "write it again: curate export --format tfrecord"
_NONE: dict[str, list] = {"photo_hashes": []}


@dataclass(frozen=True, slots=True)
class ExampleRef:
    """One photo of an export, as :class:`training.data.image.InputImage`.

    Attributes:
        key: the hash of its content, hex; photos with one key are one photo
        image_id: what the team calls it
        split: train, val or test
        records: what it is part of
        index: its place there
        group: what it is kept together with; its key where the export does not say
    """

    key: str
    image_id: str
    split: str
    records: Records = field(repr=False, compare=False)
    index: int
    group: str = field(default="", repr=False, compare=False)

    def read(self, size: int) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB; CurateError where the export has another size."""
        if size != self.records.size:
            reason = f"photos of {size} pixels are asked of {self.records.size}; {_AGAIN}"
            raise CurateError(self.records.folder, reason, where=shown(self.image_id))
        return self.records.image(self.index)


class Records:
    """An open export, as :class:`training.data.examples.Examples`.

    Any number of threads may read from it.

    Its files stay open: what was opened is what is read, even where another
    export takes the folder's place meanwhile.

    Args:
        folder: as ``curation.formats.tfrecord.writer.write`` leaves it
        without_frozen: leaves out the frozen test set, for folds

    Attributes:
        size: S, side in pixels of photos and label maps
        classes: K classes, background first
        images: N photos, in the order of the records
        frozen: keys of the photos of a frozen test set
        pixels: of each class in all splits, background and ``ignore`` too, as the manifest has it

    Raises:
        CurateError: no such export, or its files do not fit each other
    """

    def __init__(self, folder: Path, *, without_frozen: bool = False) -> None:
        self.folder = folder
        self._without_frozen = without_frozen
        manifest = _manifest(folder)
        self.size: int = manifest["size"]
        self.pixels: Counter[str] = Counter()
        for split in SPLITS:
            self.pixels.update(manifest["splits"][split]["pixels"])
        self.classes, self._channel, self._unknown = _classes(folder / "classes.csv")
        rows = _images(folder / "splits.csv")
        self.frozen = frozenset(manifest.get("frozen", _NONE)["photo_hashes"])
        self._hashes = {
            folder / name: digest
            for split in SPLITS
            for name, digest in sorted(manifest["splits"][split]["sha256"].items())
        }
        try:
            self._files = [path.open("rb") for path in self._hashes]
            spans = [example.spans(path) for path in self._hashes]
        except OSError as error:
            raise CurateError(error.filename, f"{error.strerror}; {_AGAIN}") from None
        self._spans = np.concatenate(spans)
        self._shard = np.repeat(np.arange(len(spans)), [len(part) for part in spans])
        if len(self._spans) != len(rows):
            reason = f"{len(rows)} photos, {len(self._spans)} in the shards; {_AGAIN}"
            raise CurateError(folder / "splits.csv", reason)
        taken = [n for n, row in enumerate(rows) if not (without_frozen and row[0] in self.frozen)]
        self._spans, self._shard = self._spans[taken], self._shard[taken]
        self.images = tuple(
            ExampleRef(*rows[n][:3], self, index, rows[n][3]) for index, n in enumerate(taken)
        )

    def __len__(self) -> int:
        return len(self.images)

    def __reduce__(self) -> tuple:
        """Open files stay in their process: another one opens the folder itself."""
        return partial(Records, without_frozen=self._without_frozen), (self.folder,)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One photo and its label map.

        Returns:
            photo (S, S, 3) RGB, and labels (S, S): channels 0 to K - 1, 255 ignored

        Raises:
            CurateError: the record is damaged, another photo's, or holds what is no class
        """
        image, labels = self._decoded(index, example.decode)
        return image, self._as_channels(index, labels)

    def image(self, index: int) -> NDArray[np.uint8]:
        """The photo alone; see :meth:`read`."""
        (image,) = self._decoded(index, example.decode_image)
        return image

    def labels(self, index: int) -> NDArray[np.uint8]:
        """The label map alone, in a quarter of the time; see :meth:`read`."""
        (labels,) = self._decoded(index, example.decode_labels)
        return self._as_channels(index, labels)

    def _decoded(self, index: int, decode: Callable[[bytes], Any]) -> list[NDArray[np.uint8]]:
        """The pictures that ``decode`` finds in a record, checked to be of this photo and size."""
        file = self._files[self._shard[index]]
        try:
            serialised = example.read_span(file.fileno(), *self._spans[index].tolist())
            name, *pictures = decode(serialised)
            if name != self.images[index].image_id:
                raise ValueError(f"the record here is of {shown(name)}")
            if pictures[-1].shape[:2] != (self.size, self.size):
                raise ValueError(f"its sides are {pictures[-1].shape[:2]}, not {self.size}")
        except (OSError, ValueError) as error:
            raise self._wrong(index, str(error)) from None
        return pictures

    def _as_channels(self, index: int, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Class ids as channels."""
        if cv2.LUT(labels, self._unknown).any():
            wrong = labels[self._unknown[labels] > 0][0]
            reason = f"its label map holds {wrong}, which classes.csv does not name"
            raise self._wrong(index, reason)
        return cv2.LUT(labels, self._channel)

    def _wrong(self, index: int, reason: str) -> CurateError:
        file, image_id = self._files[self._shard[index]], self.images[index].image_id
        return CurateError(file.name, f"{reason}; {_AGAIN}", where=shown(image_id))

    def digest(self) -> str:
        """A hash of all photos, labels and splits."""
        made_of = (self.size, self.classes, sorted(self._hashes.values()), self.images)
        return sha256(repr(made_of).encode()).hexdigest()

    def verify(self, *, progress: Progress = silent) -> None:
        """Reads every shard once and compares its SHA-256 with the manifest's.

        Raises:
            CurateError: a shard is not what was exported
        """
        count = len(self._hashes)
        for path, digest in track(progress, "records", self._hashes.items(), count):
            with path.open("rb") as file:
                if file_digest(file, "sha256").hexdigest() != digest:
                    reason = f"is not what {MANIFEST} says was exported; {_AGAIN}"
                    raise CurateError(path, reason)


def _manifest(folder: Path) -> dict:
    """The manifest, with all of it checked that is used here."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
        if manifest["format"] != "tfrecord":
            raise ValueError(f"it is of the format {manifest['format']!r}")
        if type(manifest["size"]) is not int or manifest["size"] < 1:
            raise ValueError(f"its size is {manifest['size']!r}")
        for split in SPLITS:
            for name, digest in manifest["splits"][split]["sha256"].items():
                if not re.fullmatch(rf"{split}-\d{{5}}-of-\d{{5}}\.tfrecord", name):
                    raise ValueError(f"{name!r} is no shard of {split}")
                if not isinstance(digest, str):
                    raise ValueError(f"the hash of {name} is no text")
            for name, number in manifest["splits"][split]["pixels"].items():
                if type(number) is not int:
                    raise ValueError(f"the pixels of {name} are no number")
        if not all(isinstance(h, str) for h in manifest.get("frozen", _NONE)["photo_hashes"]):
            raise ValueError("the hash of a frozen photo is no text")
    except FileNotFoundError:
        raise CurateError(folder, f"holds no export; {_AGAIN}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CurateError(path, f"no manifest of TFRecords ({error}); {_AGAIN}") from None
    return manifest


def _classes(path: Path) -> tuple[ClassList, NDArray[np.uint8], NDArray[np.uint8]]:
    """The classes; (256,) the channel of each label map value; (256,) 1 where there is none."""
    channel, unknown = np.full(256, IGNORE_INDEX, np.uint8), np.ones(256, np.uint8)
    unknown[IGNORE_INDEX] = 0
    rows = _rows(path, ("id", "name", "color"))
    try:
        for row, (value, *_) in enumerate(rows):
            number = int(value)
            if not 0 <= number < IGNORE_INDEX or not unknown[number]:
                raise ValueError(f"the id {number} repeats, or is not from 0 to {IGNORE_INDEX - 1}")
            channel[number], unknown[number] = row, 0
        return ClassList(tuple(r[1] for r in rows), tuple(r[2] for r in rows)), channel, unknown
    except ValueError as error:
        raise CurateError(path, f"{error}; {_AGAIN}") from None


def _images(path: Path) -> list[tuple[str, str, str, str]]:
    """Key, image_id, split and group, in the order in which the writer made the shards of them."""
    found = []
    for image_id, split, key, *group in _rows(path, ("image_id", "split", "photo_hash"), "group"):
        if split not in SPLITS:
            reason = f"the split {shown(split)} is none of {', '.join(SPLITS)}; {_AGAIN}"
            raise CurateError(path, reason, where=shown(image_id))
        found.append((key, image_id, split, group[0] if group else key))
    return sorted(found, key=lambda row: (SPLITS.index(row[2]), row[0], row[1]))


def _rows(path: Path, header: tuple[str, ...], last: str = "") -> list[list[str]]:
    """The rows of a CSV with this header, each of its length; it may have one more column."""
    try:
        first, *rows = stored.rows(path.read_bytes().decode())
    except (OSError, ValueError) as error:
        raise CurateError(path, f"cannot be read ({error}); {_AGAIN}") from None
    if tuple(first) not in (header, (*header, last)):
        raise CurateError(path, f"its columns are not {', '.join(header)}; {_AGAIN}")
    return rows
