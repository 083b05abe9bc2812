"""Verbs on a trained run: ``predict``, ``flag``, ``report``."""

from __future__ import annotations

from pathlib import Path

import click

from curation.cli.group import as_json, run_option
from curation.core import console


@click.command()
@click.argument("dataset")
@run_option
@click.option("--probabilities", is_flag=True, help="Keep them, as 8-bit numbers in .npz files.")
def predict(dataset: str, run: str, probabilities: bool) -> None:
    """Write a run's predictions into the dataset, out of fold where it has folds.

    Changes: prediction_RUN and confidence_RUN in the dataset, files in the run's folder.

    \b
    curate predict photos --run r1
    """
    from curation import steps, store

    opened = store.open(dataset)
    with console.bars() as progress:
        count = steps.predict(opened, run, keep=probabilities, progress=progress)
    kept = f"; {opened.run_folder(run) / 'probabilities'}" if probabilities else ""
    console.err.print(f"Predicted {count:,} photos: prediction_{run}, confidence_{run}{kept}.")


@click.command()
@click.argument("dataset")
@run_option
@click.option("--top", type=click.IntRange(min=1), default=10, help="Suspects to print.")
@as_json
def flag(dataset: str, run: str, top: int, as_json: bool) -> None:
    """Score each label by the chance that it is wrong, and say what would be wrong with it.

    Saves the view "suspects, worst first" and the run's issues.csv.

    Changes: scores, reasons and missing_RUN in the dataset, the run's issues.csv; no label.

    \b
    curate flag photos --run r1
    """
    from curation import store
    from curation.issues.issue import SUSPECT
    from curation.steps import rounds

    opened = store.open(dataset)
    with console.progress() as progress:
        issues, learned = rounds.flag(opened, run, progress)
    first = issues.head(top)
    if as_json:
        click.echo(first.to_json(orient="records"))
    else:
        columns = ["image_id", "source", "error_score", "error_type", "reason"]
        console.out.print(console.table(columns, first[columns].itertuples(index=False)))
    suspects = int(((issues.error_score >= SUSPECT) & ~issues.decided).sum())
    if not rounds.has_folds(opened, run):
        console.say(
            f"{run} has no folds: it saw the labels of its training photos, and their errors "
            "with them. Train with --folds 3 for scores that mean something there.",
            "yellow",
        )
    if learned.source_check:
        doubted = issues[issues.source_error_score >= SUSPECT]
        if not as_json:
            columns = ["image_id", "source", "source_error_score", "source_reason"]
            order = ["decided", "source_error_score"]
            worst = doubted.sort_values(order, ascending=[True, False]).head(top)
            console.out.print(console.table(columns, worst[columns].itertuples(index=False)))
        console.err.print(
            f"Within their class, {(~doubted.decided).sum():,} source labels look like another "
            f"one. Average precision {learned.source_check[0]:.2f} on source labels that were "
            f"swapped; their chance alone {learned.source_check[1]:.2f}."
        )
    if learned.check:
        console.err.print(
            f"Planted {learned.planted:,} errors into the labels to learn from: average precision "
            f"{learned.check[0]:.2f} on them; softmin alone {learned.check[1]:.2f}."
        )
    if not learned.learned:
        why = "What was learned is no better" if learned.check else "Too few labels to learn from"
        console.say(
            f"{why}: scores are plain disagreement with the model, and types are no more than "
            "wrong category or spurious.",
            "yellow",
        )
    console.err.print(
        f"Flagged {suspects:,} of {len(issues):,}; all in {opened.run_folder(run) / rounds.ISSUES}."
    )


@click.command()
@click.argument("dataset")
@run_option
@click.option("--top", type=click.IntRange(1, 200), default=30, help="Suspects on the sheet.")
@click.option("--source-labels", is_flag=True, help="Suspects within their class instead.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The PNG to write.")
def report(dataset: str, run: str, top: int, source_labels: bool, output: Path | None) -> None:
    """Draw the contact sheet of a run's first suspects: photo, label, prediction.

    Changes: nothing but the PNG that it writes.

    \b
    curate report photos --run r1 --top 30 --output suspects.png
    """
    from curation import steps, store

    opened = store.open(dataset)
    with console.bars() as progress:
        drawn = steps.report(
            opened, run, output, top=top, source_labels=source_labels, progress=progress
        )
    console.say(f"Drew the first {console.count(drawn.drawn, 'suspect')}: {drawn.path}")
