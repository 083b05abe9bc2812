"""The features of all photos of a run on disk, and what is learned from them.

A shard is a few photos in, a file out: worker processes make them while the models
predict the next photos, and a killed run goes on at the first shard that is missing.
Memory holds a few shards, the features that are learned from, and no photos.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from filelock import FileLock
from threadpoolctl import threadpool_limits

from curation.core import npz, parallel
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent, track
from curation.core.shard import WHOLE, Shard
from curation.issues import ranking, source_ranking
from curation.issues.calibration import Check
from curation.issues.embeddings import Projection
from curation.issues.extraction import (
    DatasetStatistics,
    InjectionConfig,
    dataset_statistics,
    extract_features,
)
from curation.issues.feature_table import AGAIN, FeatureTable, Scores
from curation.issues.observation import Observation
from curation.issues.person import PersonStatistics
from curation.issues.ranking import Ranking
from curation.issues.source_ranking import SourceRanking

SHARD = 32
"""Photos; a spurious label that is injected comes from one of the same shard."""
SCORED = 16
"""Shards that are scored in one go: asking all trees takes as long for few labels as for many."""
SAMPLED = 320
"""Photos that statistics are taken of before features of all are extracted."""

STATISTICS = "statistics.npz"
FINGERPRINT = "fingerprint.txt"

_SEED = 0
_VERSION = 7
"""Of the tables on disk: what another version of curate left is not gone on with."""

Observe = Callable[[Sequence[str]], Iterator[Observation]]
"""Photos, by image_id and in that order, as the labels, the model and the reviewers see them."""


@dataclass(frozen=True)
class Learning:
    """How the scores came about.

    Attributes:
        injected: errors of a type that were injected to learn from
        check: on injected errors; the baseline is softmin alone. None where too few were injected
            to learn anything
        source_check: on source labels that were swapped; the baseline is how improbable the given
            one is. None where there are no source labels to tell apart
    """

    injected: int
    check: Check | None
    source_check: Check | None = None

    @property
    def learned(self) -> bool:
        """Whether the scores are the learned ones: they are better than having learned nothing."""
        return self.check is not None and self.check.better


def extract(
    folder: Path,
    fingerprint: str,
    image_ids: Sequence[str],
    observe: Observe,
    shard: Shard = WHOLE,
    *,
    progress: Progress = silent,
) -> list[Path]:
    """Writes the features of all photos, unless they are there.

    Args:
        folder: where the shards go; what is there of another fingerprint is removed
        fingerprint: a hash of the labels, the models and the feedback
        observe: called with the photos of the missing shards
        shard: which of them are written here; other processes write the others

    Returns:
        the shards, all of them: see :meth:`FeatureTable.load`
    """
    _begin(folder, f"{_VERSION} {fingerprint}")
    injection = InjectionConfig.of(len(image_ids), _SEED)
    statistics = _statistics(folder, image_ids, observe)
    slices = [image_ids[i : i + SHARD] for i in range(0, len(image_ids), SHARD)]
    paths = [folder / f"features-{number:05d}.npz" for number in range(len(slices))]
    ours = shard.take(range(len(paths)))
    missing = [number for number in ours if not paths[number].exists()]
    wanted = [image_id for number in missing for image_id in slices[number]]

    def shards() -> Iterator[tuple[Path, list[Observation]]]:
        observations = observe(wanted)
        for number in missing:
            yield paths[number], [next(observations) for _ in slices[number]]

    total = sum(len(slices[number]) for number in ours)
    done = total - len(wanted)
    progress("compare with labels", done, total)
    shared = (statistics, injection)
    for count in parallel.ordered(_extract_shard, shared, shards(), len(wanted)):
        done += count
        progress("compare with labels", done, total)
    return paths


def _begin(folder: Path, fingerprint: str) -> None:
    """Empties the folder, unless what it holds has this fingerprint."""
    path = folder / FINGERPRINT
    with FileLock(folder.with_name(f".{folder.name}.lock")):  # several may write shards of one
        if not path.is_file() or path.read_bytes() != fingerprint.encode():
            shutil.rmtree(folder, ignore_errors=True)
            with replacing(path) as part:
                part.write_text(fingerprint, "utf-8")


def _extract_shard(
    shared: tuple[DatasetStatistics, InjectionConfig], shard: tuple[Path, list[Observation]]
) -> int:
    """One shard, in a worker; how many photos it has."""
    path, observations = shard
    with _same_sums():
        extract_features(observations, *shared).save(path)
    return len(observations)


def _same_sums() -> AbstractContextManager:
    """BLAS adds up in another order on other numbers of threads, and scores would be others."""
    return threadpool_limits(1, "blas")


def load_statistics(folder: Path) -> DatasetStatistics:
    """What :func:`extract` learned first."""
    path = folder / STATISTICS
    arrays = npz.read(path, AGAIN)
    try:
        fields = ("mean", "scale", "components")
        projection = Projection(*(arrays[n] for n in fields)) if "mean" in arrays else None
        person = ("usual", "spread")
        people = PersonStatistics(*(arrays[n] for n in person)) if "usual" in arrays else None
        return DatasetStatistics(arrays["thresholds"], projection, people)
    except KeyError as error:
        raise CurateError(path, f"lacks {error}; {AGAIN}") from None


def _statistics(folder: Path, image_ids: Sequence[str], observe: Observe) -> DatasetStatistics:
    """Of some photos, kept for a run that goes on."""
    path = folder / STATISTICS
    if path.exists():
        return load_statistics(folder)
    rng = np.random.default_rng(_SEED)
    sample = rng.permutation(len(image_ids))[:SAMPLED]
    with _same_sums():
        statistics = dataset_statistics(observe([image_ids[i] for i in sorted(sample.tolist())]))
    parts = (statistics.projection, statistics.person)
    arrays = {f.name: getattr(part, f.name) for part in parts if part for f in fields(part)}
    with replacing(path) as part:
        np.savez(part, thresholds=statistics.thresholds, **arrays)
    return statistics


def rank(
    shards: Sequence[Path], *, progress: Progress = silent
) -> tuple[Learning, Iterator[tuple[FeatureTable, Scores]]]:
    """Learns from the shards of :func:`extract`, then scores them.

    Returns:
        how it was learned, and the features of some shards at a time with their scores
    """
    progress("learn from injected errors", 0)
    table = FeatureTable.concat([_learned_from(FeatureTable.load(path)) for path in shards])
    enough = len(table.injected) >= ranking.FEWEST
    labels = Ranking(table, _SEED) if enough else None
    sources = SourceRanking(table, _SEED) if source_ranking.learnable(table) else None
    learning = Learning(
        int(table.images["injected"].sum()),
        labels.check if labels else None,
        sources.check if sources else None,
    )
    progress("learn from injected errors", 1, 1)
    return learning, _scored(shards, labels if learning.learned else None, sources, progress)


def _learned_from(table: FeatureTable) -> FeatureTable:
    """What the ranking learns from: photos that errors were injected into, and all feedback."""
    drawn = set(table.images["image_id"][table.images["drawn"] > 0])
    parts = {name: frame[frame["image_id"].isin(drawn)] for name, frame in vars(table).items()}
    feedback = {"reviewed": table.reviewed, "reviewed_missing": table.reviewed_missing}
    return FeatureTable(**(parts | feedback))


def _scored(
    shards: Sequence[Path],
    labels: Ranking | None,
    sources: SourceRanking | None,
    progress: Progress,
) -> Iterator[tuple[FeatureTable, Scores]]:
    parts = [shards[start : start + SCORED] for start in range(0, len(shards), SCORED)]
    for part in track(progress, "score", parts, len(parts)):
        table = FeatureTable.concat([FeatureTable.load(path) for path in part])
        scores = labels.score(table) if labels else ranking.by_disagreement(table)
        if sources:
            instances = scores.instances.join(sources.score(table.given))
            scores = replace(scores, instances=instances)
        yield table, scores
