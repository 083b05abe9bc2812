"""Verbs on a trained run: ``predict``, ``flag``, ``report``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.cli.group import as_json, on_cluster, run_option, shard_option
from curation.core import console
from curation.core.shard import WHOLE, Shard

if TYPE_CHECKING:
    import pandas as pd

    from curation.steps.flag import FlagResult


@click.command()
@click.argument("dataset")
@run_option
@click.option("--probabilities", is_flag=True, help="Keep them, as 8-bit numbers in .npz files.")
@shard_option
@on_cluster
def predict(dataset: str, run: str, probabilities: bool, shard: Shard | None) -> None:
    """Write a run's predictions into the dataset, out of fold where it has folds.

    Changes: prediction_RUN and confidence_RUN in the dataset, files in the run's folder.

    \b
    curate predict photos --run r1
    curate predict photos --run r1 --shard 1/2
    """
    from curation import steps, store

    opened = store.open(dataset)
    if shard:
        with console.bars() as progress:
            left = steps.predict_shard(opened, run, shard, keep=probabilities, progress=progress)
        end = f"left are {', '.join(map(str, left))}" if left else "it was the last one"
        console.err.print(f"Predicted shard {shard} of {dataset}; {end}.")
        return
    with console.bars() as progress:
        count = steps.predict(opened, run, keep=probabilities, progress=progress)
    kept = f"; {opened.run_folder(run) / 'probabilities'}" if probabilities else ""
    images = console.count(count, "photo")
    console.err.print(f"Predicted {images}: prediction_{run}, confidence_{run}{kept}.")


@click.command()
@click.argument("dataset")
@run_option
@click.option("--top", type=click.IntRange(min=1), default=10, help="Suspects to print.")
@shard_option
@on_cluster
@as_json
def flag(dataset: str, run: str, top: int, shard: Shard | None, as_json: bool) -> None:
    """Score each label by the probability that it is wrong, and say what would be wrong with it.

    Saves the views "suspects, worst first" and "habits", and the run's issues.csv and habits.csv.
    A habit is what one source (rows of a file, a folder of photos) calls otherwise than the rest:
    one finding over many labels, with the command that relabels them in one go.

    Changes: scores, reasons and missing_RUN in the dataset, tables in the run's folder; no label.

    \b
    curate flag photos --run r1
    curate flag photos --run r1 --shard 1/2
    """
    from curation import steps, store

    with console.bars() as progress:
        result = steps.flag_shard(store.open(dataset), run, shard or WHOLE, progress=progress)
    if result is None:
        console.err.print(f"Flagged shard {shard} of {dataset}; others are left.")
        return
    if as_json:
        click.echo(result.worst("error_score", top).to_json(orient="records"))
    else:
        columns = ["image_id", "source", "error_score", "error_type", "reason"]
        _print(result.worst("error_score", top)[columns])
    if result.learning.source_check and not as_json:
        columns = ["image_id", "source", "source_error_score", "source_reason"]
        _print(result.worst("source_error_score", top)[columns])
    tell_flagged(dataset, run, result)


def tell_flagged(dataset: str, run: str, result: FlagResult) -> None:
    """How far the scores can be trusted, the habits, and how many suspects there are."""
    _say_how(result, run)
    for habit, path in result.habits:
        command = f"curate decisions {shlex.quote(dataset)} import {shlex.quote(str(path))}"
        console.say(f"A habit: {habit}. To relabel them {habit.seen}, all at once: {command}")
    console.err.print(f"Flagged {result.summary()}.")


def _print(rows: pd.DataFrame) -> None:
    console.out.print(console.table(list(rows.columns), rows.itertuples(index=False)))


def _say_how(result: FlagResult, run: str) -> None:
    """How far the scores can be trusted."""
    learning = result.learning
    if not result.out_of_fold:
        console.say(
            f"{run} has no folds: it saw the labels of its training photos, and their errors "
            "with them. Train with --folds 3 for scores that mean something there.",
            "yellow",
        )
    if check := learning.source_check:
        console.err.print(
            "Source labels that look like another one within their class: "
            f"{result.counts.suspect_source_labels:,}. Average precision {check.learned:.2f} on "
            f"source labels that were swapped; their probability alone {check.baseline:.2f}."
        )
    if check := learning.check:
        console.err.print(
            f"Injected {learning.injected:,} errors into the labels to learn from: average "
            f"precision {check.learned:.2f} on them; softmin alone {check.baseline:.2f}."
        )
    if not learning.learned:
        why = "What was learned is no better" if learning.check else "Too few labels to learn from"
        console.say(
            f"{why}: scores are plain disagreement with the model, and types are no more than "
            "wrong category or spurious.",
            "yellow",
        )


@click.command()
@click.argument("dataset")
@click.option("--run", help="Draw the contact sheet of a run's first suspects instead.")
@click.option("--round", "round_", help="The round; default: the last one.")
@click.option("--top", type=click.IntRange(1, 200), help="Suspects on the sheet; default: 30.")
@click.option("--source-labels", is_flag=True, help="Suspects within their class, on the sheet.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="What to write.")
def report(
    dataset: str, run: str | None, round_: str | None, top: int | None, source_labels: bool,
    output: Path | None,
) -> None:  # fmt: skip
    """Write what a round came to as one page with pictures, to look at or to hand over.

    Whether it helped, how good the doubts were, the best and the worst of them, what was changed,
    classes and reviewers. With --run, the contact sheet of a run's first suspects instead, a PNG:
    photo, label, prediction.

    Changes: nothing but the page or the PNG that it writes.

    \b
    curate report photos
    curate report photos --run r1 --top 30 --output suspects.png
    """
    from curation import steps, store
    from curation.steps.report import SHEET

    if run and round_:
        raise click.UsageError("--run draws a sheet, --round writes a page: take one of them")
    if not run and (top or source_labels):
        raise click.UsageError("--top and --source-labels are of the sheet: say of which --run")
    opened = store.open(dataset)
    with console.bars() as progress:
        if run:
            drawn = steps.report(
                opened, run, output, top=top or SHEET, source_labels=source_labels,
                progress=progress,
            )  # fmt: skip
            said = f"Drew the first {console.count(drawn.drawn, 'suspect')}: {drawn.path}"
        else:
            page = steps.round_report(opened, round_ or "", output, progress=progress)
            said = f"Wrote {page}: it opens in any browser."
    console.say(said)
