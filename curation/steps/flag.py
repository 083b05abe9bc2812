"""The verb ``flag``: how probably each label is wrong, what would be wrong with it, and why.

Labels, what the models of a run see, and what reviewers decided become one observation for each
image (:mod:`curation.issues.observation`). From the observations come features, from features
scores (:mod:`curation.issues.pipeline`), and from scores the issues that a person reads
(:mod:`curation.issues.scoring`), with the masks that would be right
(:mod:`curation.issues.suggestion_pipeline`). They are written into the dataset and into
``issues.csv``. What one source of labels calls otherwise than the rest is one finding over many
labels (:mod:`curation.issues.habits`), in ``habits.csv``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

from curation.core.alone import alone
from curation.core.progress import Progress, silent
from curation.core.shard import WHOLE, Shard, done
from curation.core.spool import Spool
from curation.core.text import count
from curation.issues.issue import ISSUES, SUSPECT, ImageScore
from curation.issues.observation import Observation, judged
from curation.steps import habits, person
from curation.steps.dataset_runs import DatasetRuns, channels_of, image_files
from curation.steps.feedback import Feedback
from curation.steps.working_copy import WorkingCopy, load_labelled
from curation.store import Dataset, results
from training import run as trainer

if TYPE_CHECKING:
    import pandas as pd

    from curation.issues.habits import Habit
    from curation.issues.issue_table import IssueCounts
    from curation.issues.pipeline import Learning, Observe

FLAGGING = "flagging"
"""What was found so far, in the run's folder until it is finished."""


@dataclass(frozen=True)
class FlagResult:
    """What flagging found.

    Attributes:
        path: of ``issues.csv``: one row for each label and each missing garment, worst first; see
            :mod:`curation.issues.issue_table`
        counts: of its rows
        learning: how the scores were learned, and how good they are
        out_of_fold: whether each image was seen by a model that never saw its labels
        habits: what one source calls otherwise than the rest, the plainest first, and the file of
            decisions that ends it
        too_small: labels of so few pixels at the size of the model that nothing can be said
    """

    path: Path
    counts: IssueCounts
    learning: Learning
    out_of_fold: bool
    habits: tuple[tuple[Habit, Path], ...] = ()
    too_small: int = 0

    def summary(self) -> str:
        """Suspects, of how many labels and missing garments, habits, and where all stand."""
        found = f"; {count(len(self.habits), 'habit')}, in habits.csv" if self.habits else ""
        if self.too_small:
            have = "has" if self.too_small == 1 else "have"
            found += (
                f". {count(self.too_small, 'label')} {have} no score: too small at the size of the "
                "model, train with a larger --size"
            )
        return f"{self.counts.suspects:,} of {self.counts.rows:,}; all in {self.path}{found}"

    def worst(self, score: str, top: int) -> pd.DataFrame:
        """The first rows by ``error_score`` or ``source_error_score``: none below ``SUSPECT`` of
        the latter.
        """
        from curation.issues import issue_table

        least = SUSPECT if score == "source_error_score" else 0

        def keep(rows: pd.DataFrame) -> pd.DataFrame:
            return rows[rows[score] >= least].head(top)

        return issue_table.read(self.path, score, keep, again="flag it again")


def flag(dataset: Dataset, run: str, *, progress: Progress = silent) -> FlagResult:
    """As :func:`flag_shard`, of all photos."""
    # One of one is the last one.
    return cast("FlagResult", flag_shard(dataset, run, WHOLE, progress=progress))


def flag_shard(
    dataset: Dataset, run: str, shard: Shard, *, progress: Progress = silent
) -> FlagResult | None:
    """Scores every label and image, and saves "suspects, worst first" in the dataset.

    Called again, a killed one goes on where it was; with other labels, models or decisions it
    begins anew.

    Args:
        run: a finished one, whose classes are those of the active taxonomy
        shard: whose features are computed here; the last one goes on to the end

    Returns:
        what was found; None where other shards are to be done yet

    Raises:
        CurateError: another process flags this run; another shard of as many may
        DatasetError: as :func:`curation.steps.working_copy.load_labelled`
        RunError: the run is missing, unfinished, or of other classes, or another one was flagged
            meanwhile
    """
    folder = dataset.run_folder(run)
    jobs, ours = f".{folder.name}.flag-", f"-of-{shard.of}.lock"
    lock = folder.with_name(f"{jobs}{shard.number}{ours}")
    # Beside each other are those alone that share one way to part the photos.
    others = (
        path
        for path in folder.parent.iterdir()
        if path.name.startswith(jobs) and path.suffix == ".lock" and not path.name.endswith(ours)
    )
    with alone(lock, run, "is being flagged", not_beside=others):
        return _flagged(dataset, run, shard, progress)


def _flagged(dataset: Dataset, run: str, shard: Shard, progress: Progress) -> FlagResult | None:
    # Here, since scikit-learn takes a second to start, and all verbs are imported together.
    from curation.issues import pipeline

    work = load_labelled(dataset)
    folder = dataset.run_folder(run)
    names = channels_of(folder, work.taxonomy).names
    feedback = Feedback.of(dataset, work)
    images = {image.image_id: image for image in image_files(work)}
    people = person.cache(dataset)
    if people:
        people.add(list(images.values()), progress=progress)

    def observe(image_ids: Sequence[str]) -> Iterator[Observation]:
        wanted = [images[i] for i in image_ids]
        cache = DatasetRuns(dataset).features(run)
        seen = trainer.predict_with_features(folder, wanted, cache=cache)
        for image, p, feature_maps in seen:
            yield Observation.of(
                work.records[image.image_id], names, p, feature_maps,
                group=image.key,
                label_feedback=feedback.labels.get(image.image_id, ()),
                missing_feedback=feedback.missing.get(image.image_id, ()),
                person=people.get(image.key) if people else None,
            )  # fmt: skip

    sources = sha256()
    for record in work.records.values():
        sources.update(repr([x.source_label for x in record.instances]).encode())
    fingerprint = (
        f"{work.digest()}{trainer.digest(folder)}{feedback}{sources.hexdigest()}{people is None}"
    )
    shards = pipeline.extract(
        folder / FLAGGING,
        sha256(fingerprint.encode()).hexdigest(),
        list(images),
        observe,
        shard,
        progress=progress,
    )
    # Features that were begun anew are not those that other jobs have noted as done.
    begun = (folder / FLAGGING / pipeline.FINGERPRINT).stat().st_mtime_ns
    with done(folder / "flagged", shard, str(begun)) as left:
        if left:
            return None
        return _finished(dataset, run, work, shards, names, observe, progress)


def _finished(
    dataset: Dataset,
    run: str,
    work: WorkingCopy,
    shards: Sequence[Path],
    names: Sequence[str],
    observe: Observe,
    progress: Progress,
) -> FlagResult:
    """Learns from the features of all photos, scores them and writes what was found."""
    from curation.issues import issue_table, pipeline, scoring, suggestion_pipeline

    folder = dataset.run_folder(run)
    learning, ranked = pipeline.rank(shards, progress=progress)
    seen_in_labels = []

    def scores() -> Iterator[tuple[str, ImageScore]]:
        for features, scored in ranked:
            seen_in_labels.append(habits.seen_in(features.given, work.records))
            for image in scoring.image_scores(features, scored, work.records, names, run):
                yield image.image_id, image

    doubted = Spool(scores(), folder)
    masked = suggestion_pipeline.suggested(
        folder / FLAGGING, doubted, work.records, names, observe, progress=progress
    )
    found = Spool(((image.image_id, image) for image in masked), folder)
    # Only now, as nothing is written before all of it is there.
    results.write_scores(dataset, run, found.values())
    of_sources = habits.find(dataset, folder, seen_in_labels, names)
    review = dataset.review()
    issues = (
        issue
        for image in found.values()
        for issue in (image.issues if image.image_id in review.on_photos else image.rows)
    )
    counts = issue_table.write(folder / ISSUES, issues, review.decided)
    shutil.rmtree(folder / FLAGGING)
    labels = sum(len(judged(record)) for record in work.records.values())
    too_small = labels - sum(map(len, seen_in_labels))
    out_of_fold = trainer.has_folds(folder)
    return FlagResult(folder / ISSUES, counts, learning, out_of_fold, of_sources, too_small)
