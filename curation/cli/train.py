"""Verbs of the trainer: ``train``, ``sweep``, ``evaluate``, ``export-model``.

Each works on a dataset in FiftyOne or, on a machine that has none, on a folder that
``curate export --format tfrecord`` wrote. A folder is what has a "/" in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curation.cli.dealing import deal, dealing
from curation.cli.group import as_json, on_cluster
from curation.cli.settings import changed, config_of, settings
from curation.core import console

if TYPE_CHECKING:
    from curation.steps.runs import Runs

_run = click.option("--run", required=True, help="Name of the run; for a folder, its own folder.")


@click.command()
@click.argument("source")
@_run
@settings()
@click.option("--resume", is_flag=True, help="Go on with a killed run, on what it began with.")
@click.option(
    "--fold", type=click.IntRange(min=0), help="Train this fold alone; the last one measures all."
)
@dealing
@on_cluster
@as_json
def train(
    source: str, run: str, folds: int, recipe: str | None, others: tuple, resume: bool,
    fold: int | None, group_by: str | None, shares: tuple[float, ...] | None, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Train a segmenter on the labels as they are now.

    With --folds K, K models are trained and each photo is predicted by the one
    that never saw it: that is what `flag` needs. Without, one model is trained
    on the train split and tested on the test split. What no option says, the
    recipe says. With --fold as well, this process trains one of them, and others
    the others, on any machines that see the same folders; the last one measures all.

    Changes: the run's folder, the cache of features, the photos' fold or split; no label.

    \b
    curate train photos --run r1 --folds 3
    curate train photos --run r2 --recipe imaterialist --size 512
    curate train photos --run r3 --set loss=focal --set rotate=15 --finetune
    curate train cleaned/ --run runs/r3 --recipe my.toml
    curate train photos --run r1 --resume
    curate train photos --run r1 --folds 3 --fold 0
    """
    from curation import steps
    from training.run import missing_models

    _initialize_workers()
    own = (*given.values(), group_by, shares)
    if resume and (folds or recipe or others or any(v is not None for v in own)):
        raise click.UsageError("--resume takes no settings: the run has its own")
    config = None if resume else config_of(recipe, others, given)
    if config and fold is not None and fold >= folds:
        raise click.UsageError(f"--fold {fold} is none of --folds {folds}: they count from 0")
    runs = _runs(source, group_by, shares)
    with console.bars() as progress:
        if fold is not None:
            metrics = steps.train_fold(runs, run, fold, config, folds=folds, progress=progress)
        elif config is None:
            metrics = steps.resume(runs, run, progress=progress)
        else:
            metrics = steps.train(runs, run, config, folds=folds, progress=progress)
    if metrics is None:
        left = ", ".join(missing_models(runs.folder(run)))
        console.err.print(f"Trained fold {fold} of {run}; left are {left}.")
        return
    _show(metrics, metrics["measured_on"], as_json)
    folder = runs.folder(run)
    console.err.print(f"Trained {run}: {folder} has curves.png, grid.png and model-card.md.")


@click.command()
@click.argument("source")
@_run
@settings(rates=True)
@click.option(
    "--learning-rate", "rates", type=float, multiple=True, help="One to try; give several.",
    default=(0.1, 0.01, 0.001, 0.0001), show_default=True,
)  # fmt: skip
@on_cluster
def sweep(
    source: str, run: str, folds: int, recipe: str | None, others: tuple,
    rates: tuple[float, ...], **given: Any,
) -> None:  # fmt: skip
    """Train once with each of several learning rates, and draw what came of them.

    Each is a run of its own: s_0p1, s_0p01, ... A rate that is done already, or
    half, is not begun anew.

    Changes: as train does, for each of the runs; a picture beside them.

    \b
    curate sweep styles --run s --recipe styles
    """
    from curation import steps
    from training import plots
    from training.errors import DivergedError
    from training.folder import RunFolder

    _initialize_workers()
    if "learning_rate" in dict(others):
        raise click.UsageError("--set learning_rate: a sweep has its own, --learning-rate")
    config, run = config_of(recipe, others, given), run.rstrip("/")
    configs = [changed(config, {"learning_rate": rate}) for rate in sorted(set(rates))]
    runs = _runs(source)
    done: list[tuple[float, Any, list[dict]]] = []
    for config in configs:
        name = f"{run}_{_digits(config.learning_rate)}"
        metrics: Any
        try:
            with console.bars() as progress:
                metrics = steps.train(runs, name, config, folds=folds, progress=progress)
            history = RunFolder(runs.folder(name)).history()
        except DivergedError:  # what a sweep is for
            metrics = {"miou_foreground": None, "loss": None, "only_background": False}
            history = []
        done.append((config.learning_rate, metrics, history))
    drawn = runs.folder(run).with_name(f"{Path(run).name}_sweep.png")
    plots.sweep(drawn, done)
    rows = []
    for rate, metrics, history in done:
        held = metrics.get("val", metrics)  # whoever chose by the test photos would have none
        note = "only background" if held["only_background"] else "" if history else "ran away"
        name = f"{run}_{_digits(rate)}"
        rows.append((name, f"{rate:g}", held["miou_foreground"], held["loss"], note))
    header = ("run", "learning rate", "miou_foreground", "loss", "")
    console.out.print(console.table(header, rows))
    console.err.print(f"Swept {len(rows)} learning rates: {drawn}")


@click.command()
@click.argument("source")
@_run
@on_cluster
@as_json
def evaluate(source: str, run: str, as_json: bool) -> None:
    """Measure a finished run on the labels of now, on photos that it was not trained on.

    Changes: nothing but the cache of features.

    \b
    curate evaluate photos --run r1
    """
    from curation import steps

    with console.bars() as progress:
        figures = steps.evaluate(_runs(source), run, progress=progress)
    _show(figures, console.count(figures["photos"], "photo"), as_json)


@click.command("export-model")
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@_run
@click.option(
    "--format", "format_", type=click.Choice(["savedmodel", "onnx"]), default="savedmodel",
    show_default=True, help="For TensorFlow, or for anything that reads ONNX.",
)  # fmt: skip
@click.option("--fold", type=click.IntRange(min=0), help="Which model, where the run has folds.")
def export_model(source: str, target: Path, run: str, format_: str, fold: int | None) -> None:
    """Write a run's model into the folder TARGET, for use elsewhere.

    It takes a photo and gives class probabilities; classes.json says which. What
    is written is loaded again and compared with the run's own model.

    Changes: nothing but TARGET.

    \b
    curate export-model photos segmenter --run r1 --format onnx
    """
    from curation import steps

    with console.bars():
        written = steps.export_model(_runs(source), run, target, format_, fold=fold)
    console.err.print(
        f"Wrote {target}: probabilities differ by at most {written['difference']:.1e} from {run}'s."
    )


def _initialize_workers() -> None:
    """Before anything is computed: only then can a process join other workers."""
    from training import workers

    if workers.is_announced():
        with console.notes():
            workers.initialize()


def _runs(
    source: str, group_by: str | None = None, shares: tuple[float, ...] | None = None
) -> Runs:
    """The runs of the dataset or the folder that SOURCE names; its photos dealt as is said."""
    if os.sep in source:
        if group_by is not None or shares is not None:
            reason = "--group-by and --split are for a dataset: an export has them in splits.csv"
            raise click.UsageError(reason)
        from curation.steps.runs import FolderRuns

        return FolderRuns(Path(source))
    from curation import store
    from curation.steps.dataset_runs import DatasetRuns

    if Path(source).is_dir() and not store.exists(source):
        raise click.UsageError(f"{source} is a folder, no dataset: write {source}/")
    opened = store.open(source)
    deal(opened, group_by, shares)
    return DatasetRuns(opened)


def _digits(rate: float) -> str:
    """0.001 -> '0p001': a run's name has no point."""
    return f"{Decimal(str(rate)):f}".replace(".", "p")


def _show(figures: Mapping[str, Any], on: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures))
        return
    rows = [(f"IoU {name}", value) for name, value in figures["iou"].items()]
    keys = ("miou_foreground", "miou", "f1", "boundary_f_foreground", "ece", "loss")
    rows += [(key, figures[key]) for key in keys]
    console.out.print(console.table(("", on), rows))
    if figures["only_background"]:
        console.say(
            "The model predicts only background. Its figures mean nothing: train longer "
            "(--epochs) or with another --learning-rate (`curate sweep` tries several), and "
            "look at the labels in its grid.png.",
            "bold red",
        )
