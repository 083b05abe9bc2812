"""Verbs on a run: ``train``, ``predict``, ``flag``, ``report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from curation import console
from curation.cli.group import as_json, run_option


@click.command()
@click.argument("dataset")
@run_option
@click.option("--folds", type=click.IntRange(min=0), default=0, help="K models, out of fold.")
@click.option("--size", type=int, help="Side of the square input: a multiple of 32. [384]")
@click.option("--epochs", type=int, help="Passes over the training photos. [14]")
@click.option("--seed", type=int, help="The same seed gives the same run. [0]")
@as_json
def train(
    dataset: str,
    run: str,
    folds: int,
    size: int | None,
    epochs: int | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Train a segmenter on the labels as they are now.

    With --folds K, K models are trained and each photo is predicted by the one
    that never saw it: that is what `flag` needs. Without, one model is trained
    on the train split and measured on the test split.

    \b
    curate train photos --run r1 --folds 3
    """
    from curation import rounds, store
    from training.config import TrainConfig

    given: dict[str, Any] = {"size": size, "epochs": epochs, "seed": seed}
    try:
        config = TrainConfig(**{k: v for k, v in given.items() if v is not None})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    opened = store.open_dataset(dataset)
    with console.progress() as progress:
        metrics = rounds.train(opened, run, folds, config, progress)
    folder = rounds.run_folder(opened, run)
    if as_json:
        click.echo(json.dumps(metrics))
    else:
        rows = [(f"IoU {name}", value) for name, value in metrics["iou"].items()]
        rows += [(key, metrics[key]) for key in ("miou_foreground", "miou", "f1", "loss")]
        console.out.print(console.table(("", metrics["measured_on"]), rows))
    if metrics["only_background"]:
        console.say(
            "The model predicts only background. Its figures mean nothing: train longer "
            "(--epochs), and look at the labels in its grid.png.",
            "bold red",
        )
    console.err.print(f"Trained {run}: {folder} has curves.png, grid.png and metrics.json.")


@click.command()
@click.argument("dataset")
@run_option
def predict(dataset: str, run: str) -> None:
    """Write a run's predictions into the dataset, out of fold where it has folds.

    \b
    curate predict photos --run r1
    """
    from curation import rounds, store

    opened = store.open_dataset(dataset)
    with console.progress() as progress:
        count = rounds.predict(opened, run, progress)
    console.err.print(f"Predicted {count:,} photos: prediction_{run}, confidence_{run}.")


@click.command()
@click.argument("dataset")
@run_option
@click.option("--top", type=click.IntRange(min=1), default=10, help="Suspects to print.")
@as_json
def flag(dataset: str, run: str, top: int, as_json: bool) -> None:
    """Score each label by how far the run's model disagrees with it.

    Saves the view "suspects, worst first" and the run's issues.csv.

    \b
    curate flag photos --run r1
    """
    from curation import rounds, store

    opened = store.open_dataset(dataset)
    with console.progress() as progress:
        issues = rounds.flag(opened, run, progress)
    first = issues.head(top)
    if as_json:
        click.echo(first.to_json(orient="records"))
    else:
        columns = ["image_id", "source", "error_score", "reason"]
        console.out.print(console.table(columns, first[columns].itertuples(index=False)))
    suspects = int(((issues.error_score >= 0.5) & ~issues.decided).sum())
    if not rounds.has_folds(opened, run):
        console.say(
            f"{run} has no folds: it saw the labels of its training photos, and their errors "
            "with them. Train with --folds 3 for scores that mean something there.",
            "yellow",
        )
    console.err.print(
        f"Flagged {suspects:,} of {len(issues):,}; "
        f"all in {rounds.run_folder(opened, run) / rounds.ISSUES}."
    )


@click.command()
@click.argument("dataset")
@run_option
@click.option("--top", type=click.IntRange(1, 200), default=30, help="Suspects on the sheet.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The PNG to write.")
def report(dataset: str, run: str, top: int, output: Path | None) -> None:
    """Draw the contact sheet of a run's first suspects: photo, label, prediction.

    \b
    curate report photos --run r1 --top 30 --output suspects.png
    """
    from curation import report as sheets
    from curation import rounds, store

    opened = store.open_dataset(dataset)
    path = output or rounds.run_folder(opened, run) / "suspects.png"
    with console.progress() as progress:
        drawn = sheets.contact_sheet(opened, run, top, path, progress)
    console.err.print(f"Drew the first {drawn} suspects: {path}")
