"""Once around the loop on drawn figures with partly wrong labels, by the user's own verbs."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from curation.core import console, rle, taxonomy
from curation.core.atomic import replacing
from curation.core.errors import DatasetError
from curation.core.progress import track
from curation.core.records import ImageRecord, Instance
from curation.demo.figures import Figure, draw_figure
from curation.formats import imaterialist, via
from curation.issues import injection
from curation.issues.injection import InjectedError
from curation.issues.issue import ErrorType

DATASET = "demo"
STYLES = "demo-styles"
TRUTH = "demo-truth"
"""The same photos with the labels that are right: what the demo's curator knows."""

RUN = "r001"
"""Of the demo's round."""

MARK = "made-by-curate-demo"
"""A file of this name says that all beside it may be removed by the next demo."""

Curate = Callable[[list[str]], object]
"""Runs a command line, without the word ``curate``: it lies above this, in ``curation.cli``."""

SETTINGS = "--size 224"
SEED = 20
WRONG = 0.2
RENAMED = 0.1
LEFT = 20
"""Of the worst suspects, those that are left for who tries the demo."""
REVIEWED = 60
"""Suspects after those that the demo's curator, who knows the truth, decides on."""


def run(images: int, curate: Curate, settings: str = SETTINGS) -> None:
    """Draws, injects errors, imports, trains, flags, reviews, exports; prints what came out.

    Args:
        images: figures to draw
        curate: the command line
        settings: of the training, as options of ``train``

    Raises:
        DatasetError: a dataset or a folder of the demo's name is somebody's work
    """
    from curation.store import database

    verb = partial(say_and_run, curate)
    started = time.monotonic()
    folder = database.home() / "demo-data"
    console.err.rule(f"Drawing {images} figures in {folder}")
    _forget(folder)
    injected, renamed = draw(folder, images)
    verb(f"import imaterialist {DATASET}", "--annotations", folder / "train.csv",
         "--images", folder / "photos")  # fmt: skip
    verb(f"remap {DATASET} --taxonomy supercategories")
    verb(f"audit {DATASET}")
    verb(f"import imaterialist {TRUTH}", "--annotations", folder / "truth.csv",
         "--images", folder / "photos")  # fmt: skip
    verb(f"remap {TRUTH} --taxonomy supercategories")
    verb(f"import via {STYLES}", "--annotations", folder / "via.json",
         "--images", folder / "photos", "--label-attribute", "style")  # fmt: skip
    verb(f"remap {STYLES} --taxonomy styles")
    verb(f"round {DATASET} start --folds 2 {settings}")
    verb(f"round {DATASET} run")
    verb(f"report {DATASET} --run {RUN} --top 12 --output", folder / "suspects.png")
    place = database.folder(DATASET) / "runs" / RUN
    issues = pd.read_csv(place / "issues.csv", keep_default_na=False)
    found = [match(row, injected) for row in issues.itertuples()]
    verb(f"review {DATASET} --simulate {TRUTH} --skip {LEFT} --limit {REVIEWED}")
    verb(f"round {DATASET} close")
    verb(f"report {DATASET} --output", folder / "report.html")
    verb(f"export {DATASET}", folder / "cleaned", "--format tfrecord --size 224")
    console.err.rule("What came out")
    sources = issues[issues.source_error_score != ""].sort_values(
        "source_error_score", key=pd.to_numeric, ascending=False, kind="stable"
    )
    hits = sources.instance_id.isin(renamed).tolist()
    _tell(found, injected, hits, len(renamed), folder, time.monotonic() - started)


def say_and_run(curate: Curate, words: str, *arguments: str | Path) -> None:
    """Runs one verb as a user would, and shows the command."""
    line = [*shlex.split(words)]
    for argument in arguments:
        line += [str(argument)] if isinstance(argument, Path) else shlex.split(argument)
    console.say(f"\n$ curate {shlex.join(line)}", "bold")
    curate(line)


def draw(folder: Path, count: int) -> tuple[list[InjectedError], dict[str, str]]:
    """Draws figures and writes their labels, some wrong, as iMaterialist CSV and as VIA project.

    Returns:
        the errors injected into the CSV; and, by instance id, what another label of the same
        class was before
    """
    images = folder / "photos"
    images.mkdir(parents=True)
    seeds = np.random.SeedSequence(SEED).spawn(count)
    truth, styles = [], []
    with console.bars() as progress:
        for number, seed in enumerate(track(progress, "draw", seeds, count)):
            figure = draw_figure(np.random.default_rng(seed))
            path = images / f"figure-{number:04d}.jpg"
            Image.fromarray(figure.image).save(path, quality=92)
            truth.append(as_record(figure, path))
            styles.append(as_style_record(figure, path))
    loaded = taxonomy.load("supercategories")
    groups = {
        label: target for label in imaterialist.CATEGORIES if (target := loaded.target(label))
    }
    rng = np.random.default_rng(SEED)
    noisy, injected = injection.inject(truth, rng, WRONG, groups=groups)
    noisy, renamed = injection.rename(
        noisy, rng, RENAMED, groups=_drawn(truth, groups), but={p.image_id for p in injected}
    )
    imaterialist.write(folder / "train.csv", noisy)
    imaterialist.write(folder / "truth.csv", truth)
    own = {name: name for name in ("bohemian", "preppy", "streetwear")}
    wrong_styles, _ = injection.inject(styles, rng, WRONG, [ErrorType.WRONG_CATEGORY], groups=own)
    via.write(folder / "via.json", wrong_styles, "style")
    with replacing(folder / "injected.json") as part:
        rows = [{"image_id": p.image_id, "error_type": p.error_type, "was": p.category,
                 "instance_id": p.instance_id} for p in injected]  # fmt: skip
        part.write_text(json.dumps({"injected": rows, "renamed": renamed}, indent=1), "utf-8")
    return injected, renamed


def _drawn(truth: Sequence[ImageRecord], groups: Mapping[str, str]) -> dict[str, str]:
    """The groups of the labels that figures have; nobody knows what the others look like."""
    there = {instance.category for record in truth for instance in record.instances}
    return {label: group for label, group in groups.items() if label in there}


def as_record(figure: Figure, path: Path) -> ImageRecord:
    """A figure's truth as iMaterialist would label it."""
    instances = tuple(Instance(g.category, rle.encode(g.mask)) for g in figure.garments)
    height, width = figure.image.shape[:2]
    return ImageRecord(path.stem, path, height, width, instances)


def as_style_record(figure: Figure, path: Path) -> ImageRecord:
    """A figure's outfit as one region of its style, as FashionSeg would label it."""
    record = as_record(figure, path)
    worn = rle.union([instance.mask for instance in record.instances])
    return replace(record, image_id=path.name, instances=(Instance(figure.style, worn),))


def match(row, injected: Sequence[InjectedError]) -> InjectedError | None:
    """The injected error that a row of issues.csv points at.

    A wrong instance is matched by its id. A dropped garment and a missing one that the
    model found match at IoU 0.3. A garment is missing, too, where a label that was its own
    has another category now, or lies elsewhere.
    """
    loaded = taxonomy.load("supercategories")
    for error in injected:
        if error.image_id != row.image_id:
            continue
        if row.error_type != ErrorType.MISSING:
            if error.instance_id == row.instance_id:
                return error
        elif error.instance_id is None:
            if rle.iou(error.mask, rle.parse(row.mask)) >= 0.3:
                return error
        elif (
            error.error_type != ErrorType.SPURIOUS
            and loaded.target(error.category) == row.suggested_label
        ):
            return error
    return None


def _tell(
    found: Sequence[InjectedError | None],
    injected: Sequence[InjectedError],
    hits: Sequence[bool],
    renamed: int,
    folder: Path,
    seconds: float,
) -> None:
    from curation.store import database

    metrics = json.loads(
        (database.folder(DATASET) / "runs" / RUN / "metrics.json").read_text("utf-8")
    )
    rows: list[tuple[str, object]] = [
        (f"IoU {name}, out of fold", value) for name, value in metrics["iou"].items()
    ]
    rows.append(("mIoU of the 5 classes, out of fold", metrics["miou_foreground"]))
    for first in (10, 25, 50, 100):
        at = sum(error is not None for error in found[:first])
        rows.append((f"of the first {first} suspects, those at a wrong label", at))
    rows.append(("wrong labels that one of them is at", len({id(e) for e in found[:100] if e})))
    rows.append(("wrong labels in all", len(injected)))
    for first in (10, 25):
        at = sum(hits[:first])
        rows.append((f"of the first {first} suspect source labels, those renamed", at))
    rows.append(("source labels that were renamed", renamed))
    rows.append(("labels and missing garments that were scored", len(found)))
    console.out.print(console.table(("", ""), rows))
    console.err.print(
        f"Done in {seconds:.0f} s. Drawn photos, labels, suspects.png and the cleaned splits "
        f"are in {folder}. A simulated curator decided on {REVIEWED} suspects; the worst {LEFT} "
        f"are left for you. What the round came to: {(folder / 'report.html').as_uri()}"
    )


def _forget(folder: Path) -> None:
    """Removes what an earlier demo left, so that each begins anew; and nothing else.

    Raises:
        DatasetError: a dataset or a folder of this name is somebody's work
    """
    from curation import store
    from curation.store import database

    for name in (DATASET, STYLES, TRUTH):
        place = database.folder(name)
        if (store.exists(name) or place.exists()) and not (place / MARK).is_file():
            reason = f"was not made by `curate demo`; rename it, or remove it and {place}"
            raise DatasetError(name, reason)
    if folder.exists() and not (folder / MARK).is_file():
        raise DatasetError(str(folder), "was not made by `curate demo`; move it away")
    for name in (DATASET, STYLES, TRUTH):
        store.delete(name)
        shutil.rmtree(database.folder(name), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    for place in (*map(database.folder, (DATASET, STYLES, TRUTH)), folder):
        place.mkdir(parents=True)
        (place / MARK).touch()
