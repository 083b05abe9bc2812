"""Verbs on a dataset's labels: ``remap``, ``audit``, ``decisions``, ``export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from click.core import ParameterSource

from curation.cli import quality
from curation.cli.dealing import deal, dealing
from curation.cli.group import as_json, on_cluster
from curation.core import console
from curation.formats.registry import of_original, writer, writers

if TYPE_CHECKING:
    from curation.core.finding import Finding


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
@on_cluster
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


def _verify(ctx: click.Context, folder: Path) -> NoReturn:
    """Checks an export, instead of writing one."""
    from curation import steps

    given = [
        param.opts[0] if isinstance(param, click.Option) else param.make_metavar(ctx).strip("[]")
        for param in ctx.command.params
        if param.name != "verify"
        and ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        reason = f"--verify checks {folder} as it was written; leave out {', '.join(given)}"
        raise click.UsageError(reason)

    with console.bars() as progress:
        found = steps.verify(folder, progress=progress)
    rows: list[tuple[str, ...]] = [("photos", *(f"{n:,}" for n in found.photos.values()))]
    for name in next(iter(found.labels.values())):
        of = [(there[name], sum(there.values()) or 1) for there in found.labels.values()]
        rows.append((f"labels: {name}", *(f"{n:,} ({n / whole:.1%})" for n, whole in of)))
    console.out.print(console.table(("", *found.photos), rows))
    for note in found.notes:
        console.say(note, "yellow")
    for fault in found.faults:
        console.say(fault, "bold red")
    said = console.count(len(found.faults), "fault") if found.faults else "no fault"
    console.say(f"Verified {folder}: {said}.")
    ctx.exit(1 if found.faults else 0)


@click.command()
@click.argument("dataset", required=False, metavar="DATASET")  # with --verify there is none
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option(
    "--format",
    "format_",
    type=click.Choice([f.name for f in writers()]),
    help="What to write; default: tfrecord, or what --original is.",
)
@click.option(
    "--size",
    type=click.IntRange(32, 4096),
    help="Side in pixels of photos and label maps in a TFRecord; default: 256.",
)
@click.option(
    "--vocabulary",
    "names",
    type=click.Choice(["classes", "source"]),
    default="classes",
    help="Call labels by their class, or as the annotation file calls them; default: classes.",
)
@click.option("--view", help="Only the photos of this saved view.")
@click.option("--tag", help="Only the photos with this tag.")
@click.option("--only-decided", is_flag=True, help="Only photos on which a person decided.")
@click.option(
    "--without-suspects",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="No photo with an undecided label, a missing garment, or a doubt of all its labels, of "
    "this score or more.",
)
@dealing
@click.option(
    "--original",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that was imported: write it again, with what was reviewed alone changed.",
)
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The label_descriptions.json that --original was imported with.",
)
@click.option("--label-attribute", help="The region attribute that --original was imported with.")
@click.option(
    "--patch",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was reviewed alone into this CSV: row, old, new, who, when. No FOLDER.",
)
@click.option(
    "--verify", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Check an export that was written, here or elsewhere, instead of writing one.",
)  # fmt: skip
@on_cluster
@as_json
@click.pass_context
def export(
    ctx: click.Context,
    dataset: str | None,
    folder: Path | None,
    format_: str | None,
    size: int | None,
    names: str,
    view: str | None,
    tag: str | None,
    only_decided: bool,
    without_suspects: float | None,
    original: Path | None,
    labels: Path | None,
    label_attribute: str | None,
    patch: Path | None,
    verify: Path | None,
    group_by: str | None,
    shares: tuple[float, ...] | None,
    as_json: bool,
) -> None:
    """Write the reviewed labels of all photos that are not excluded, or of some of them.

    tfrecord holds photos and label maps of one size, in train, val and test splits; yolo-seg
    polygons and copies of the photos, as Ultralytics wants them. The others hold labels alone,
    in the photos' own size, and `curate import` reads them again (but csv, a table for
    pandas). Each has splits.csv, whose splits are those of the whole dataset. What a format
    cannot say is skipped, counted and listed in skipped.csv.

    --original gives an iMaterialist CSV or VIA JSON back, in which nothing but what was
    reviewed differs by a byte. --patch writes the differences alone, for `curate review --apply`.

    Photos that are copies, look alike or share what --group-by says are in one split. --verify
    takes no dataset: it compares the files with their hashes, looks for photos that two splits
    share, counts classes, and changes nothing.

    Changes: FOLDER, or the file of --patch; the photos' splits in the dataset.

    \b
    curate export photos cleaned/ --format tfrecord --size 256
    curate export photos cleaned-coco/ --format coco
    curate export photos decided/ --format imaterialist --vocabulary source --only-decided
    curate export photos corrected/ --original train.csv
    curate export photos --patch changes.csv
    curate export photos cleaned/ --group-by '^(\\d+)_' --split 0.7,0.15,0.15
    curate export --verify cleaned/
    """
    from curation import steps, store
    from curation.steps.export import SIZE
    from curation.steps.selection import Selection

    if verify:
        _verify(ctx, verify)
    if dataset is None:
        raise click.MissingParameter(ctx=ctx, param=ctx.command.params[0])
    format_ = format_ or (of_original(original).name if original else "tfrecord")
    if size and not writer(format_).holds_images:
        raise click.UsageError(f"--size is for tfrecord; {format_} keeps the photos' own size")
    selection = Selection(view, tag, only_decided, without_suspects)
    chosen = selection.asked() or names != "classes"
    if patch and (folder or original or chosen):
        raise click.UsageError("--patch is of the whole dataset, and takes no FOLDER")
    if original and chosen:
        raise click.UsageError("--original is of all photos, and in its own vocabulary")
    options = _options_of(original, format_, labels=labels, label_attribute=label_attribute)
    if patch:
        lines = steps.export_patch(store.open(dataset), patch)
        console.say(f"Wrote {console.count(lines, 'change')} to {patch}.")
        return
    if folder is None:
        raise click.UsageError("give a FOLDER to export to")
    opened = store.open(dataset)
    deal(opened, group_by, shares)
    folder = folder.resolve()  # the shell may stand in a folder that the export replaces
    skipped: list[Finding] = []
    with console.bars() as progress:
        if original:
            manifest = steps.rewrite(
                opened, folder, format_, original, options,
                progress=progress, on_finding=skipped.append,
            )  # fmt: skip
        else:
            manifest = steps.export(
                opened, folder, format_, size=size or SIZE, names=names, selection=selection,
                progress=progress, on_finding=skipped.append,
            )  # fmt: skip
    console.list_findings(folder / "skipped.csv", skipped)
    if as_json:
        click.echo(json.dumps(manifest))
    else:
        rows = [(name, part["photos"]) for name, part in manifest["splits"].items()]
        console.out.print(console.table(("split", "photos"), rows))
    changed = f", {console.count(manifest['changed'], 'label')} changed" if original else ""
    left = f", but {console.count_kinds(skipped)}: see skipped.csv" if skipped else ""
    console.err.print(f"Exported {dataset} to {folder}{changed}{left}.")


def _options_of(original: Path | None, format_: str, **given: object) -> dict[str, object]:
    """What an original is read with; UsageError for what its format has not, or without one."""
    known = writer(format_).rewrites if original else ()
    if original and not known:
        able = " and ".join(f.name for f in writers() if f.rewrites)
        raise click.UsageError(f"--original is for --format {able}")
    options = {name: value for name, value in given.items() if value}
    if wrong := sorted(options.keys() - known):
        said = ", ".join(f"--{name.replace('_', '-')}" for name in wrong)
        raise click.UsageError(f"{said} goes with an --original that was imported with it")
    return options
