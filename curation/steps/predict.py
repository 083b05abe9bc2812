"""The verb ``predict``: what a run's models see in each photo, written into the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core import parallel
from curation.core.atomic import replacing
from curation.core.progress import Progress, silent
from curation.core.shard import WHOLE, Shard, done
from curation.steps import working_copy
from curation.steps.dataset_runs import DatasetRuns, channels_of, image_files
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset, results
from training import run as trainer

_BATCHES = 4
"""Of the run's own size, that go to a worker of a cluster at once."""

Predicted = tuple[str, Path, Path]
"""image_id, PNG of class ids, 8-bit PNG of confidence."""


def predict(dataset: Dataset, run: str, *, keep: bool = False, progress: Progress = silent) -> int:
    """Writes a run's class masks and confidence into the dataset, out of fold where it has folds.

    Args:
        keep: whether to write ``probabilities/<photo_hash>.npz`` too, whose ``p`` is (K, S, S)
            uint8: the probability times 255, background first

    Returns:
        photos with a prediction

    Raises:
        RunError: the run is missing, unfinished or of other classes
    """
    work = working_copy.load(dataset)
    written = _written(dataset, run, work, WHOLE, keep, progress)
    return results.write_predictions(dataset, run, written)


def predict_shard(
    dataset: Dataset, run: str, shard: Shard, *, keep: bool = False, progress: Progress = silent
) -> list[int]:
    """As :func:`predict`, the files of some photos alone; the last shard writes into the dataset.

    Returns:
        the numbers of the shards that are to be done yet
    """
    work = working_copy.load(dataset)
    folder, images = dataset.run_folder(run), image_files(work)
    for _ in _written(dataset, run, work, shard, keep, progress):
        pass
    made_of = f"{trainer.digest(folder)} {[(x.key, x.image_id) for x in images]} {keep}"
    with done(folder / "predicted", shard, made_of) as left:
        if not left:
            every = ((image.image_id, *_paths(folder, image)) for image in images)
            results.write_predictions(dataset, run, every)
    return left


def _written(
    dataset: Dataset, run: str, work: WorkingCopy, shard: Shard, keep: bool, progress: Progress
) -> Iterator[Predicted]:
    runs, images = DatasetRuns(dataset), image_files(work)
    folder, cache = runs.folder(run), runs.features(run)
    ids = channels_of(folder, work.taxonomy).ids
    size = _BATCHES * trainer.load_config(folder).batch
    slices = shard.take([images[i : i + size] for i in range(0, len(images), size)])
    ours = [image for some in slices for image in some]
    trainer.prepare(folder, ours, cache=cache, progress=progress)
    told = 0
    # Not by processes of this machine: the models take all its processors already.
    for some in parallel.ordered(_write, (folder, cache, ids, keep), slices, images=0):
        yield from some
        told += len(some)
        progress("predict", told, len(ours))


def _paths(folder: Path, image: trainer.InputImage) -> tuple[Path, Path]:
    name = f"{image.key}.png"
    return folder / "predictions" / name, folder / "confidence" / name


def _write(
    shared: tuple[Path, Path, NDArray[np.uint8], bool], images: Sequence[trainer.ImageFile]
) -> list[Predicted]:
    """Writes the files of some photos, in a worker."""
    folder, cache, ids, keep = shared
    made = []
    for image, p in trainer.predict(folder, images, cache=cache):
        mask, heat = _paths(folder, image)
        if keep:
            with replacing(folder / "probabilities" / f"{image.key}.npz") as part:
                np.savez_compressed(part, p=(p * 255).round().astype(np.uint8))
        _write_png(mask, ids[p.argmax(axis=0)])
        _write_png(heat, (p.max(axis=0) * 255).round().astype(np.uint8))
        made.append((image.image_id, mask, heat))
    return made


def _write_png(path: Path, array: NDArray[np.uint8]) -> None:
    with replacing(path) as part:
        Image.fromarray(array).save(part, "PNG")
