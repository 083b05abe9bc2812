"""A run on disk: what its files are called and what is in them.

    config.toml  photos.csv  models/*.keras  history.csv  curves.png  grid.png  metrics.json

Every file is written under a temporary name and then renamed, and metrics.json
comes last: a run that has one is finished.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tomli_w

from curation.errors import RunError
from curation.files import replacing
from training import config as configs
from training.config import TrainConfig

SINGLE = "model"
"""Name of the one model of a run that has a split instead of folds."""


@dataclass(frozen=True)
class Photo:
    """What the trainer needs to know of a photo.

    Attributes:
        key: the hash of its content, hex: names its features and its predictions;
            photos with one key are one photo
        image_id: what the team calls it
        path: where it lies
    """

    key: str
    image_id: str
    path: Path


@dataclass(frozen=True)
class ClassList:
    """The classes of label maps; the index is the class id.

    Attributes:
        names: K names, 'background' first
        colors: K colours like '#1f77b4'
    """

    names: tuple[str, ...]
    colors: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) < 2 or self.names[0] != "background":
            raise ValueError("a class list is 'background' and at least one class")
        if len(set(self.names)) != len(self.names) or len(self.names) > 255:
            raise ValueError("class names repeat, or there are more than 255")
        if len(self.colors) != len(self.names):
            raise ValueError(f"{len(self.colors)} colours for {len(self.names)} classes")


@dataclass(frozen=True)
class Parts:
    """Which photo belongs to which part of a run.

    Attributes:
        kind: 'fold' or 'split'
        of: (N,) the part of each photo: '0', '1', ... or 'train', 'val', 'test'
    """

    kind: str
    of: tuple[str, ...]


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.models = path / "models"
        self.curves = path / "curves.png"
        self.grid = path / "grid.png"
        self._config = path / "config.toml"
        self._photos = path / "photos.csv"
        self._history = path / "history.csv"
        self._metrics = path / "metrics.json"

    def begin(
        self,
        fingerprint: str,
        config: TrainConfig,
        classes: ClassList,
        photos: Sequence[Photo],
        parts: Parts,
    ) -> None:
        """Writes what the run is made of, or checks that it is this very run that goes on.

        Raises:
            RunError: the folder holds another run
        """
        if self._config.exists():
            if self.table().get("fingerprint") != fingerprint:
                raise RunError(
                    self.path,
                    "config.toml",
                    "holds a run with other settings, photos or labels: "
                    "choose another folder, or delete this one",
                )
            return
        self.models.mkdir(parents=True, exist_ok=True)
        with replacing(self._photos) as path, path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["key", "image_id", parts.kind])
            rows = zip(photos, parts.of, strict=True)
            writer.writerows((photo.key, photo.image_id, part) for photo, part in rows)
        table = {
            "fingerprint": fingerprint,
            "train": configs.to_table(config),
            "classes": {"names": list(classes.names), "colors": list(classes.colors)},
            parts.kind: {part: parts.of.count(part) for part in sorted(set(parts.of))},
        }
        with replacing(self._config) as path:
            path.write_text(tomli_w.dumps(table))

    def table(self) -> dict[str, Any]:
        """config.toml; RunError when there is none or it cannot be read."""
        try:
            return tomllib.loads(self._config.read_text())
        except FileNotFoundError:
            raise RunError(self.path, "", "no run here: train one first") from None
        except (OSError, ValueError) as error:
            raise RunError(self.path, "config.toml", f"cannot be read: {error}") from None

    def config(self) -> TrainConfig:
        try:
            return configs.from_table(self.table()["train"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(self.path, "config.toml", f"[train] is wrong: {error}") from None

    def classes(self) -> ClassList:
        try:
            table = self.table()["classes"]
            return ClassList(tuple(table["names"]), tuple(table["colors"]))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(self.path, "config.toml", f"[classes] is wrong: {error}") from None

    def part_of(self) -> tuple[str, dict[str, str]]:
        """'fold' or 'split', and the part of each photo of the run by its key."""
        try:
            with self._photos.open(newline="") as file:
                rows = csv.reader(file)
                kind = next(rows)[2]
                return kind, {row[0]: row[2] for row in rows}
        except (OSError, IndexError, StopIteration) as error:
            raise RunError(self.path, "photos.csv", f"cannot be read: {error}") from None

    def has_model(self, name: str) -> bool:
        return (self.models / f"{name}.keras").exists()

    def save_model(self, name: str, model: keras.Model) -> None:
        with replacing(self.models / f"{name}.keras") as path:
            model.save(path)

    def load_model(self, name: str) -> keras.Model:
        path = self.models / f"{name}.keras"
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises many kinds for a broken file
            raise RunError(path, "", f"model cannot be loaded: {error}; train again") from None

    def history(self) -> list[dict[str, str]]:
        """The rows of history.csv as text; none before the first model is done."""
        if not self._history.exists():
            return []
        with self._history.open(newline="") as file:
            return list(csv.DictReader(file))

    def write_history(self, rows: Sequence[dict]) -> None:
        with replacing(self._history) as path, path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def metrics(self) -> dict | None:
        """metrics.json, or None before the run is finished."""
        if not self._metrics.exists():
            return None
        return json.loads(self._metrics.read_text())

    def write_metrics(self, metrics: dict) -> None:
        with replacing(self._metrics) as path:
            path.write_text(json.dumps(metrics, indent=2) + "\n")
