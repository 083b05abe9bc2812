"""The verb ``predict``: what a run's models see in each photo, written into the dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core.atomic import replacing
from curation.core.progress import Progress, silent
from curation.steps import working_copy
from curation.steps.dataset_runs import DatasetRuns, channels_of, image_files
from curation.store import Dataset, results
from training import run as trainer


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
    runs = DatasetRuns(dataset)
    work = working_copy.load(dataset)
    folder = runs.folder(run)
    channels = channels_of(folder, work)
    predicted = trainer.predict(
        folder, image_files(work), cache=runs.features(run), progress=progress
    )

    def written() -> Iterator[tuple[str, Path, Path]]:
        for image, p in predicted:
            best = p.argmax(axis=0)
            mask = folder / "predictions" / f"{image.key}.png"
            heat = folder / "confidence" / f"{image.key}.png"
            if keep:
                with replacing(folder / "probabilities" / f"{image.key}.npz") as part:
                    np.savez_compressed(part, p=(p * 255).round().astype(np.uint8))
            _write_png(mask, channels.ids[best])
            _write_png(heat, (p.max(axis=0) * 255).round().astype(np.uint8))
            yield image.image_id, mask, heat

    return results.write_predictions(dataset, run, written())


def _write_png(path: Path, array: NDArray[np.uint8]) -> None:
    with replacing(path) as part:
        Image.fromarray(array).save(part, "PNG")
