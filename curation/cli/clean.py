"""The verb ``clean``: the disk that a dataset takes, and less of it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from curation.cli.group import as_json
from curation.core import console


@click.command()
@click.argument("dataset")
@click.option("--dry-run", is_flag=True, help="Say what each kind takes, and delete nothing.")
@as_json
def clean(dataset: str, dry_run: bool, as_json: bool) -> None:
    """Say what a dataset takes on disk, and delete the features that are kept of its photos.

    The next training, prediction or flagging makes them again, which takes some minutes for a
    thousand photos. Nothing else goes: no label, decision, model or prediction.

    Changes: the cache of features; with --dry-run nothing.

    \b
    curate clean photos --dry-run
    curate clean photos
    """
    from curation import steps, store

    kinds = steps.clean(store.open(dataset), dry_run=dry_run)
    if as_json:
        click.echo(json.dumps([asdict(kind) for kind in kinds]))
    else:
        rows = [
            (
                kind.name,
                f"{kind.bytes / 1e6:,.1f}",
                kind.meaning,
                "goes" if kind.evicted else "stays",
            )
            for kind in kinds
        ]
        console.out.print(console.table(("", "MB", "what it is", ""), rows))
    gone = sum(kind.bytes for kind in kinds if kind.evicted)
    did = "Would delete" if dry_run else "Deleted"
    console.say(f"{did} {gone / 1e6:,.1f} MB of features of {dataset}.")
