"""Where runs lie and what they are trained on: a dataset's labels, or an exported folder.

The verbs on a run (:mod:`curation.steps.train` and its neighbours) take either. Here are what
they ask, and the folder's answers; :mod:`curation.steps.dataset_runs` has the dataset's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from curation.audit.image_hash import hash_pixels
from curation.core import splits
from curation.core.errors import RunError
from curation.core.progress import Progress, silent, track
from curation.steps import alike, classes
from curation.steps.unseen import check_unseen
from training import run as trainer
from training.config import TrainConfig


class Runs(Protocol):
    """The runs of one source of photos and labels."""

    def folder(self, run: str) -> Path:
        """Where a run is kept; RunError for a name that cannot be one."""
        ...

    def features(self, run: str) -> Path:
        """The features of frozen backbones: one cache for all runs."""
        ...

    def begin(
        self, run: str, config: TrainConfig, *, folds: int = 0, progress: Progress = silent
    ) -> trainer.RunMetrics | None:
        """Deals folds or splits, and writes the run's folder and what it is trained on.

        Args:
            folds: 0 for one model on the train split

        Returns:
            the metrics, where this very run is finished already

        Raises:
            RunError: its folder holds another run, or the settings do not fit
            DatasetError: no image has a pixel of any class
        """
        ...

    def examples(self, run: str, *, progress: Progress = silent) -> trainer.Examples:
        """What a run is trained on, as it was when it began; RunError where that is gone."""
        ...

    def close(self, run: str) -> None:
        """Removes what only a training needs."""
        ...

    def current(
        self, run: str, *, progress: Progress = silent
    ) -> AbstractContextManager[trainer.Examples]:
        """The photos and labels of now, as this run takes them."""
        ...


class FolderRuns:
    """Runs on a folder of TFRecords, for a machine that has the export and no FiftyOne.

    A run is a folder anywhere, named by its path; in ``runs`` of its dataset it can be
    predicted and flagged with.

    Args:
        data: the export; it may have moved since a run on it began
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self._verified = False

    def folder(self, run: str) -> Path:
        return Path(run)

    def features(self, run: str) -> Path:
        return Path(run).absolute().parent / "features"

    def begin(
        self, run: str, config: TrainConfig, *, folds: int = 0, progress: Progress = silent
    ) -> trainer.RunMetrics | None:
        records = self._records(progress, without_frozen=bool(folds))
        if records.size != config.size:
            reason = (
                f"photos in {self.data} have {records.size} pixels a side, the settings say "
                f"{config.size}: take --size {records.size}, or export with --size {config.size}"
            )
            raise RunError(run, reason, where="--size")
        names = records.classes.names[1:]
        missing = [name for name in names if not records.pixels.get(name)]
        classes.check(str(self.data), names, missing, "export a dataset that has labels")
        images = records.images
        parts = trainer.Parts(
            "fold" if folds else "split",
            tuple(image.key for image in images),
            tuple(image.image_id for image in images),
            _folds(records, folds, progress) if folds else tuple(image.split for image in images),
        )
        check_unseen(self.data, records.frozen, parts)
        return trainer.begin(self.folder(run), config, records.classes, parts, records.digest())

    def examples(self, run: str, *, progress: Progress = silent) -> trainer.Examples:
        return self._records(progress, without_frozen=trainer.has_folds(self.folder(run)))

    def close(self, run: str) -> None:
        """Nothing: the export is the user's."""

    @contextmanager
    def current(self, run: str, *, progress: Progress = silent) -> Iterator[trainer.Examples]:
        yield trainer.Records(self.data)

    def _records(self, progress: Progress, *, without_frozen: bool) -> trainer.Records:
        """The export, its hashes compared once; folds leave the frozen test set out."""
        records = trainer.Records(self.data, without_frozen=without_frozen)
        if not self._verified:
            records.verify(progress=progress)
            self._verified = True
        return records


def _folds(records: trainer.Records, count: int, progress: Progress) -> tuple[str, ...]:
    """The fold of each photo, dealt by its rarest class as those of a dataset are."""
    contents, hashes, present = {}, [], {}
    images = track(progress, "classes of each photo", enumerate(records.images), len(records))
    for index, image in images:
        there = set(records.labels(index).ravel().tolist())
        contents[image.image_id] = image.key
        hashes.append(hash_pixels(image.image_id, image.key, records.image(index)))
        present[image.image_id] = [
            name for k, name in enumerate(records.classes.names) if k and k in there
        ]
    groups = splits.joined(
        alike.groups(contents, hashes, len(records) // max(count, 1)),
        {image.image_id: image.group for image in records.images},
    )
    try:
        dealt = splits.folds(groups, present, count)
    except ValueError as error:
        raise RunError(records.folder, str(error), where="--folds") from None
    return tuple(str(dealt[image.image_id]) for image in records.images)
