"""The runs of a dataset in FiftyOne, and what they are trained on: its labels of now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from curation.core import atomic
from curation.core.errors import DatasetError, RunError
from curation.core.finding import Finding
from curation.core.progress import Progress, silent
from curation.core.taxonomy import ClassIndex, Taxonomy
from curation.formats import tfrecord
from curation.steps import parts, working_copy
from curation.steps.unseen import check_unseen
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset, frozen
from training import run as trainer
from training.config import TrainConfig
from training.data import label_maps

DATA = "data"
"""What a run is trained on, in its folder until it is finished."""

FEATURES = "features"
"""Folder of what networks saw in photos, whichever run asked: features and people."""


class DatasetRuns:
    """As :class:`curation.steps.runs.Runs`: folders under the dataset's own, ``runs/NAME``."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def folder(self, run: str) -> Path:
        return self.dataset.run_folder(run)

    def features(self, run: str) -> Path:
        return self.dataset.folder / FEATURES

    def begin(
        self, run: str, config: TrainConfig, *, folds: int = 0, progress: Progress = silent
    ) -> trainer.RunMetrics | None:
        _check_one_worker(run)
        work = working_copy.load_labelled(self.dataset)
        folder = self.folder(run)
        of: Mapping[str, str | int] = (
            parts.folds(self.dataset, work, run, folds, progress=progress)
            if folds
            else parts.split(self.dataset, work, progress=progress)
        )
        every, work = work.records, work.only(of)
        finished = trainer.begin(
            folder,
            config,
            trainer.ClassList(work.channels.names, work.channels.colors),
            trainer.Parts(
                "fold" if folds else "split",
                tuple(work.groups[i] for i in work.records),
                tuple(work.records),
                tuple(str(of[i]) for i in work.records),
            ),
            work.digest(),
        )
        if folds:  # not before: a run that is refused has dealt none
            self.dataset.write_column("fold", {**dict.fromkeys(every), **of})
        if finished is None and not (folder / DATA).exists():
            _write(folder / DATA, work, config, progress)
        return finished

    def examples(self, run: str, *, progress: Progress = silent) -> trainer.Examples:
        _check_one_worker(run)
        folder = self.folder(run)
        if not (folder / DATA).exists():
            reason = "was killed before its labels were written: train again without --resume"
            raise RunError(run, reason)
        test_set = frozen.read(self.dataset.folder)
        if test_set:
            check_unseen(run, test_set.photos, trainer.load_parts(folder))
        return _open(folder / DATA, trainer.load_config(folder))

    def close(self, run: str) -> None:
        shutil.rmtree(self.folder(run) / DATA, ignore_errors=True)

    @contextmanager
    def current(self, run: str, *, progress: Progress = silent) -> Iterator[trainer.Examples]:
        folder = self.folder(run)
        config = trainer.load_config(folder)
        work = working_copy.load_labelled(self.dataset)
        with atomic.scratch(folder) as part:
            _write(part / DATA, work, config, progress)
            yield _open(part / DATA, config)


def image_files(work: WorkingCopy) -> list[trainer.ImageFile]:
    """One for each record; copies of a photo share their key, and so their fold."""
    groups = work.groups
    return [trainer.ImageFile(groups[i], i, record.path) for i, record in work.records.items()]


def channels_of(folder: Path, taxonomy: Taxonomy) -> ClassIndex:
    """The channels of a run's probabilities; RunError where they are not the classes of now."""
    classes, channels = trainer.load_classes(folder), ClassIndex.of(taxonomy)
    if classes.names != channels.names:
        raise RunError(
            folder.name,
            f"was trained on {', '.join(classes.names[1:])}; the active taxonomy "
            f"{taxonomy.name} has {', '.join(channels.names[1:])}: remap or train again",
        )
    return channels


def _check_one_worker(run: str) -> None:
    if trainer.is_distributed():
        reason = "several workers train on a folder: `curate export --format tfrecord` writes it"
        raise RunError(run, reason)


def _write(folder: Path, work: WorkingCopy, config: TrainConfig, progress: Progress) -> None:
    """The working copy as a trainer reads it.

    A frozen backbone asks for features, which are known by the hash of a photo: label maps
    will do. All else is trained on photos, resized once and kept beside their label maps.
    """
    if config.frozen:
        label_maps.write(
            folder, work.records, work.taxonomy, work.groups, config.size, progress=progress
        )
        return

    def refuse(found: Finding) -> None:
        raise DatasetError(found.location, f"{found.kind}: {found.detail}; exclude or replace it")

    done = 0

    def on_image() -> None:
        nonlocal done
        done += 1
        progress("photos and label maps", done, len(work.records))

    tfrecord.write(
        folder,
        records=work.records,
        taxonomy=work.taxonomy,
        splits=dict.fromkeys(work.records, "train"),
        groups=work.groups,
        size=config.size,
        on_image=on_image,
        on_finding=refuse,
    )


def _open(folder: Path, config: TrainConfig) -> trainer.Examples:
    return trainer.LabelMaps(folder) if config.frozen else trainer.Records(folder)
