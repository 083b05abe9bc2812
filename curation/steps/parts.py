"""Which split and which fold a photo is in: dealt once, and kept."""

from __future__ import annotations

import logging
from collections import Counter

import pandas as pd

from curation import store
from curation.core import console, splits
from curation.core.atomic import replacing
from curation.core.errors import RunError
from curation.core.progress import Progress, silent
from curation.steps.working_copy import Workset, look_alikes

SPLITS = "splits.csv"

_log = logging.getLogger(__name__)


def split(dataset, work: Workset, *, progress: Progress = silent) -> dict[str, str]:
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


def folds(
    dataset, work: Workset, run: str, count: int, *, progress: Progress = silent
) -> dict[str, int]:
    """The fold of each photo, those that look alike in one; RunError for too many folds."""
    groups = look_alikes(work, console.progress())
    largest = max(Counter(groups.values()).values())
    if largest > len(groups) / count:
        # One colour, one pose: what looks alike here are not copies, and no fold would hold them.
        _log.info(
            "%d photos look so alike that they would fill a fold: only equal files are kept "
            "together.",
            largest,
        )
        groups = work.groups
    try:
        dealt = splits.folds(groups, work.strata(), count)
    except ValueError as error:
        raise RunError(run, str(error), where="--folds") from None
    store.write_column(dataset, "fold", dealt)
    return dealt
