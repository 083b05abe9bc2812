"""The rows of all photos of a run on disk, and what is learned from them.

A shard is a few photos in, a file out: worker processes make them while the models
predict the next photos, and a killed run goes on at the first shard that is missing.
Memory holds a few shards, the rows that are taught with, and no photos.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import Progress

from curation.core import parallel
from curation.core.atomic import replacing
from curation.issues import ranking, source_labels
from curation.issues.embeddings import Projection
from curation.issues.feature_table import Plan, Rows, Scores, Survey, collect, survey
from curation.issues.observation import Seen
from curation.issues.ranking import Ranking
from curation.issues.source_labels import SourceRanking

SHARD = 32
"""Photos; a spurious label that is planted comes from one of the same shard."""
SCORED = 16
"""Shards that are scored in one go: asking all trees takes as long for few labels as for many."""
SURVEYED = 320
"""Photos that are looked at before all are."""
TAUGHT = 4000
"""Photos at most that errors are planted into: what is learned from stays in memory."""
DRAWS = 4
"""Errors planted into each of a few photos; one into each of many."""

SURVEY = "survey.npz"

_SEED = 0
_VERSION = 3
"""Of the numbers in the rows: what another version of curate left is not gone on with."""

See = Callable[[Sequence[str]], Iterator[Seen]]
"""Photos, by image_id and in that order, as the labels and the model see them."""


@dataclass(frozen=True)
class Flagged:
    """What is said of how the scores came about.

    Attributes:
        planted: errors of a type that were planted to learn from
        check: average precision on planted errors: learned, and of softmin alone; None where
            too few were planted to learn anything
        source_check: the same of source labels that were swapped: learned, and of the chance
            of the given one alone; None where there are no source labels to tell apart
    """

    planted: int
    check: tuple[float, float] | None
    source_check: tuple[float, float] | None = None

    @property
    def learned(self) -> bool:
        """Whether the scores are the learned ones: they are better than having learned nothing."""
        return self.check is not None and self.check[0] > self.check[1]


def plan_for(images: int) -> Plan:
    """What is planted into so many photos.

    >>> plan_for(800).draws, plan_for(3000).draws, plan_for(45_000).share
    (4, 1, 0.08888888888888889)
    """
    draws = min(DRAWS, max(1, TAUGHT // max(images, 1)))
    return Plan(min(1.0, TAUGHT / max(images, 1)), draws, seed=_SEED)


def collect_rows(
    folder: Path, basis: str, image_ids: Sequence[str], see: See, progress: Progress
) -> list[Path]:
    """Writes the rows of all photos, unless they are there.

    Args:
        folder: where the shards go; what is there of another basis is removed
        basis: a hash of the labels and the models
        see: called with the photos of the missing shards

    Returns:
        the shards
    """
    text, basis = folder / "basis.txt", f"{_VERSION} {basis}"
    if not text.is_file() or text.read_text("utf-8") != basis:
        shutil.rmtree(folder, ignore_errors=True)
        with replacing(text) as part:
            part.write_text(basis, "utf-8")
    known = _surveyed(folder, image_ids, see)
    slices = [image_ids[i : i + SHARD] for i in range(0, len(image_ids), SHARD)]
    paths = [folder / f"rows-{number:05d}.npz" for number in range(len(slices))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    wanted = [image_id for number in missing for image_id in slices[number]]
    plan = plan_for(len(image_ids))
    task = progress.add_task("compare with labels", total=len(image_ids))
    progress.advance(task, len(image_ids) - len(wanted))

    def shards() -> Iterator[tuple[Path, list[Seen]]]:
        seen = see(wanted)
        for number in missing:
            yield paths[number], [next(seen) for _ in slices[number]]

    for count in parallel.ordered(_shard, (known, plan), shards(), len(wanted)):
        progress.advance(task, count)
    progress.remove_task(task)
    return paths


def _shard(shared: tuple[Survey, Plan], item: tuple[Path, list[Seen]]) -> int:
    """One shard, in a worker; how many photos it has."""
    path, seen = item
    collect(seen, *shared).save(path)
    return len(seen)


def load_survey(folder: Path) -> Survey:
    """What :func:`collect_rows` learned first."""
    with np.load(folder / SURVEY, allow_pickle=False) as file:
        fields = ("mean", "scale", "components")
        projection = Projection(*(file[n] for n in fields)) if "mean" in file else None
        return Survey(file["thresholds"], projection)


def _surveyed(folder: Path, image_ids: Sequence[str], see: See) -> Survey:
    """What is learned from some photos first, kept for a run that goes on."""
    path = folder / SURVEY
    if path.exists():
        return load_survey(folder)
    rng = np.random.default_rng(_SEED)
    picked = rng.permutation(len(image_ids))[:SURVEYED]
    known = survey(see([image_ids[i] for i in sorted(picked.tolist())]))
    arrays = vars(known.projection) if known.projection else {}
    with replacing(path) as part:
        np.savez(part, thresholds=known.thresholds, **arrays)
    return known


def rank(
    paths: Sequence[Path], progress: Progress
) -> tuple[Flagged, Iterator[tuple[Rows, Scores]]]:
    """Learns from the rows, then scores them shard by shard.

    Returns:
        how it was learned, and the rows of some shards at a time with their scores
    """
    task = progress.add_task("learn from planted errors", total=None)
    rows = Rows.joined([_taught(Rows.load(path)) for path in paths])
    learned = Ranking(rows, _SEED) if len(rows.planted) >= ranking.FEWEST else None
    sources = SourceRanking(rows, _SEED) if source_labels.learnable(rows) else None
    flagged = Flagged(
        int(rows.images["planted"].sum()),
        learned.check if learned else None,
        sources.check if sources else None,
    )
    progress.remove_task(task)

    def scored() -> Iterator[tuple[Rows, Scores]]:
        task = progress.add_task("score", total=len(paths))
        for start in range(0, len(paths), SCORED):
            shards = paths[start : start + SCORED]
            part = Rows.joined([Rows.load(path) for path in shards])
            use = learned if flagged.learned else None
            scores = use.score(part) if use else ranking.by_disagreement(part)
            if sources:
                instances = scores.instances.join(sources.score(part.given))
                scores = replace(scores, instances=instances)
            yield part, scores
            progress.advance(task, len(shards))
        progress.remove_task(task)

    return flagged, scored()


def _taught(rows: Rows) -> Rows:
    """What the ranking learns from: photos that errors were planted into, and all decisions."""
    drawn = set(rows.images["image_id"][rows.images["drawn"] > 0])
    parts = {name: frame[frame["image_id"].isin(drawn)] for name, frame in vars(rows).items()}
    return Rows(**(parts | {"decided": rows.decided, "settled": rows.settled}))
