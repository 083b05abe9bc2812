"""The verb ``clean``: what of a dataset takes how much on disk, and the features, deleted.

They are a function of photos and of weights that come with ``curate``: whoever asks for them next
makes them again, the same. All else stays. Labels are others by now, so a model or a prediction
would not come again as it was, and a decision would not come again at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from curation.steps.dataset_runs import DATA, FEATURES
from curation.steps.flag import FLAGGING
from curation.store import Dataset
from training.data import features, row_cache

_MEANING = {
    "features": "of photos, for any run; they come again by themselves",
    "other features": "people, and features of weights in a file of your own: they need these",
    "models": "of runs, and what a killed training goes on from",
    "predictions": "of runs; the App shows them",
    "begun": "labels that a training began with, and what a flag found so far",
    "figures": "settings, pictures, logs and issues of runs",
    "rest": "decisions, splits, rounds, lists",
}
_OF_A_RUN = {
    "models": "models",
    "predictions": "predictions", "confidence": "predictions", "probabilities": "predictions",
    DATA: "begun", FLAGGING: "begun",
}  # fmt: skip
"""What is in the folders of a run; all else in it is figures."""


@dataclass(frozen=True)
class Kind:
    """What the files of one kind take.

    Attributes:
        name, meaning: of the kind
        bytes: of its files
        evicted: whether :func:`clean` deletes them
    """

    name: str
    meaning: str
    bytes: int
    evicted: bool


def clean(dataset: Dataset, *, dry_run: bool = False) -> list[Kind]:
    """Deletes the features of a dataset's photos.

    Args:
        dry_run: whether to delete nothing

    Returns:
        what its folder held before; FiftyOne's database is not in it

    Raises:
        CurateError: another process adds to them just now
    """
    sizes: Counter[str] = Counter()
    for path in dataset.folder.rglob("*"):
        if path.is_file():
            sizes[_kind(path.relative_to(dataset.folder).parts)] += path.stat().st_size
    for cache in sorted((dataset.folder / FEATURES).glob("*/")):
        if features.come_again(cache) and not dry_run:
            row_cache.evict(cache)
    return [Kind(name, text, sizes[name], name == "features") for name, text in _MEANING.items()]


def _kind(parts: tuple[str, ...]) -> str:
    """Of a file, by its path in the dataset's folder."""
    if parts[0] == FEATURES and len(parts) > 2:
        return "features" if features.come_again(Path(parts[1])) else "other features"
    if parts[0] == "runs" and len(parts) > 2:
        return _OF_A_RUN.get(parts[2], "figures")
    return "rest"
