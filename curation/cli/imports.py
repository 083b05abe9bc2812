"""``curate import``: one verb for each format that is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from curation.cli.group import EXISTING, FOLDER, Verbs, on_cluster
from curation.core import console
from curation.formats.registry import PREFIX, Format, Option, readers


@click.group(name="import", cls=Verbs)
def import_() -> None:
    """Bring photos and labels into a dataset.

    \b
    curate import imaterialist photos --annotations train.csv --images train/
    """


def take_in(dataset: str, source, strict: bool, update: bool) -> None:
    from curation import steps

    with console.bars() as progress:
        done = steps.ingest(dataset, source, strict=strict, update=update, progress=progress)
    console.say(f"Into {dataset}: {done.summary()}")
    if done.orphaned:
        reviews = console.count(done.orphaned, "review")
        console.say(f"Orphaned: {reviews}, whose label the file took away; see the list.", "yellow")
    if done.unmapped:
        labels = ", ".join(f"{label!r} ({n})" for label, n in done.unmapped.items())
        console.say(
            f"The taxonomy of {dataset} does not speak of {labels}: add each to it and run "
            "`curate remap` again; until then photos with them have no labels.",
            "yellow",
        )


def verb(format_: Format) -> click.Command:
    """The verb that imports a format: its options are those of the table of formats."""
    told = (format_.annotations, *format_.options)

    def callback(
        dataset: str, images: Path, prefix: str | None, strict: bool, update: bool, **given: Any
    ) -> None:
        annotations = given.pop(format_.annotations.name)
        source = format_.load(annotations, images, prefix, **given)
        take_in(dataset, source, strict, update)

    return click.Command(
        format_.name,
        callback=callback,
        params=[
            click.Argument(["dataset"]),
            *map(_option, told[:1]),
            click.Option(["--images"], type=FOLDER, required=True, help="The folder of photos."),
            *map(_option, told[1:]),
            _option(PREFIX),
            click.Option(
                ["--strict"], is_flag=True, help="Refuse a file of which anything is skipped."
            ),
            click.Option(["--update"], is_flag=True, help="Take over photos that differ by now."),
        ],
        help="\n\n".join([
            f"Import {format_.reads}.",
            *filter(None, [format_.more]),
            "Changes: the dataset, made where there is none; of photos that are there only what "
            "--update takes over.",
            f"\b\ncurate import {format_.example}",
        ]),
    )  # fmt: skip


def _option(option: Option) -> click.Option:
    kinds: dict[str, click.ParamType] = {
        "file": EXISTING, "folder": FOLDER, "text": click.STRING, "number": click.IntRange(min=1),
    }  # fmt: skip
    name = f"--{option.name.replace('_', '-')}"
    return click.Option([name], type=kinds[option.kind], required=option.required, help=option.help)


for _format in readers():
    import_.add_command(on_cluster(verb(_format)))
