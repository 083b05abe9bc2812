"""How many swapped source labels are found again: shirt for jacket, sock for shoe.

    python -m tests.benchmarks.source_labels --ccp ../shared/data/ccp

Out-of-fold models are trained on the labels as they are. Then, in 20 % of the photos, one label
gets another name of its class; mask and class stay, so that no segmenter of the classes can see
it. Names are drawn in three manners: any other one, as common as they are, or by how often the one
is taken for the other. All methods see the same probabilities: those of ``curate flag``'s own
classifier of source labels, out of fold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from curation.core import console
from curation.issues import pipeline
from curation.issues.feature_table import FeatureTable
from curation.issues.source_ranking import (
    SourceLabelClassifier,
    SourceRanking,
    distinguishable,
)
from tests.benchmarks.flagging import SHARE, ccp_records, prepare
from tests.benchmarks.flagging_figures import interval
from training import recipes

MANNERS = ("any", "common", "alike")


@click.command()
@click.option("--ccp", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--seeds", default=2, show_default=True)
@click.option(
    "--work", type=click.Path(path_type=Path), help="Where the run is kept; else nowhere."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(ccp: Path, seeds: int, work: Path | None, json_file: Path | None) -> None:
    with TemporaryDirectory() as scratch:
        table = table_of(ccp, work or Path(scratch))
    given = distinguishable(table.given)
    confusion = confused(given)
    results = []
    for manner in MANNERS:
        for seed in range(seeds):
            rng = np.random.default_rng(2000 + seed)
            noisy, wrong = swapped(given, rng, manner, confusion)
            for method, row in judge(replace(table, given=noisy), given, wrong):
                results.append({"manner": manner, "seed": seed, "method": method, **row})
    if json_file:
        json_file.write_text(json.dumps(results, indent=1))
    show(pd.DataFrame(results))


def table_of(ccp: Path, folder: Path) -> FeatureTable:
    """The features of the labels as they are, with what models that were trained on them see."""
    case = prepare(ccp_records(ccp), folder, 0, recipes.load("laptop"), share=0)
    with console.bars() as progress:
        paths = pipeline.extract(
            folder / "features", "source labels", list(case.records), case.observe,
            progress=progress,
        )  # fmt: skip
    return FeatureTable.concat([FeatureTable.load(path) for path in paths])


def confused(given: pd.DataFrame) -> pd.DataFrame:
    """How likely labels of one name (the rows) look like those of another, in the mean."""
    classifier = SourceLabelClassifier(given)
    probabilities = pd.DataFrame(classifier.all_probabilities(given), columns=classifier.names)
    return probabilities.groupby(given["source_label"].to_numpy()).mean()


def swapped(
    given: pd.DataFrame, rng: np.random.Generator, manner: str, confusion: pd.DataFrame
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """The labels with one renamed in ``SHARE`` of the photos, and which."""
    names = given["source_label"].to_numpy(copy=True)
    wrong = np.zeros(len(given), bool)
    rows_of = given.groupby("image_id").indices
    images = rng.permutation(sorted(rows_of))[: round(SHARE * len(rows_of))]
    common = given["source_label"].value_counts()
    of_class = given.groupby("class_id")["source_label"].unique()
    for image in images:
        row = rng.choice(rows_of[image])
        was, class_id = names[row], given["class_id"].iloc[row]
        others = sorted(set(of_class[class_id]) - {was})
        probability = {
            "any": np.ones(len(others)),
            "common": common[others].to_numpy(float),
            "alike": confusion.loc[was, others].to_numpy(),
        }[manner]
        names[row], wrong[row] = rng.choice(others, p=probability / probability.sum()), True
    return given.assign(source_label=names), wrong


def judge(
    table: FeatureTable, truth: pd.DataFrame, wrong: NDArray[np.bool_]
) -> Iterator[tuple[str, dict]]:
    """One row of figures for each method."""
    given = table.given
    classifier = SourceLabelClassifier(given)
    probabilities = classifier.all_probabilities(given)
    named = np.searchsorted(classifier.names, given["source_label"])
    ranked = find_label_issues(named, probabilities, return_indices_ranked_by="normalized_margin")
    issues = np.zeros(len(given))
    issues[ranked] = np.arange(len(ranked), 0, -1)
    ours = SourceRanking(table).score(given)
    scores = {
        "random": np.random.default_rng(0).random(len(given)),
        "self-confidence (cleanlab)": -get_label_quality_scores(named, probabilities),
        "normalized margin (cleanlab)": -get_label_quality_scores(
            named, probabilities, method="normalized_margin"
        ),
        "find_label_issues (cleanlab)": issues,
        "ours": ours["source_error_score"].to_numpy(),
    }
    image_of = pd.factorize(given["image_id"])[0]
    for method, score in scores.items():
        row = interval("AP", partial(_precision, wrong, score, image_of), image_of.max() + 1)
        row["P@50"] = float(wrong[np.argsort(-score, kind="stable")[:50]].mean())
        if method == "ours":
            right = ours["suggested_source_label"] == truth["source_label"]
            row["suggestion right"] = float(right[wrong].mean())
            sure = score >= 0.5
            row["sure"], row["wrong of the sure"] = int(sure.sum()), float(wrong[sure].mean())
            row["mean of the sure"] = float(score[sure].mean())
        yield method, row


def _precision(
    wrong: NDArray[np.bool_],
    scores: NDArray[np.float64],
    image_of: NDArray[np.intp],
    sample: NDArray[np.intp],
) -> float:
    weight = np.bincount(sample, minlength=image_of.max() + 1)[image_of]
    return float(average_precision_score(wrong, scores, sample_weight=weight))


def show(results: pd.DataFrame) -> None:
    """For each manner: mean over the seeds, and the least and the most of their intervals."""
    columns = ["P@50", "suggestion right", "sure", "mean of the sure", "wrong of the sure"]
    body = []
    for (manner, method), rows in results.groupby(["manner", "method"], sort=False):
        low, high = rows["AP low"].min(), rows["AP high"].max()
        cells = [f"{rows[c].mean():.2f}" if rows[c].notna().all() else "-" for c in columns]
        body.append([manner, method, f"{rows['AP'].mean():.2f} ({low:.2f}-{high:.2f})", *cells])
    console.out.print(console.table(["names", "method", "AP", *columns], body))


if __name__ == "__main__":
    sys.exit(main())
