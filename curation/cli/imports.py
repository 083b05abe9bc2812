"""``curate import``: one verb for each format."""

from __future__ import annotations

from pathlib import Path

import click

from curation.cli.group import EXISTING, FOLDER, Verbs
from curation.core import console


@click.group(name="import", cls=Verbs)
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


def take_in(dataset: str, source, strict: bool, update: bool) -> None:
    from curation.steps import ingest

    with console.progress() as progress:
        done = ingest.run(dataset, source, strict, update, progress)
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
    from curation.formats import imaterialist

    names = imaterialist.read_labels(labels) if labels else imaterialist.DEFAULT_LABELS
    take_in(dataset, imaterialist.load(annotations, images, names), strict, update)


@import_.command(name="via")
@import_options
@click.option(
    "--label-attribute", help="The region attribute with the label; default: the only one."
)
def import_via(
    dataset: str,
    annotations: Path,
    images: Path,
    label_attribute: str | None,
    strict: bool,
    update: bool,
) -> None:
    """Import a VGG Image Annotator file: VIA 1, 2 or 3, JSON or CSV.

    \b
    curate import via styles --annotations via.json --images photos/ --label-attribute style
    """
    from curation.formats import via

    take_in(dataset, via.load(annotations, images, label_attribute), strict, update)


@import_.command(name="coco")
@import_options
def import_coco(dataset: str, annotations: Path, images: Path, strict: bool, update: bool) -> None:
    """Import a COCO or Fashionpedia JSON: polygons or run lengths, categories by name.

    \b
    curate import coco fashion --annotations instances.json --images train/
    """
    from curation.formats import coco

    take_in(dataset, coco.load(annotations, images), strict, update)


@import_.command(name="masks")
@click.argument("dataset")
@click.option("--masks", type=FOLDER, required=True, help="The folder of single-channel masks.")
@click.option("--images", type=FOLDER, required=True, help="The folder of photos.")
@click.option("--classes", required=True, help="A CSV of id,name; or a taxonomy, by name or .toml.")
@click.option("--strict", is_flag=True, help="Refuse a folder of which anything is skipped.")
@click.option("--update", is_flag=True, help="Take over photos that differ by now.")
def import_masks(
    dataset: str, masks: Path, images: Path, classes: str, strict: bool, update: bool
) -> None:
    """Import index masks: images whose pixel values are class ids.

    A mask belongs to the photo of the same name. Lossy masks (JPEG) and coloured
    ones are refused.

    \b
    curate import masks drawn --masks masks/ --images images/ --classes classes.csv
    """
    from curation.formats import mask_folder

    take_in(dataset, mask_folder.load(masks, images, classes), strict, update)
