"""The stations of the retrain-and-review loop: train, predict, flag, export.

Here the dataset, the trainer and the flagger meet; each of them knows nothing
of the others. A run is a folder under the dataset's: ``runs/NAME``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from curation import store
from curation.core import splits
from curation.core.atomic import replacing
from curation.core.errors import DatasetError, RunError
from curation.core.finding import Finding
from curation.core.taxonomy import Channels
from curation.formats import export as labels_export
from curation.formats import tfrecord
from curation.issues import pipeline
from curation.issues.issue import ImageScore, Issue
from curation.issues.observation import Seen
from curation.issues.pipeline import Flagged
from curation.issues.scoring import as_table, image_scores, seen
from curation.review import journal
from curation.steps import feedback
from curation.steps.working_copy import Workset, load, look_alikes
from curation.store.results import check_run_name
from training import run as trainer
from training.config import TrainConfig

DATA = "data"
"""What a run is trained on, in its folder until it is finished."""
FLAGGING = "flagging"
"""What flagging has found so far, in the run's folder until it is finished."""
ISSUES = "issues.csv"
SPLITS = "splits.csv"


def image_files(work: Workset) -> list[trainer.ImageFile]:
    """One for each record; copies of a photo share their key, and so their fold."""
    groups = work.groups
    return [trainer.ImageFile(groups[i], i, record.path) for i, record in work.records.items()]


def split(dataset, work: Workset) -> dict[str, str]:
    """The split of each photo. What was dealt before stays, so a test set stays frozen.

    It is kept on disk, by the photo's hash: a lost database deals nothing anew.
    """
    path = store.folder(dataset) / SPLITS
    kept: dict[str, str] = {}
    if path.is_file():
        table = pd.read_csv(path, dtype=str)
        kept = dict(zip(table["photo_hash"], table["split"], strict=True))
    given = {i: kept[group] for i, group in work.groups.items() if group in kept}
    dealt = splits.assign(work.groups, work.strata(), given)
    kept |= {work.groups[i]: name for i, name in dealt.items()}
    with replacing(path) as part:
        table = pd.DataFrame(sorted(kept.items()), columns=["photo_hash", "split"])
        table.to_csv(part, index=False, lineterminator="\n")
    store.write_column(dataset, "split", dealt)
    return dealt


def export(
    dataset,
    folder: Path,
    format_: str,
    size: int,
    progress: Progress,
    on_finding: Callable[[Finding], None],
) -> dict:
    """Writes the reviewed labels of all photos that are not excluded.

    Args:
        format_: tfrecord, coco, masks or via
        size: side in pixels of what a TFRecord holds; the others keep the photos' size

    Returns:
        the manifest; see :func:`curation.formats.tfrecord.writer.write` and :func:`exporter.write`

    Raises:
        DatasetError: as :func:`load`
        CurateError: the folder holds something that is not of an earlier export
    """
    work = load(dataset, progress)
    task = progress.add_task("export", total=len(work.records))
    if format_ == "tfrecord":
        write = partial(tfrecord.write, size=size)
    else:
        write = partial(labels_export.write, format_=format_)
    return write(
        folder,
        records=work.records,
        taxonomy=work.taxonomy,
        splits=split(dataset, work),
        groups=work.groups,
        on_image=lambda: progress.advance(task),
        on_finding=on_finding,
    )


def train(dataset, run: str, folds: int, config: TrainConfig, progress: Progress) -> dict:
    """Trains a run: K models out of fold, or one on the train split.

    Args:
        folds: 0 for one model on the train split, tested on the test split

    Returns:
        the metrics; see :func:`training.run.train`
    """
    _check_alone(run)
    work = load(dataset, progress)
    folder = run_folder(dataset, run)
    of: Mapping[str, str | int] = (
        _folds(dataset, work, run, folds, progress) if folds else split(dataset, work)
    )
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
    if finished is None and not (folder / DATA).exists():
        _write_data(folder / DATA, work, config.size, progress)
    return resume(dataset, run, progress)


def _folds(dataset, work: Workset, run: str, count: int, progress: Progress) -> dict[str, int]:
    groups = look_alikes(work, progress)
    largest = max(Counter(groups.values()).values())
    if largest > len(groups) / count:
        # One colour, one pose: what looks alike here are not copies, and no fold would hold them.
        progress.console.print(
            f"{largest} photos look so alike that they would fill a fold: "
            "only equal files are kept together."
        )
        groups = work.groups
    try:
        dealt = splits.folds(groups, work.strata(), count)
    except ValueError as error:
        raise RunError(run, str(error), where="--folds") from None
    store.write_column(dataset, "fold", dealt)
    return dealt


def resume(dataset, run: str, progress: Progress) -> dict:
    """Goes on with a run that was killed, on the labels that it began with.

    Returns:
        the metrics; see :func:`training.run.train`
    """
    _check_alone(run)
    folder = run_folder(dataset, run)
    if trainer.is_begun(folder) and not (folder / DATA).exists():
        reason = "was killed before its photos were written: train again without --resume"
        raise RunError(run, reason)
    metrics = trainer.train(folder, folder / DATA, cache=feature_cache(dataset), progress=progress)
    shutil.rmtree(folder / DATA, ignore_errors=True)
    return metrics


def _check_alone(run: str) -> None:
    if not trainer.alone():
        reason = "several workers train on a folder: `curate export --format tfrecord` writes it"
        raise RunError(run, reason)


def evaluate(dataset, run: str, progress: Progress) -> dict:
    """Measures a finished run on the labels of now, on photos that it was not taught.

    Returns:
        the figures; see :func:`training.run.measure`
    """
    folder, cache = run_folder(dataset, run), feature_cache(dataset)
    size = trainer.image_size(folder)
    work = load(dataset, progress)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        data = Path(scratch) / DATA
        _write_data(data, work, size, progress)
        return trainer.measure(folder, data, cache=cache, progress=progress)


def _write_data(folder: Path, work: Workset, size: int, progress: Progress) -> None:
    """The working copy as the TFRecords that a trainer reads."""

    def refuse(found: Finding) -> None:
        raise DatasetError(found.location, f"{found.kind}: {found.detail}; exclude or replace it")

    task = progress.add_task("photos and label maps", total=len(work.records))
    tfrecord.write(
        folder,
        records=work.records,
        taxonomy=work.taxonomy,
        splits=dict.fromkeys(work.records, "train"),
        groups=work.groups,
        size=size,
        on_image=lambda: progress.advance(task),
        on_finding=refuse,
    )
    progress.remove_task(task)


def predict(dataset, run: str, progress: Progress, *, keep: bool = False) -> int:
    """Writes a run's class masks and confidence into the dataset, out of fold where it has folds.

    Args:
        keep: whether to write ``probabilities/<photo_hash>.npz`` too, whose ``p`` is (K, S, S)
            uint8: the probability times 255, background first

    Returns:
        photos with a prediction
    """
    work = load(dataset, progress)
    folder = run_folder(dataset, run)
    channels = _channels_of_run(folder, work)

    def written() -> Iterator[tuple[str, Path, Path]]:
        for image, p in _probabilities(dataset, work, run, progress):
            best = p.argmax(axis=0)
            mask = folder / "predictions" / f"{image.key}.png"
            heat = folder / "confidence" / f"{image.key}.png"
            if keep:
                with replacing(folder / "probabilities" / f"{image.key}.npz") as part:
                    np.savez_compressed(part, p=(p * 255).round().astype(np.uint8))
            _write_png(mask, channels.ids[best])
            _write_png(heat, (p.max(axis=0) * 255).round().astype(np.uint8))
            yield image.image_id, mask, heat

    return store.write_predictions(dataset, run, written())


def flag(dataset, run: str, progress: Progress) -> tuple[pd.DataFrame, Flagged]:
    """Scores every instance and photo by disagreement and saves "suspects, worst first".

    A killed one goes on where it was, when it is called again.

    Returns:
        one row for each instance and each missing garment, worst first; also in the
        run's ``issues.csv``. And how the scores were learned
    """
    work = load(dataset, progress)
    folder = run_folder(dataset, run)
    channels = _channels_of_run(folder, work)
    images = {image.image_id: image for image in image_files(work)}

    def see(image_ids: Sequence[str]) -> Iterator[Seen]:
        for image, p, taps in trainer.evidence(
            folder,
            [images[i] for i in image_ids],
            cache=feature_cache(dataset),
            progress=None,
        ):
            record = work.records[image.image_id]
            said = (labels.get(image.image_id, ()), places.get(image.image_id, ()))
            yield seen(record, channels.names, p, taps, *said, group=image.key)

    labels, places = feedback.labels(dataset, work), feedback.places(dataset, work)
    said = repr([labels, places])
    sources = repr([[x.source_label for x in r.instances] for r in work.records.values()])
    basis = f"{work.digest()}{trainer.digest(folder)}{said}{sources}"
    basis = sha256(basis.encode()).hexdigest()
    shards = pipeline.collect_rows(folder / FLAGGING, basis, list(images), see, progress)
    flagged, ranked = pipeline.rank(shards, progress)
    records = {i: (work.records[i], work.instance_ids[i]) for i in images}
    issues: list[Issue] = []

    def scored() -> Iterator[ImageScore]:
        for rows, scores in ranked:
            for score in image_scores(rows, scores, records, channels.names, run):
                issues.extend(score.issues)
                yield score

    store.write_scores(dataset, run, scored())
    table = as_table(issues, {d.instance_id for d in journal.standing(store.decisions(dataset))})
    with replacing(folder / ISSUES) as part:
        table.to_csv(part, index=False, lineterminator="\n")
    shutil.rmtree(folder / FLAGGING)
    return table, flagged


def has_folds(dataset, run: str) -> bool:
    """Whether each photo is predicted by a model that never saw it."""
    return trainer.has_folds(run_folder(dataset, run))


def run_folder(dataset, run: str) -> Path:
    """Where a run is kept; RunError for a name that cannot be one."""
    return store.folder(dataset) / "runs" / check_run_name(run)


def feature_cache(dataset) -> Path:
    """The features of the frozen backbone: one cache for every run of a dataset."""
    return store.folder(dataset) / "features"


def _channels_of_run(folder: Path, work: Workset) -> Channels:
    classes = trainer.load_classes(folder)
    if classes.names != work.channels.names:
        raise RunError(
            folder.name,
            f"was trained on {', '.join(classes.names[1:])}; the active taxonomy "
            f"{work.taxonomy.name} has {', '.join(work.channels.names[1:])}: remap or train again",
        )
    return work.channels


def _probabilities(
    dataset, work: Workset, run: str, progress: Progress
) -> Iterator[tuple[trainer.InputImage, NDArray[np.float32]]]:
    folder, cache = run_folder(dataset, run), feature_cache(dataset)
    return trainer.predict(folder, image_files(work), cache=cache, progress=progress)


def _write_png(path: Path, array: NDArray[np.uint8]) -> None:
    with replacing(path) as part:
        Image.fromarray(array).save(part, "PNG")
