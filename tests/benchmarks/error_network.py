"""What the error network adds to the ranking, with more errors than one set of models can learn.

    python -m tests.benchmarks.error_network --ccp ../shared/data/ccp
    python -m tests.benchmarks.error_network --figures 800

Models are trained out of fold on the labels of :mod:`tests.benchmarks.untaught`, and flagging
learns from them. Then, one after the other, 160 photos without an error get one of each kind: they
too are seen by models that were not taught with them. Average precision of each kind among the
photos without an error, as if there were 13 of it, with the network and without, on the same trees;
and of all, on the errors that the models were trained with. In brackets 95 % of the difference over
bootstrap samples of the photos.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from curation.core import console
from curation.core.progress import silent
from curation.core.records import ImageRecord
from curation.issues import error_crops, error_network, pipeline
from curation.issues.extraction import InjectionConfig, extract_features
from curation.issues.feature_table import NETWORK, FeatureTable
from curation.issues.observation import Label, Observation
from curation.issues.ranking import Ranking
from tests.benchmarks.flagging import Case, options, over_seeds, trained
from tests.benchmarks.flagging_scores import image_scores, label_scores
from tests.benchmarks.spoiling import KINDS, WHOLE, Photo
from tests.benchmarks.untaught import Truth, spoilt_records
from training import run as trainer
from training.config import TrainConfig

PHOTOS = 160
"""Of a kind."""
COUNTED = 13
"""As many as there are of each kind where one photo in four has an error."""
SAMPLES = 300
_SHARD = 32


@click.command()
@options("quick")
def main(**given: Any) -> None:
    results = over_seeds(rows, **given)
    body = [
        [str(r["seed"]), r["kind"], f"{r['without']:.3f}", f"{r['with']:.3f}",
         f"{r['low']:+.3f} to {r['high']:+.3f}"]
        for r in results
    ]  # fmt: skip
    console.out.print(console.table(["seed", "", "without", "with", "difference"], body))


def rows(clean: list[ImageRecord], folder, seed: int, config: TrainConfig) -> Iterator[dict]:
    spoilt = spoilt_records(clean, seed)
    records = {r.image_id: r for r in clean} | {s.record.image_id: s.record for s in spoilt}
    case = Case(records, {}, trained(records, folder / f"untaught{seed}", config))
    place = case.folder.parent / "flagging"
    fingerprint = sha256(repr(sorted(s.record.image_id for s in spoilt)).encode()).hexdigest()
    with console.bars() as progress:
        shards = pipeline.extract(
            place, fingerprint, list(records), case.observe, trainer.error_network,
            progress=progress,
        )  # fmt: skip
    table = FeatureTable.concat([FeatureTable.load(path) for path in shards])
    both = Both(table)
    truth = Truth.of(case, spoilt, table)
    bad, kept = truth.kinds != "", ~truth.together
    photos, labels = both.scores(table)
    yield {"kind": "all photos", **compared(bad, photos)}
    yield {"kind": "labels", **compared(truth.wrong[kept], [x[kept] for x in labels])}
    good = [
        record for record in clean if record.image_id not in {s.record.image_id for s in spoilt}
    ]
    for kind in KINDS:
        if kind in WHOLE:
            continue
        planted, _ = both.scores(_planted(case, place, kind, good, seed))
        each = [np.concatenate([x, y[~bad]]) for x, y in zip(planted, photos, strict=True)]
        wrong = np.arange(len(each[0])) < len(planted[0])
        weight = np.where(wrong, COUNTED / len(planted[0]), 1.0)
        yield {"kind": kind, **compared(wrong, each, weight)}


@dataclass
class Both:
    """A ranking that scores with the error network and without."""

    table: FeatureTable

    def __post_init__(self) -> None:
        self.ranking = Ranking(self.table)

    def scores(self, table: FeatureTable) -> tuple[list[NDArray], list[NDArray]]:
        """Of the photos and of the labels: without it, and with it."""
        photos, labels = [], []
        for given in (table.given.drop(columns=NETWORK), table.given):
            seen = FeatureTable(**(vars(table) | {"given": given}))
            scores = self.ranking.score(seen)
            photos.append(image_scores(seen, scores))
            labels.append(label_scores(seen, scores))
        return photos, labels


def compared(
    wrong: NDArray[np.bool_], scores: Sequence[NDArray], weight: NDArray | None = None
) -> dict:
    """Average precision of both scores, and 95 % of the difference."""
    weights = np.ones(len(wrong)) if weight is None else weight

    def precision(score: NDArray, which: NDArray) -> float:
        return float(
            average_precision_score(wrong[which], score[which], sample_weight=weights[which])
        )

    rng, every = np.random.default_rng(0), np.arange(len(wrong))
    samples = [rng.integers(0, len(wrong), len(wrong)) for _ in range(SAMPLES)]
    gains = [precision(scores[1], i) - precision(scores[0], i) for i in samples]
    low, high = np.quantile(gains, [0.025, 0.975])
    without, with_it = (precision(score, every) for score in scores)
    return {"without": without, "with": with_it, "low": float(low), "high": float(high)}


def _planted(case: Case, place, kind: str, good: Sequence[ImageRecord], seed: int) -> FeatureTable:
    """Features of photos with an error of a kind, that the error network has seen."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    changed = {}
    for number in rng.permutation(len(good)).tolist():
        record = good[number]
        if len(changed) < PHOTOS and (
            done := KINDS[kind](Photo(record, good, case.names[1:], rng))
        ):
            changed[record.image_id] = [x for x in done[0] if x]
    statistics = pipeline.load_statistics(place)
    network = error_network.taught(
        place, list(case.records), case.observe, trainer.error_network, shard=_SHARD,
        progress=silent,
    )  # fmt: skip
    assert network, "too few photos for an error network"
    parts = []
    for observation in case.observe(list(changed)):
        labels = tuple(
            Label(case.names.index(x.category), x.mask) for x in changed[observation.image_id]
        )
        spoilt = Observation(
            observation.image_id, observation.group, labels, observation.ignored, observation.p,
            observation.feature_maps,
        )  # fmt: skip
        part = extract_features([spoilt], statistics, InjectionConfig(0.0, 1))
        indices = part.given["index"].tolist() if len(part.given) else []
        asked = error_network.ask(spoilt, indices, network.scale)
        part.given[NETWORK] = error_crops.scores(network.judge([asked])[0])
        parts.append(part)
    return FeatureTable.concat(parts)


if __name__ == "__main__":
    sys.exit(main())
