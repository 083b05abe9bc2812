"""Whether what the fold models remember tells wrong labels from hard ones.

    python -m tests.benchmarks.memorisation --ccp ../shared/data/ccp

After Feldman and Zhang (arXiv 2008.03703): the probability of the given class by the models that
were taught with a photo, less that by the one that was not, in each label of
:mod:`tests.benchmarks.untaught`, along its outline and of background beside it. Each as a score by
itself, and with the score of flagging in a regression that is told the truth of the other photos,
which is more than anybody will have.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from curation.core import console
from curation.core.records import ImageRecord
from curation.issues import pipeline
from curation.issues.feature_table import FeatureTable
from curation.issues.geometry import Mask, depth, distance
from curation.issues.observation import FLOOR, Observation
from curation.issues.ranking import Ranking
from curation.steps.runs import FolderRuns
from tests.benchmarks.flagging import Case, options, over_seeds, trained
from tests.benchmarks.flagging_scores import label_scores
from tests.benchmarks.untaught import Truth, spoilt_records
from training import run as trainer
from training.config import TrainConfig
from training.folder import RunFolder
from training.predict import Inputs, probabilities

BAND = 0.12
"""Along an outline, in roots of the area."""


@click.command()
@options("quick")
def main(**given: Any) -> None:
    results = over_seeds(rows, **given)
    body = [[str(r["seed"]), r["feature"], r["AUROC"], r["AP"]] for r in results]
    console.out.print(console.table(["seed", "", "AUROC", "AP with the score"], body))


def rows(clean: list[ImageRecord], folder, seed: int, config: TrainConfig) -> Iterator[dict]:
    spoilt = spoilt_records(clean, seed)
    records = {r.image_id: r for r in clean} | {s.record.image_id: s.record for s in spoilt}
    case = Case(records, {}, trained(records, folder / f"untaught{seed}", config))
    place = case.folder.parent / "flagging-plain"
    with console.bars() as progress:
        shards = pipeline.extract(place, f"{seed}", list(records), case.observe, progress=progress)
    table = FeatureTable.concat([FeatureTable.load(path) for path in shards])
    truth = Truth.of(case, spoilt, table)
    score = label_scores(table, Ranking(table).score(table)).clip(FLOOR, 1 - FLOOR)
    odds = np.log(score) - np.log1p(-score)
    found: dict[str, list[float]] = {}
    told = table.given.groupby("image_id", sort=False)["index"].agg(list)
    for observation, taught in _both(case, list(records), config):
        for index in told.get(observation.image_id, []):
            for name, value in _remembered(observation, taught, int(index)).items():
                found.setdefault(name, []).append(value)
    judged = (truth.wrong & ~truth.together) | (truth.kinds[truth.image_of] == "")
    wrong, photos = truth.wrong[judged], truth.image_of[judged]

    def combined(*values: NDArray) -> float:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, class_weight="balanced"))
        predicted = cross_val_predict(
            model, np.stack(values, axis=1)[judged], wrong, groups=photos, cv=GroupKFold(5),
            method="decision_function",
        )  # fmt: skip
        return float(average_precision_score(wrong, predicted))

    features = {name: np.array(values) for name, values in found.items()}

    def row(feature: str, alone: str, *values: NDArray) -> dict:
        return {"feature": feature, "AUROC": alone, "AP": f"{combined(odds, *values):.3f}"}

    yield row("the score alone", f"{roc_auc_score(wrong, score[judged]):.2f}")
    for name, values in features.items():
        yield row(name, f"{roc_auc_score(wrong, values[judged]):.2f}", values)
    yield row("all of them", "-", *features.values())


def _remembered(observation: Observation, taught: NDArray, index: int) -> dict[str, float]:
    """Of a label, how much likelier it is to the models that were taught with it."""
    label = observation.label_masks[index]
    k, p = label.class_id, observation.probabilities
    more = taught - p
    log = np.log(np.maximum(taught, FLOOR)) - observation.log_p
    root = max(2.0, BAND * np.sqrt(np.count_nonzero(label.mask)))
    inner, far = depth(label.mask), distance(label.mask)
    free = (far > 0) & (far <= root)
    for other in observation.label_masks:
        free &= ~other.mask
    return {
        "in the label": _mean(more[k], label.mask),
        "in the label, logarithm": _mean(log[k], label.mask),
        "along its outline": _mean(more[k], (inner > 0) & (inner <= root)),
        "where the model sees another class": _mean(more[k], label.mask & (observation.best != k)),
        "background beside it": _mean(more[0], free),
        "background beside it, logarithm": _mean(log[0], free),
    }


def _mean(values: NDArray, where: Mask) -> float:
    return float(values[where].mean()) if where.any() else 0.0


def _both(
    case: Case, image_ids: list[str], config: TrainConfig
) -> Iterator[tuple[Observation, NDArray[np.float32]]]:
    """Each photo as the model that never saw it sees it, and (K, S, S) probabilities, the mean of
    the models that did."""
    from training.models import low_resolution

    run = RunFolder(case.folder)
    parts = run.parts()
    fold_of = dict(zip(parts.keys, parts.of, strict=True))
    models = {fold: low_resolution(run.load_model(f"fold{fold}")) for fold in set(parts.of)}
    data = trainer.Records(case.folder.parent / "data")
    by_id = {image.image_id: image for image in data.images}
    inputs = Inputs(config, FolderRuns(case.folder).features(str(case.folder)))
    batches = inputs.views([by_id[i] for i in image_ids])
    observations = case.observe(image_ids)
    for batch, views in batches:
        seen = {fold: probabilities([model], views) for fold, model in models.items()}
        for number, image in enumerate(batch):
            own = fold_of[image.key]
            others = [p[number] for fold, p in seen.items() if fold != own]
            yield next(observations), np.mean(others, axis=0).transpose(2, 0, 1)


if __name__ == "__main__":
    sys.exit(main())
