"""Which split and which fold an image is in: dealt once, and kept."""

from __future__ import annotations

import pandas as pd

from curation.core import splits
from curation.core.atomic import replacing
from curation.core.errors import RunError
from curation.core.progress import Progress, silent
from curation.steps.working_copy import WorkingCopy, near_duplicates
from curation.store import Dataset

SPLITS = "splits.csv"
"""In the dataset's folder: photo_hash, split."""


def split(dataset: Dataset, work: WorkingCopy, *, progress: Progress = silent) -> dict[str, str]:
    """The split of each image. What was dealt before stays, so a test set stays frozen.

    It is kept on disk, by the photo's hash: a lost database deals nothing anew. Images that
    look alike go together.

    Returns:
        train, val or test, by image_id
    """
    path = dataset.folder / SPLITS
    kept: dict[str, str] = {}
    if path.is_file():
        table = pd.read_csv(path, dtype=str)
        kept = dict(zip(table["photo_hash"], table["split"], strict=True))
    given = {i: kept[group] for i, group in work.groups.items() if group in kept}
    if len(given) < len(work.records):
        smallest = min(splits.SHARES) * len(work.records)
        groups = near_duplicates(dataset, work, max(2, int(smallest)), progress)
        given = splits.assign(groups, work.strata(), given)
        kept |= {work.groups[i]: name for i, name in given.items()}
        with replacing(path) as part:
            table = pd.DataFrame(sorted(kept.items()), columns=["photo_hash", "split"])
            table.to_csv(part, index=False, lineterminator="\n")
    dataset.write_column("split", given)
    return given


def folds(
    dataset: Dataset, work: WorkingCopy, run: str, count: int, *, progress: Progress = silent
) -> dict[str, int]:
    """K folds of equal size, images that look alike in one.

    Returns:
        0 to count - 1, by image_id

    Raises:
        RunError: there are too few images
    """
    groups = near_duplicates(dataset, work, len(work.records) // max(count, 1), progress)
    try:
        dealt = splits.folds(groups, work.strata(), count)
    except ValueError as error:
        raise RunError(run, str(error), where="--folds") from None
    dataset.write_column("fold", dealt)
    return dealt
