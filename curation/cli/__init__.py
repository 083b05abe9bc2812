"""The command line: parse, call the library, print. Each verb imports what it needs inside."""

from __future__ import annotations

import click

from curation.cli import clean, data, freeze, imports, loop, quality, round, tools, train
from curation.cli.group import Verbs


@click.group(cls=Verbs)
@click.version_option(package_name="curate")
def main() -> None:
    """Find and fix the wrong labels in fashion-segmentation data.

    \b
    curate import imaterialist photos --annotations train.csv --images train/
    curate remap photos --taxonomy supercategories
    curate app photos
    """


for verb in (
    imports.import_, data.remap, data.audit, train.train, train.sweep, train.evaluate, loop.predict,
    loop.flag, tools.review, data.decisions, quality.estimate, quality.diff, round.round_,
    loop.report, data.export, freeze.freeze, train.export_model, tools.app, tools.plugin,
    tools.person, clean.clean, tools.demo, tools.doctor,
):  # fmt: skip
    main.add_command(verb)
