"""How many errors of kinds that flagging was never taught are found, and how soon in the queue.

    python -m tests.benchmarks.untaught --ccp ../shared/data/ccp
    python -m tests.benchmarks.untaught --figures 800

One photo in four has an error of one of 14 kinds (:mod:`tests.benchmarks.spoiling`), models are
trained out of fold on these labels, and flagging and softmin see the same probabilities. For each
kind: average precision of its photos among those without an error, in brackets 95 % over
bootstrap samples of the photos, and the median place of its photos in the queue of all photos.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from curation.core import console
from curation.core.records import ImageRecord
from curation.core.taxonomy import load
from curation.issues import pipeline
from curation.issues.feature_table import FeatureTable, Scores
from tests.benchmarks.flagging import Case, options, over_seeds, trained
from tests.benchmarks.flagging_figures import image_ap, interval
from tests.benchmarks.flagging_peers import PEERS, PeerImage
from tests.benchmarks.flagging_scores import image_scores, label_scores
from tests.benchmarks.spoiling import HABIT, KINDS, WHOLE, Spoilt, named_so, spoil
from training.config import TrainConfig

SOFTMIN = "softmin (cleanlab)"
SHARE = 0.25
HABITUAL = ("whole-body", "upper-body")


@click.command()
@options("quick")
def main(**given: Any) -> None:
    show(over_seeds(rows, **given))


def rows(clean: list[ImageRecord], folder: Path, seed: int, config: TrainConfig) -> Iterator[dict]:
    spoilt = spoilt_records(clean, seed)
    given = {r.image_id: r for r in clean} | {s.record.image_id: s.record for s in spoilt}
    named = named_so(list(given.values()), np.random.default_rng(7000 + seed))
    records = {record.image_id: record for record in named}
    case = Case(records, {}, trained(records, folder / f"untaught{seed}", config))
    return judge(case, spoilt)


def spoilt_records(clean: Sequence[ImageRecord], seed: int) -> list[Spoilt]:
    classes = [c.name for c in load("supercategories").classes]
    return spoil(clean, classes, np.random.default_rng(7000 + seed), SHARE, HABITUAL)


def judge(case: Case, spoilt: Sequence[Spoilt]) -> Iterator[dict]:
    """One row of figures for each method."""
    image_ids = list(case.records)
    with console.bars() as progress:
        fingerprint = sha256(repr(sorted(s.record.image_id for s in spoilt)).encode()).hexdigest()
        shards = pipeline.extract(
            case.folder.parent / "flagging", fingerprint, image_ids, case.observe,
            progress=progress,
        )  # fmt: skip
        _, ranked = pipeline.rank(shards, progress=progress)
        parts = list(ranked)
    table = FeatureTable.concat([table for table, _ in parts])
    scores = Scores(
        pd.concat([s.instances for _, s in parts], ignore_index=True),
        pd.concat([s.missing for _, s in parts], ignore_index=True),
        pd.concat([s.photos for _, s in parts], ignore_index=True),
    )
    truth = Truth.of(case, spoilt, table)
    images = (PeerImage.of(observation) for observation in case.observe(image_ids))
    labels, photos = PEERS[SOFTMIN](images, table)
    yield {"method": SOFTMIN, **truth.figures(labels, photos)}
    yield {"method": "curate flag", **truth.figures(
        label_scores(table, scores), image_scores(table, scores)
    )}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What was spoilt, in the order of the features.

    Attributes:
        wrong: (N,) bool, of the labels
        together: (N,) bool, whether their photo is spoilt as a whole: then its labels do not count
        image_of: (N,) photo of each label
        kinds: (photos,) of the error in each, else empty
    """

    wrong: NDArray[np.bool_]
    together: NDArray[np.bool_]
    image_of: NDArray[np.intp]
    kinds: NDArray[np.str_]

    @classmethod
    def of(cls, case: Case, spoilt: Sequence[Spoilt], table: FeatureTable) -> Truth:
        by_id = {s.record.image_id: s for s in spoilt}
        images = table.images["image_id"].tolist()
        numbers = {image_id: number for number, image_id in enumerate(images)}
        wrong = [
            i in by_id and case.records[i].instances[int(n)].instance_id in by_id[i].wrong
            for i, n in zip(table.given["image_id"], table.given["index"], strict=True)
        ]
        return cls(
            np.array(wrong),
            np.array([i in by_id and by_id[i].kind in WHOLE for i in table.given["image_id"]]),
            np.array([numbers[i] for i in table.given["image_id"]]),
            np.array([by_id[i].kind if i in by_id else "" for i in images]),
        )

    def figures(self, labels: NDArray | None, photos: NDArray | None) -> dict:
        bad = self.kinds != ""
        row: dict = {}
        if photos is not None:
            row |= interval("photo AP", partial(image_ap, bad, photos), len(bad))
            place = np.empty(len(bad), int)
            place[np.argsort(-photos, kind="stable")] = np.arange(1, len(bad) + 1)
            for kind in (*KINDS, HABIT):
                among = (self.kinds == kind) | ~bad
                if (self.kinds == kind).any():
                    score = partial(image_ap, bad[among], photos[among])
                    row |= interval(kind, score, int(among.sum()))
                    row[f"{kind} place"] = float(np.median(place[self.kinds == kind]))
                    row[f"{kind} photos"] = int((self.kinds == kind).sum())
        if labels is not None:
            row |= interval("label AP", partial(self._label_ap, labels), len(bad))
        return row

    def _label_ap(self, scores: NDArray, sample: NDArray[np.intp]) -> float:
        weight = np.bincount(sample, minlength=len(self.kinds))[self.image_of]
        kept = ~self.together
        return float(
            average_precision_score(self.wrong[kept], scores[kept], sample_weight=weight[kept])
        )


def show(results: Sequence[dict]) -> None:
    """A row for each kind: means over the seeds, the least and the most of their intervals."""
    table = pd.DataFrame(results)
    methods = list(dict.fromkeys(table["method"]))
    body = []
    for name in ("photo AP", "label AP", *KINDS, HABIT):
        if name not in table:
            continue
        cells = [name]
        for method in methods:
            rows = table[table["method"] == method]
            low, high = rows[f"{name} low"].min(), rows[f"{name} high"].max()
            cell = f"{rows[name].mean():.2f} ({low:.2f}-{high:.2f})"
            if f"{name} place" in rows:
                cell += f", place {rows[f'{name} place'].mean():.0f}"
            cells.append(cell)
        body.append(cells)
    console.out.print(console.table(["", *methods], body))


if __name__ == "__main__":
    sys.exit(main())
