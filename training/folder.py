"""A run on disk: what its files are called and what is in them.

    config.toml     settings, classes, and a hash of all that the run began with
    data.sha256     a hash of the photos and label maps that it is trained on
    photos.csv      key, image_id, and the fold or split of each photo
    models/*.keras  the weights of each model; *.npz while it is trained
    history.csv     one row an evaluation;  logs/ has the same for TensorBoard
    curves.png  grid.png  confusion.png  calibration.png
    model-card.md   what the model is, what it was trained on, how good it is
    metrics.json

Every file is written under a temporary name and then renamed, and metrics.json
comes last: a run that has one is finished.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from curation.core.atomic import replacing, scratch
from curation.core.errors import RunError
from training import config as configs
from training import stored
from training.config import TrainConfig
from training.stored import RunMetrics

if TYPE_CHECKING:
    import keras

SINGLE = "model"
"""Name of the one model of a run that has a split instead of folds."""

_RESTORE = "restore it, or train again under another name"


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
        if not all(isinstance(name, str) for name in self.names):
            raise ValueError("a class name is no text")
        if len(self.names) < 2 or self.names[0] != "background":
            raise ValueError("a class list is 'background' and at least one class")
        if len(set(self.names)) != len(self.names) or len(self.names) > 255:
            raise ValueError("class names repeat, or there are more than 255")
        if len(self.colors) != len(self.names):
            raise ValueError(f"{len(self.colors)} colours for {len(self.names)} classes")
        if odd := [c for c in self.colors if not re.fullmatch("#[0-9a-fA-F]{6}", str(c))]:
            raise ValueError(f"{odd[0]!r} is no colour like '#1f77b4'")


@dataclass(frozen=True)
class Parts:
    """Which photo belongs to which part of a run.

    Attributes:
        kind: 'fold' or 'split'
        keys: (N,) the hash of each photo's content
        image_ids: (N,) what the team calls them
        of: (N,) the part of each photo: '0', '1', ... or 'train', 'val', 'test'
    """

    kind: str
    keys: tuple[str, ...]
    image_ids: tuple[str, ...]
    of: tuple[str, ...]


class RunFolder:
    """Reads and writes the files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.models = path / "models"
        self.logs = path / "logs"
        self.curves = path / "curves.png"
        self.grid = path / "grid.png"
        self.confusion = path / "confusion.png"
        self.calibration = path / "calibration.png"
        self.card = path / "model-card.md"
        self._config = path / "config.toml"
        self._digest = path / "data.sha256"
        self._images = path / "photos.csv"
        self._history = path / "history.csv"
        self._metrics = path / "metrics.json"

    def begin(
        self,
        config: TrainConfig,
        classes: ClassList,
        parts: Parts,
        labels: str,
    ) -> None:
        """Writes what the run is made of, or checks that it is this very run that goes on.

        Args:
            labels: a hash of the photos and labels that it is trained on

        Raises:
            RunError: the folder holds another run, or something else
        """
        settings = configs.to_table(config)
        if self._config.exists():
            table = self.table()
            # A setting that came after the run began has its default there.
            settings = {
                name: value
                for name, value in settings.items()
                if name in table["train"] or value != configs.SETTINGS[name].default
            }
            if table.get("fingerprint") != _fingerprint(settings, classes, parts, labels):
                raise RunError(
                    self.path,
                    "holds a run with other settings, photos or labels: choose another name, "
                    "delete this one, or take --resume to go on with what it began with",
                    where="config.toml",
                )
            return
        there = {path.name for path in self.path.iterdir()} if self.path.exists() else set()
        if there - {self.models.name, self._images.name}:  # a killed begin leaves these two
            raise RunError(self.path, "holds something that is no run: choose another name")
        self.models.mkdir(parents=True, exist_ok=True)
        with replacing(self._images) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["key", "image_id", parts.kind])
            writer.writerows(zip(parts.keys, parts.image_ids, parts.of, strict=True))
        table = {
            "fingerprint": _fingerprint(settings, classes, parts, labels),
            "labels": labels,
            "train": settings,
            "classes": {"names": list(classes.names), "colors": list(classes.colors)},
            parts.kind: {part: parts.of.count(part) for part in sorted(set(parts.of))},
        }
        with replacing(self._config) as path:
            path.write_text(tomli_w.dumps(table), "utf-8")

    def check_fingerprint(self, digest: str) -> None:
        """Holds the data that are trained on against those that the first call was given.

        Raises:
            RunError: they are others
        """
        if self._digest.exists():
            if self._digest.read_bytes() != digest.encode():
                raise RunError(
                    self.path,
                    "the photos or labels are not those that this run began with: "
                    "train under another name",
                    where=self._digest.name,
                )
            return
        with replacing(self._digest) as path:
            path.write_text(digest)

    def table(self) -> dict[str, Any]:
        """config.toml; RunError when it is missing, cannot be read, or is of another version."""
        try:
            table = tomllib.loads(self._config.read_text("utf-8"))
        except FileNotFoundError:
            raise RunError(self.path, "no run here: train one first") from None
        except (OSError, ValueError, RecursionError) as error:
            reason = f"cannot be read: {error}; {_RESTORE}"
            raise RunError(self.path, reason, where="config.toml") from None
        if not isinstance(table.get("train"), dict):
            raise RunError(self.path, f"has no [train]; {_RESTORE}", where="config.toml")
        if unknown := sorted(set(table["train"]) - set(configs.SETTINGS)):
            reason = (
                f"is of another version of curate, which had a setting {unknown[0]!r}: "
                "train again under another name"
            )
            raise RunError(self.path, reason, where="config.toml")
        return table

    def config(self) -> TrainConfig:
        try:
            return configs.from_table(self.table()["train"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(self.path, f"[train] is wrong: {error}", where="config.toml") from None

    def classes(self) -> ClassList:
        try:
            table = self.table()["classes"]
            return ClassList(tuple(table["names"]), tuple(table["colors"]))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(self.path, f"[classes] is wrong: {error}", where="config.toml") from None

    def parts(self) -> Parts:
        """Which photo of the run is in which fold or split.

        Raises:
            RunError: the file is damaged, or it or config.toml is not as the run began: a photo
                that moved or is gone would be predicted by a model that learned from it
        """
        try:
            header, *rows = stored.rows(self._images.read_bytes().decode())
            keys, image_ids, of = zip(*rows, strict=True)
            if header[:2] != ["key", "image_id"] or header[2] not in ("fold", "split"):
                raise ValueError("line 1: its columns are not key, image_id, and fold or split")
        except (OSError, ValueError) as error:
            reason = f"cannot be read: {error}; {_RESTORE}"
            raise RunError(self.path, reason, where="photos.csv") from None
        parts, table = Parts(header[2], keys, image_ids, of), self.table()
        # A run of an earlier build does not say what its labels were.
        if labels := table.get("labels"):
            fingerprint = _fingerprint(table["train"], self.classes(), parts, labels)
            if table.get("fingerprint") != fingerprint:
                reason = f"it or config.toml is not as this run began; {_RESTORE}"
                raise RunError(self.path, reason, where="photos.csv")
        return parts

    def checkpoint(self, name: str) -> Path:
        """What a killed training goes on from."""
        return self.models / f"{name}.npz"

    def has_model(self, name: str) -> bool:
        return (self.models / f"{name}.keras").exists()

    def save_model(self, name: str, model: keras.Model) -> None:
        file = f"{name}.keras"
        with scratch(self.models) as folder:  # Keras may put files of its own beside it
            model.save(folder / file)
            (folder / file).replace(self.models / file)

    def load_model(self, name: str) -> keras.Model:
        """A model, not compiled; RunError when its file is damaged. Starts Keras."""
        import keras

        from training import models  # noqa: F401 - registers our layers

        path = self.models / f"{name}.keras"
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises many kinds for a broken file
            raise RunError(path, f"model cannot be loaded: {error}; train again") from None

    def history(self) -> list[dict[str, str]]:
        """The rows of history.csv as text; none before the first model is done."""
        if not self._history.exists():
            return []
        try:
            return stored.history(self._history.read_bytes().decode())
        except (OSError, ValueError) as error:
            reason = f"cannot be read: {error}; {_RESTORE}"
            raise RunError(self.path, reason, where="history.csv") from None

    def write_history(self, rows: Sequence[dict]) -> None:
        with replacing(self._history) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def metrics(self) -> RunMetrics | None:
        """metrics.json, or None before the run is finished."""
        if not self._metrics.exists():
            return None
        try:
            return stored.metrics(self._metrics.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            way_out = "delete it, and the same `curate train` measures anew"
            reason = f"cannot be read: {error}; {way_out}"
            raise RunError(self.path, reason, where="metrics.json") from None

    def finished(self) -> RunMetrics:
        """metrics.json; RunError before the run is finished."""
        self.table()  # says so where there is no run at all
        metrics = self.metrics()
        if metrics is None:
            reason = "this run is not finished: `curate train --resume` goes on with it"
            raise RunError(self.path, reason)
        return metrics

    def digest(self) -> str:
        """A hash that tells a finished run from any other; RunError when it is not finished."""
        return sha256(json.dumps(self.finished(), sort_keys=True).encode()).hexdigest()

    def write_metrics(self, metrics: RunMetrics) -> None:
        with replacing(self._metrics) as path:
            path.write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")


def _fingerprint(train: dict[str, Any], classes: ClassList, parts: Parts, labels: str) -> str:
    """What tells a run from any other: a hash of all that it is made of."""
    return sha256(repr((train, classes, parts, labels)).encode()).hexdigest()
