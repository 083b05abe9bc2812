"""The command line: parse, call the library, print. Each verb imports what it needs inside."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from curation import console
from curation.errors import CurateError

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
run_option = click.option("--run", required=True, help="Name of the run: letters, digits, '_'.")


class Verbs(click.Group):
    """Lists verbs in the order of the work, and turns our errors into one line and exit 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CurateError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Verbs)
@click.version_option(package_name="curate")
def main() -> None:
    """Find and fix the wrong labels in fashion-segmentation data.

    \b
    curate import imaterialist photos --annotations train.csv --images train/
    curate remap photos --taxonomy supercategories
    curate app photos
    """


@main.group(name="import", cls=Verbs)
def import_() -> None:
    """Bring photos and labels into a dataset.

    \b
    curate import imaterialist photos --annotations train.csv --images train/
    """


def import_options(command):
    """The options that every format has."""
    for option in (
        click.option("--update", is_flag=True, help="Take over photos that differ by now."),
        click.option("--strict", is_flag=True, help="Refuse a file of which anything is skipped."),
        click.option("--images", type=FOLDER, required=True, help="The folder of photos."),
        click.option("--annotations", type=EXISTING, required=True, help="The annotation file."),
        click.argument("dataset"),
    ):
        command = option(command)
    return command


@import_.command(name="imaterialist")
@import_options
@click.option("--labels", type=EXISTING, help="label_descriptions.json; default: the 46 of 2020.")
def import_imaterialist(
    dataset: str, annotations: Path, images: Path, labels: Path | None, strict: bool, update: bool
) -> None:
    """Import an iMaterialist CSV (2019 or 2020).

    \b
    curate import imaterialist photos --annotations train.csv --images train/
    """
    from curation import importer

    with console.progress() as progress:
        done = importer.imaterialist(dataset, annotations, images, labels, strict, update, progress)
    console.err.print(f"Into {dataset}: {done.summary()}")


@import_.command(name="via")
@import_options
@click.option("--label-attribute", required=True, help="The region attribute with the label.")
def import_via(
    dataset: str, annotations: Path, images: Path, label_attribute: str, strict: bool, update: bool
) -> None:
    """Import a VGG Image Annotator JSON export or project (VIA 1 or 2).

    \b
    curate import via styles --annotations via.json --images photos/ --label-attribute style
    """
    from curation import importer

    with console.progress() as progress:
        done = importer.via(dataset, annotations, images, label_attribute, strict, update, progress)
    console.err.print(f"Into {dataset}: {done.summary()}")


@main.command()
@click.argument("dataset")
@click.option("--taxonomy", required=True, help="A built-in name, or a .toml file.")
@click.option("--dry-run", is_flag=True, help="Show what each label becomes, and change nothing.")
@as_json
def remap(dataset: str, taxonomy: str, dry_run: bool, as_json: bool) -> None:
    """Show a dataset's labels under another vocabulary. Source labels and reviews stay.

    \b
    curate remap photos --taxonomy supercategories
    """
    from curation import store
    from curation.taxonomy import read_text

    opened = store.open_dataset(dataset)
    if not dry_run and store.info(opened)["taxonomy"]:
        store.refresh(opened)  # edits in FiftyOne name classes that are still the active ones
    done = store.remap(opened, *read_text(taxonomy), dry_run=dry_run)
    rows = sorted(
        ((label, n, done.targets[label] or "(dropped)") for label, n in done.counts.items()),
        key=lambda row: (row[2], -row[1]),
    )
    if as_json:
        keys = ("label", "instances", "class")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    else:
        console.out.print(console.table(("label", "instances", "class"), rows))
    if done.waiting:
        console.err.print(
            f"{done.waiting} decisions name a class of another taxonomy; "
            "they wait until it is active again."
        )
    console.err.print(
        f"{'Would remap' if dry_run else 'Remapped'} {dataset} to {done.taxonomy.name}: "
        f"{sum(done.counts.values()):,} instances, "
        f"{sum(n for k, n in done.counts.items() if not done.targets[k]):,} dropped."
    )


@main.command()
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

    given = {"size": size, "epochs": epochs, "seed": seed}
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


@main.command()
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


@main.command()
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


@main.command()
@click.argument("dataset")
@click.option("--apply", "apply_file", type=EXISTING, help="CSV of decisions to take.")
@click.option("--undo", is_flag=True, help="Take the last decision back.")
@as_json
def review(dataset: str, apply_file: Path | None, undo: bool, as_json: bool) -> None:
    """List the decisions on a dataset's labels; take some, or take one back.

    A CSV for --apply has the columns action, image_id, instance_id and category.
    action is keep, relabel (to category), delete, add (a missing garment) or
    exclude (the whole photo); the ids are those in issues.csv.

    \b
    curate review photos
    curate review photos --apply decisions.csv
    """
    from curation import store
    from curation.review import standing

    if apply_file and undo:
        raise click.UsageError("--apply and --undo contradict each other")
    opened = store.open_dataset(dataset)
    if apply_file:
        taken = store.take_file(opened, apply_file)
        console.err.print(f"Took {taken} decisions from {apply_file}.")
    if undo:
        undone = store.undo(opened)
        what = f"{undone.action} on {undone.image_id}" if undone else "nothing: no decision stands"
        console.err.print(f"Took back {what}.")
    stands = standing(store.decisions(opened))
    columns = ("time", "reviewer", "action", "image_id", "instance_id", "category")
    rows = [[getattr(d, c) for c in columns] for d in stands]
    if as_json:
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
    elif not (apply_file or undo):
        console.out.print(console.table(columns, rows))
    console.err.print(f"{len(stands)} decisions stand on {dataset}.")


@main.command()
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


@main.command()
@click.argument("dataset")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["tfrecord"]),
    default="tfrecord",
    help="What to write.",
)
@click.option("--size", type=click.IntRange(32, 4096), default=256, help="Side in pixels.")
@as_json
def export(dataset: str, folder: Path, format_: str, size: int, as_json: bool) -> None:
    """Write the reviewed labels as train, val and test splits for a trainer.

    \b
    curate export photos cleaned/ --format tfrecord --size 256
    """
    from curation import rounds, store

    opened = store.open_dataset(dataset)
    folder = folder.resolve()  # the shell may stand in a folder that the export replaces
    skips: list = []
    with console.progress() as progress:
        manifest = rounds.export(opened, folder, size, progress, skips.append)
    console.list_skips(folder / "skipped.csv", skips)
    if as_json:
        click.echo(json.dumps(manifest))
    else:
        parts = manifest["splits"].items()
        rows = [(name, part["photos"], len(part["sha256"])) for name, part in parts]
        console.out.print(console.table(("split", "photos", "shards"), rows))
    left = f", but {console.count_kinds(skips)}: see skipped.csv" if skips else ""
    console.err.print(f"Exported {dataset} to {folder}{left}.")


@main.command()
@click.argument("dataset")
@click.option("--port", type=click.IntRange(1024, 65535), default=5151, help="Of the App.")
@click.option("--no-browser", is_flag=True, help="Serve only; open the address yourself.")
def app(dataset: str, port: int, no_browser: bool) -> None:
    """Open the FiftyOne App on a dataset, suspects first. Ctrl+C ends it.

    \b
    curate app photos
    """
    from curation import store
    from curation.store import app as viewer

    viewer.serve(store.open_dataset(dataset), port, browser=not no_browser)


@main.command()
@click.option("--no-app", is_flag=True, help="End with the table; do not open the App.")
@click.option("--photos", type=click.IntRange(60, 5000), default=320, help="Figures to draw.")
@click.option("--port", type=click.IntRange(1024, 65535), default=5151, help="Of the App.")
def demo(no_app: bool, photos: int, port: int) -> None:
    """Go once around the loop on drawn figures whose labels are partly spoilt on purpose.

    \b
    curate demo
    """
    from curation import demo as whole

    whole.run(photos)
    if not no_app:
        whole.verb(f"app {whole.DATASET} --port {port}")


@main.command()
@as_json
def doctor(as_json: bool) -> None:
    """Say what is right and wrong with this machine, and how to mend it.

    \b
    curate doctor
    """
    from curation import doctor as checks

    found = checks.examine()
    if as_json:
        click.echo(json.dumps([asdict(check) for check in found]))
    else:
        for check in found:
            mark = "ok  " if check.ok else "BAD "
            console.tell(f"{mark} {check.name}: {check.found}", "" if check.ok else "red")
            if not check.ok:
                console.tell(f"     mend: {check.mend}")
    if not all(check.ok for check in found):
        sys.exit(1)
