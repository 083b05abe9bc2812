"""Verbs on a dataset's labels: ``remap``, ``audit``, ``decisions``, ``export``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from curation.cli import quality
from curation.cli.group import as_json
from curation.core import console
from curation.formats.registry import writer, writers


@click.command()
@click.argument("dataset")
@click.option("--taxonomy", required=True, help="A built-in name, or a .toml file.")
@click.option("--dry-run", is_flag=True, help="Show what each label becomes, and change nothing.")
@as_json
def remap(dataset: str, taxonomy: str, dry_run: bool, as_json: bool) -> None:
    """Show a dataset's labels under another vocabulary. Source labels and reviews stay.

    Changes: `labels` in the dataset; with --dry-run nothing.

    \b
    curate remap photos --taxonomy supercategories
    """
    from curation import steps, store

    done = steps.remap(store.open(dataset), taxonomy, dry_run=dry_run)
    rows = sorted(
        ((label, n, done.targets[label] or "(dropped)") for label, n in done.counts.items()),
        key=lambda row: (row[2], -row[1]),
    )
    if as_json:
        keys = ("label", "instances", "class")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    else:
        console.out.print(console.table(("label", "instances", "class"), rows))
    if done.deferred:
        console.err.print(
            f"Deferred until their taxonomy is active again: "
            f"{console.count(done.deferred, 'decision')} of a class of another one."
        )
    console.err.print(
        f"{'Would remap' if dry_run else 'Remapped'} {dataset} to {done.taxonomy.name}: "
        f"{done.summary()}."
    )


@click.command()
@click.argument("dataset")
@as_json
def audit(dataset: str, as_json: bool) -> None:
    """Find the faults that labels have by themselves; no model is needed.

    Runs past the end, doubled labels, two categories on the same pixels, parts
    without a garment, copies of a photo with other labels, and more. Nothing is
    changed; in the App, filter by `faults` or open the view "faults, worst first".

    Changes: what the dataset says of faults, and its audit.csv; no label.

    \b
    curate audit photos
    """
    from curation import steps, store
    from curation.core.finding import FindingKind, Severity
    from curation.steps.audit import AUDIT, COLUMNS

    opened = store.open(dataset)
    with console.bars() as progress:
        found = steps.audit(opened, progress=progress)
    if as_json:
        click.echo(json.dumps([{c: getattr(f, c) for c in COLUMNS} for f in found]))
    else:
        rows = []
        for kind in FindingKind:
            of_kind = [f for f in found if f.kind is kind]
            if of_kind:
                first = next((f.location for f in of_kind if f.location), "")
                rows.append((kind.severity, kind, len(of_kind), first, kind.meaning))
        rows.sort(key=lambda row: (row[0].rank, -row[2]))
        console.out.print(console.table(("", "fault", "found", "first", "what it is"), rows))
    counts = ", ".join(console.count(sum(f.severity == s for f in found), s) for s in Severity)
    console.err.print(
        f"Audited {console.count(len(opened), 'photo')} of {dataset}: {counts}; "
        f"all in {opened.folder / AUDIT}."
    )


@click.command()
@click.argument("dataset")
@click.argument(
    "what",
    type=click.Choice(["list", "export", "import", "undo", *quality.OF_REVIEWERS]),
    default="list",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@as_json
def decisions(dataset: str, what: str, file: Path | None, as_json: bool) -> None:
    """List the decisions on a dataset's labels; write them to a FILE, or take those of one.

    A CSV to import has the columns action, image_id, instance_id and category.
    action is keep, relabel (to category), delete, add (a missing garment), or of
    the whole photo exclude and include; the ids are those in issues.csv. Where the category
    is a label of the annotation file, not a class, a column taxonomy says source.
    undo takes your last decision back, and what you decided at once with it.
    disagreements lists the labels on which two reviewers said different things, overruled ones
    too, and how far they agree; reviewers, how each decides, and how many checks were answered
    rightly.

    Changes: import and undo the journal, decisions.csv, and the labels; the others nothing.

    \b
    curate decisions photos
    curate decisions photos import decisions.csv
    curate decisions photos disagreements
    """
    from curation import steps, store
    from curation.review.journal import summary
    from curation.store.decisions import undo

    if (file is None) == (what in ("export", "import")):
        raise click.UsageError(f"{what} {'needs a FILE' if file is None else 'takes no FILE'}")
    opened = store.open(dataset)
    if what in quality.OF_REVIEWERS:
        quality.OF_REVIEWERS[what](opened, as_json)
        return
    if what == "import" and file:
        taken = steps.import_decisions(opened, file)
        console.say(f"Took {console.count(len(taken), 'decision')} from {file}.")
    if what == "export" and file:
        console.say(f"Wrote {steps.export_decisions(opened, file)} of them to {file}.")
    if what == "undo":
        gone = undo(opened)
        taken_back = summary(gone) if gone else "nothing, as you decided nothing"
        console.say(f"Took back: {taken_back}.")
    stands = opened.review().active
    columns = ("time", "reviewer", "action", "image_id", "instance_id", "category", "taxonomy",
               "before", "seconds", "decision_id")  # fmt: skip
    rows = [[getattr(d, c) for c in columns] for d in stands]
    if as_json:
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
    elif what == "list":
        console.out.print(console.table(columns[:-1], [row[:-1] for row in rows]))
    are = "stands" if len(stands) == 1 else "stand"
    console.say(f"{console.count(len(stands), 'decision')} {are} on {dataset}.")


@click.command()
@click.argument("dataset")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice([f.name for f in writers()]),
    default="tfrecord",
    help="What to write; default: tfrecord.",
)
@click.option(
    "--size",
    type=click.IntRange(32, 4096),
    help="Side in pixels of photos and label maps in a TFRecord; default: 256.",
)
@as_json
def export(dataset: str, folder: Path, format_: str, size: int | None, as_json: bool) -> None:
    """Write the reviewed labels of all photos that are not excluded.

    tfrecord holds photos and label maps of one size, in train, val and test splits. The others
    hold labels alone, in the photos' own size, and `curate import` reads them again: COCO
    (instances.json), index masks (masks/ and classes.csv), VGG Image Annotator (via.json).
    Each has splits.csv. Void is 255 in masks; COCO and VIA have none, so labels that the
    taxonomy ignores are left out of them, and counted.

    Changes: FOLDER, where it replaces an earlier export; the photos' splits in the dataset.

    \b
    curate export photos cleaned/ --format tfrecord --size 256
    curate export photos cleaned-coco/ --format coco
    """
    from curation import steps, store
    from curation.steps.export import SIZE

    if size and not writer(format_).holds_images:
        raise click.UsageError(f"--size is for tfrecord; {format_} keeps the photos' own size")
    opened = store.open(dataset)
    folder = folder.resolve()  # the shell may stand in a folder that the export replaces
    skipped: list = []
    with console.bars() as progress:
        manifest = steps.export(
            opened, folder, format_, size=size or SIZE, progress=progress,
            on_finding=skipped.append,
        )  # fmt: skip
    console.list_findings(folder / "skipped.csv", skipped)
    if as_json:
        click.echo(json.dumps(manifest))
    else:
        rows = [(name, part["photos"]) for name, part in manifest["splits"].items()]
        console.out.print(console.table(("split", "photos"), rows))
    left = f", but {console.count_kinds(skipped)}: see skipped.csv" if skipped else ""
    console.err.print(f"Exported {dataset} to {folder}{left}.")
