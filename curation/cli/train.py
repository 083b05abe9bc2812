"""Verbs of the trainer: ``train``, ``sweep``, ``evaluate``, ``export-model``.

Each works on a dataset in FiftyOne or, on a machine that has none, on a folder that
``curate export --format tfrecord`` wrote. A folder is what has a "/" in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curation.cli.group import as_json
from curation.core import console

if TYPE_CHECKING:
    from training.config import TrainConfig

_run = click.option("--run", required=True, help="Name of the run; for a folder, its own folder.")
_SETTINGS: tuple[Callable, ...] = (
    click.option(
        "--recipe", help="Settings by name, or FILE.toml. [laptop; imaterialist on a GPU]"
    ),
    click.option("--folds", type=click.IntRange(min=0), default=0, help="K models, out of fold."),
    click.option("--model", help="fpn, deeplabv3plus or unet."),
    click.option("--backbone", help="lite0, lite2, mobilenetv2, efficientnetv2b0, resnet50, ..."),
    click.option("--weights", help="Of the backbone: imagenet, none, or a file."),
    click.option("--output-stride", type=int, help="Of the backbone: 8, 16 or 32."),
    click.option("--frozen/--finetune", default=None, help="Train a head alone, or all weights."),
    click.option("--size", type=int, help="Side of the square input: a multiple of 32."),
    click.option("--epochs", type=int, help="Passes over the training photos."),
    click.option("--steps", type=int, help="So many steps, in place of --epochs."),
    click.option("--batch", type=int, help="Photos a step."),
    click.option("--seed", type=int, help="The same seed gives the same run. [0]"),
)


def _settings(verb: Callable) -> Callable:
    for option in reversed(_SETTINGS):
        verb = option(verb)
    return verb


@click.command()
@click.argument("source")
@_run
@_settings
@click.option("--learning-rate", type=float, help="The highest, after the warm-up.")
@click.option("--resume", is_flag=True, help="Go on with a killed run, on what it began with.")
@as_json
def train(source: str, run: str, folds: int, resume: bool, as_json: bool, **settings: Any) -> None:
    """Train a segmenter on the labels as they are now.

    With --folds K, K models are trained and each photo is predicted by the one
    that never saw it: that is what `flag` needs. Without, one model is trained
    on the train split and measured on the test split. What no option says, the
    recipe says.

    \b
    curate train photos --run r1 --folds 3
    curate train photos --run r2 --recipe imaterialist --size 512
    curate train cleaned/ --run runs/r3 --recipe my.toml
    curate train photos --run r1 --resume
    """
    _join()
    if resume and (folds or any(value is not None for value in settings.values())):
        raise click.UsageError("--resume takes no settings: the run has its own")
    config = None if resume else _config(settings)
    runs, opened = _source(source)
    with console.progress() as progress:
        if config is None:
            metrics = runs.resume(opened, run, progress)
        else:
            metrics = runs.train(opened, run, folds, config, progress)
    _show(metrics, metrics["measured_on"], as_json)
    folder = runs.run_folder(opened, run)
    console.err.print(f"Trained {run}: {folder} has curves.png, grid.png and model-card.md.")


@click.command()
@click.argument("source")
@_run
@_settings
@click.option(
    "--learning-rate", "rates", type=float, multiple=True, help="One to try; give several.",
    default=(0.1, 0.01, 0.001, 0.0001), show_default=True,
)  # fmt: skip
def sweep(source: str, run: str, folds: int, rates: tuple[float, ...], **settings: Any) -> None:
    """Train once with each of several learning rates, and draw what came of them.

    Each is a run of its own: s_0p1, s_0p01, ... A rate that is done already, or
    half, is not begun anew.

    \b
    curate sweep styles --run s --recipe styles
    """
    from training import plots
    from training.fit import DivergedError
    from training.folder import RunFolder

    _join()
    config, run = _config(settings), run.rstrip("/")
    configs = [_replace(config, {"learning_rate": rate}) for rate in sorted(set(rates))]
    runs, opened = _source(source)
    done: list[tuple[float, dict, list[dict]]] = []
    for config in configs:
        name = f"{run}_{_digits(config.learning_rate)}"
        try:
            with console.progress() as progress:
                metrics = runs.train(opened, name, folds, config, progress)
            history = RunFolder(runs.run_folder(opened, name)).history()
        except DivergedError:  # what a sweep is for
            metrics = {"miou_foreground": None, "loss": None, "only_background": False}
            history = []
        done.append((config.learning_rate, metrics, history))
    drawn = runs.run_folder(opened, run).with_name(f"{Path(run).name}_sweep.png")
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
@as_json
def evaluate(source: str, run: str, as_json: bool) -> None:
    """Measure a finished run on the labels of now, on photos that it was not taught.

    \b
    curate evaluate photos --run r1
    """
    runs, opened = _source(source)
    with console.progress() as progress:
        figures = runs.evaluate(opened, run, progress)
    _show(figures, f"{figures['photos']} photos", as_json)


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

    \b
    curate export-model photos segmenter --run r1 --format onnx
    """
    from training import run as trainer

    runs, opened = _source(source)
    written = trainer.export(runs.run_folder(opened, run), target, format_, fold)
    console.err.print(
        f"Wrote {target}: probabilities differ by at most {written['difference']:.1e} from {run}'s."
    )


def _join() -> None:
    """Before anything is computed: only then can a process join other workers."""
    from training import workers

    index, count = workers.worker()
    if count > 1:
        console.err.print(f"Worker {index} of {count}: waiting for the others.")
    workers.join()


def _source(source: str) -> tuple[Any, Any]:
    """The module that trains on what SOURCE names, and what its functions take."""
    if os.sep in source:
        from curation.steps import exported

        return exported, Path(source)
    from curation import store
    from curation.steps import rounds

    if Path(source).is_dir() and not store.exists(source):
        raise click.UsageError(f"{source} is a folder, no dataset: write {source}/")
    return rounds, store.open_dataset(source)


def _config(settings: dict[str, Any]) -> TrainConfig:
    """The recipe, with what the options say in the place of what it says."""
    from training import devices, recipes

    recipe = settings.pop("recipe")
    if recipe is None:
        recipe = "imaterialist" if devices.has_gpu() else "laptop"
        console.err.print(f"{devices.describe()}: recipe {recipe}.")
    given = {key: value for key, value in settings.items() if value is not None}
    if given.get("model") == "unet":  # which has nothing that could come trained
        given = {"backbone": "none", "weights": "none", "frozen": False, **given}
    return _replace(recipes.load(recipe), given)


def _replace(config: TrainConfig, given: dict[str, Any]) -> TrainConfig:
    try:
        return replace(config, **given)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _digits(rate: float) -> str:
    """0.001 -> '0p001': a run's name has no point."""
    return f"{Decimal(str(rate)):f}".replace(".", "p")


def _show(figures: dict, on: str, as_json: bool) -> None:
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
