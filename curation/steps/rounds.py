"""The stations of the retrain-and-review loop that have no file of their own yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256

import pandas as pd
from rich.progress import Progress

from curation.core.atomic import replacing
from curation.issues import pipeline
from curation.issues.issue import ImageScore, Issue
from curation.issues.observation import Seen
from curation.issues.pipeline import Flagged
from curation.issues.scoring import as_table, image_scores, seen
from curation.steps import feedback
from curation.steps.dataset_runs import DatasetRuns, channels_of, image_files
from curation.steps.working_copy import load
from curation.store import Dataset, results
from training import run as trainer

FLAGGING = "flagging"
"""What flagging has found so far, in the run's folder until it is finished."""
ISSUES = "issues.csv"


def flag(dataset: Dataset, run: str, progress: Progress) -> tuple[pd.DataFrame, Flagged]:
    """Scores every instance and photo by disagreement and saves "suspects, worst first".

    A killed one goes on where it was, when it is called again.

    Returns:
        one row for each instance and each missing garment, worst first; also in the
        run's ``issues.csv``. And how the scores were learned
    """
    work = load(dataset)
    folder = DatasetRuns(dataset).folder(run)
    channels = channels_of(folder, work)
    images = {image.image_id: image for image in image_files(work)}

    def see(image_ids: Sequence[str]) -> Iterator[Seen]:
        for image, p, maps in trainer.predict_with_features(
            folder,
            [images[i] for i in image_ids],
            cache=DatasetRuns(dataset).features(run),
        ):
            record = work.records[image.image_id]
            said = (labels.get(image.image_id, ()), places.get(image.image_id, ()))
            yield seen(record, channels.names, p, maps, *said, group=image.key)

    labels, places = feedback.labels(dataset, work), feedback.places(dataset, work)
    said = repr([labels, places])
    sources = repr([[x.source_label for x in r.instances] for r in work.records.values()])
    basis = f"{work.digest()}{trainer.digest(folder)}{said}{sources}"
    basis = sha256(basis.encode()).hexdigest()
    shards = pipeline.collect_rows(folder / FLAGGING, basis, list(images), see, progress)
    flagged, ranked = pipeline.rank(shards, progress)
    records = {
        i: (work.records[i], [x.instance_id for x in work.records[i].instances]) for i in images
    }
    issues: list[Issue] = []

    def scored() -> Iterator[ImageScore]:
        for rows, scores in ranked:
            for score in image_scores(rows, scores, records, channels.names, run):
                issues.extend(score.issues)
                yield score

    results.write_scores(dataset, run, scored())
    table = as_table(issues, dataset.review().decided)
    with replacing(folder / ISSUES) as part:
        table.to_csv(part, index=False, lineterminator="\n")
    shutil.rmtree(folder / FLAGGING)
    return table, flagged


def has_folds(dataset: Dataset, run: str) -> bool:
    """Whether each photo is predicted by a model that never saw it."""
    return trainer.has_folds(DatasetRuns(dataset).folder(run))
