"""What rounds of review are worth, by the order in which labels come: a simulated curator.

    python -m tests.benchmarks.rounds --ccp ../shared/data/ccp
    python -m tests.benchmarks.rounds --figures 120 [--budgets 50 100 200] [--seeds 2] [--json FILE]

In a share of the photos one label is spoilt, in one of six ways; a quarter of the photos is held
out, keeps its right labels, and no model learns from it. Models are trained out of fold on the
spoilt labels. Then somebody who knows the truth decides, in each round on so many labels as its
budget says, and models are trained again. Which labels come first is what differs:

- ``queue``: curate's queue, with the garments that the models found missing;
- ``softmin``: labels, by softmin of the same models' probabilities, the worst first;
- ``random``: any labels.

All three begin with the same models, those of the row ``start``; ``all right`` is a training on
the labels without the errors. A label is corrected where the decision changed it, or added one.
Mean IoU is that of all models of a run together on the held-out photos; beside it the difference
to the row ``start``, in brackets 90 % over bootstrap samples of these photos. What a training would
give with another seed is not in it: that is what ``--seeds`` is for.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation import steps, store
from curation.core import console, taxonomy
from curation.core.records import ImageRecord
from curation.core.taxonomy import label_map
from curation.demo import run as demo
from curation.demo.figures import draw_figure
from curation.formats import imaterialist
from curation.issues import injection
from curation.issues.disagreement import softmin
from curation.issues.observation import Observation, judged
from curation.review import Decision
from curation.rounds import comparison
from curation.steps import working_copy
from curation.steps.dataset_runs import DatasetRuns, image_files
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset
from tests.benchmarks.redesign import database
from training import recipes
from training import run as trainer
from training.config import TrainConfig

TAXONOMY = "supercategories"
START = "r0"
"""The run before the first round."""
HELD_OUT = 0.25


@dataclass(frozen=True)
class Row:
    """What a round came to.

    Attributes:
        round: 0 of a training without decisions
        decisions: labels and missing garments that were decided on, in this round
        corrected: of them, those at which something was wrong
        miou: on the held-out photos, after it
        change, low, high: of miou since the first models, and between what it lies
    """

    seed: int
    order: str
    round: int
    decisions: int
    corrected: int
    miou: float
    change: float
    low: float
    high: float


@dataclass(frozen=True)
class Spoilt:
    """Photos of a seed, as datasets.

    Attributes:
        csv, right, photos: the labels of the photos that are trained on, with the errors in them
            and without, and where these photos are
        truth: all photos with the labels that are right
        held_out: those of them that no model learns from
    """

    csv: Path
    right: Path
    photos: Path
    truth: Dataset
    held_out: WorkingCopy

    def imported(self, name: str) -> Dataset:
        return imported(name, self.csv, self.photos)

    def compared(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> comparison.Change:
        """Mean IoU on the held-out photos, of counts as :func:`tried` gives them."""
        names = [c.name for c in self.held_out.taxonomy.classes]
        groups = list(self.held_out.groups.values())
        return comparison.compare(before, after, groups, names).miou


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ccp", type=Path, help="folder with train.csv and images/")
    parser.add_argument("--figures", type=int, default=400, help="to draw, where there is no --ccp")
    parser.add_argument("--budgets", type=int, nargs="+", default=[50, 100, 200])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--wrong", type=float, default=0.5, help="share of photos with an error")
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--size", type=int, help="side in pixels, where not the recipe's")
    parser.add_argument("--steps", type=int, help="of a model, where not the recipe's")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    config = recipes.load(args.recipe)
    config = replace(config, size=args.size or config.size, steps=args.steps or config.steps)
    began = time.perf_counter()
    rows: list[Row] = []
    scratch = own_home()
    clean = ccp(args.ccp.resolve()) if args.ccp else drawn(scratch / "drawn", args.figures)
    for seed in range(args.seeds):
        spoilt = spoil(clean, scratch / f"seed{seed}", seed, args.wrong)
        seeded = replace(config, seed=seed)
        for found in measure(spoilt, seed, seeded, args.folds, args.budgets):
            rows.append(found)
            if args.json:
                args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    show(rows, time.perf_counter() - began)


def own_home() -> Path:
    """A folder that goes when Python ends, with a database and a home of our own in it.

    Before anything imports FiftyOne, which connects while it is imported, and asks the database
    once more at the end: what is registered first ends last.
    """
    stack = ExitStack()
    atexit.register(stack.close)
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    os.environ |= {
        "CURATE_HOME": str(scratch / "home"),
        "FIFTYONE_DATABASE_URI": stack.enter_context(database(scratch / "db")),
        "FIFTYONE_DEFAULT_DATASET_DIR": str(scratch / "fiftyone"),
        "FIFTYONE_PLUGINS_DIR": str(scratch / "plugins"),
    }
    return scratch


def ccp(folder: Path) -> list[ImageRecord]:
    source = imaterialist.load(folder / "train.csv", folder / "images")
    return list(source.read(0, len(source.names), lambda skip: None))


def drawn(folder: Path, count: int) -> list[ImageRecord]:
    folder.mkdir()
    records = []
    for number, source in enumerate(np.random.SeedSequence(5).spawn(count)):
        figure = draw_figure(np.random.default_rng(source))
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(figure.image).save(path, quality=92)
        records.append(demo.as_record(figure, path))
    return records


def spoil(clean: Sequence[ImageRecord], folder: Path, seed: int, wrong: float) -> Spoilt:
    """Holds out some photos, and injects errors into the others."""
    folder.mkdir()
    rng = np.random.default_rng(1000 + seed)
    shuffled = [clean[i] for i in rng.permutation(len(clean))]
    held, trained = np.split(np.arange(len(clean)), [round(HELD_OUT * len(clean))])
    five = taxonomy.load(TAXONOMY)
    groups = {name: target for name in imaterialist.CATEGORIES if (target := five.target(name))}
    right = [shuffled[i] for i in trained]
    noisy, errors = injection.inject(right, rng, wrong, groups=groups)
    labels = sum(len(record.instances) for record in noisy)
    console.say(f"seed {seed}: {len(errors)} errors, {labels} labels in {len(noisy)} photos")
    imaterialist.write(folder / "train.csv", noisy)
    imaterialist.write(folder / "right.csv", right)
    imaterialist.write(folder / "truth.csv", clean)
    photos = clean[0].path.parent
    truth = imported(f"truth{seed}", folder / "truth.csv", photos)
    held_out = working_copy.load(truth).only({shuffled[i].image_id for i in held})
    return Spoilt(folder / "train.csv", folder / "right.csv", photos, truth, held_out)


def imported(name: str, csv: Path, photos: Path) -> Dataset:
    steps.ingest(name, imaterialist.load(csv, photos))
    dataset = store.open(name)
    steps.remap(dataset, TAXONOMY)
    return dataset


def measure(
    spoilt: Spoilt, seed: int, config: TrainConfig, folds: int, budgets: Sequence[int]
) -> Iterator[Row]:
    """All rounds in all orders, from the same models on."""
    start = spoilt.imported(f"start{seed}")
    before = tried(start, START, spoilt, config, folds)
    yield row(seed, "start", 0, [], spoilt.compared(before, before))
    for order, decide in ORDERS.items():
        dataset = with_features(start, spoilt.imported(f"{order}{seed}"))
        shutil.copytree(start.run_folder(START), dataset.run_folder(START))
        run = START
        rng = np.random.default_rng(seed)
        for number, budget in enumerate(budgets, 1):
            made = decide(dataset, spoilt.truth, run, budget, rng)
            run = f"r{number}"
            change = spoilt.compared(before, tried(dataset, run, spoilt, config, folds))
            yield row(seed, order, number, made, change)
    right = with_features(start, imported(f"right{seed}", spoilt.right, spoilt.photos))
    change = spoilt.compared(before, tried(right, START, spoilt, config, folds))
    yield row(seed, "all right", 0, [], change)


def row(
    seed: int, order: str, number: int, made: Sequence[Decision], change: comparison.Change
) -> Row:
    of = change.difference
    found = Row(seed, order, number, *corrected(made), change.after, of.value, of.low, of.high)
    console.say(f"{found}")
    return found


def with_features(start: Dataset, dataset: Dataset) -> Dataset:
    """The dataset, whose photos are the same, with the features that are computed already."""
    (dataset.folder / "features").symlink_to(start.folder / "features")
    return dataset


def tried(
    dataset: Dataset, run: str, spoilt: Spoilt, config: TrainConfig, folds: int
) -> NDArray[np.int64]:
    """(N, 3, K) what the IoU of a new run on each held-out photo is made of."""
    runs = DatasetRuns(dataset)
    with console.bars() as progress:
        steps.train(runs, run, config, folds=folds, progress=progress)
    held_out = spoilt.held_out
    ids = [c.id for c in held_out.taxonomy.classes]
    counts = []
    images = image_files(held_out)
    for image, p in trainer.predict(runs.folder(run), images, cache=runs.features(run)):
        guess = held_out.channels.ids[p.argmax(axis=0)]
        labels = label_map(held_out.records[image.image_id], held_out.taxonomy, len(guess))
        counts.append(comparison.counts(labels, guess, ids))
    return np.array(counts)


def by_queue(
    dataset: Dataset, truth: Dataset, run: str, budget: int, rng: np.random.Generator
) -> list[Decision]:
    with console.bars() as progress:
        steps.flag(dataset, run, progress=progress)
    return steps.simulate(dataset, truth, budget)


def by_softmin(
    dataset: Dataset, truth: Dataset, run: str, budget: int, rng: np.random.Generator
) -> list[Decision]:
    scores = softmins(dataset, run)
    return steps.simulate(
        dataset, truth, budget, order=sorted(scores, key=scores.__getitem__)[::-1]
    )


def by_chance(
    dataset: Dataset, truth: Dataset, run: str, budget: int, rng: np.random.Generator
) -> list[Decision]:
    ids = [x.instance_id for record in dataset.records() for x in judged(record)]
    return steps.simulate(dataset, truth, budget, order=rng.permutation(ids).tolist())


ORDERS: dict[str, Callable[..., list[Decision]]] = {
    "queue": by_queue,
    "softmin": by_softmin,
    "random": by_chance,
}


def softmins(dataset: Dataset, run: str) -> dict[str, float]:
    """Of each label, over all its pixels; by id."""
    runs, work = DatasetRuns(dataset), working_copy.load(dataset)
    predicted = trainer.predict(runs.folder(run), image_files(work), cache=runs.features(run))
    found = {}
    for image, p in predicted:
        record = work.records[image.image_id]
        seen = Observation.of(record, work.channels.names, p.astype(np.float16))
        for label, at in zip(judged(record), seen.label_masks, strict=True):
            given = seen.probabilities[at.class_id][at.mask]
            found[label.instance_id] = softmin(given) if given.size else 0.0
    return found


def corrected(made: Sequence[Decision]) -> tuple[int, int]:
    """What was decided on, and of that what was wrong: what is decided at once is about one."""
    about: dict[str, list[Decision]] = defaultdict(list)
    for decision in made:
        about[decision.batch or decision.decision_id].append(decision)
    return len(about), sum(any(map(changes, of_one)) for of_one in about.values())


def changes(decision: Decision) -> bool:
    """Whether a label is another one now; a missing garment that is dismissed, has a mask."""
    is_deleted = decision.action == "delete" and not decision.mask
    return is_deleted or decision.action in ("relabel", "redraw", "add")


def show(rows: Sequence[Row], seconds: float) -> None:
    header = ("seed", "order", "round", "decisions", "corrected of 100", "mIoU", "change")
    console.out.print(console.table(header, [shown(row) for row in rows], f"{seconds:.0f} s"))


def shown(row: Row) -> tuple[object, ...]:
    share = f"{100 * row.corrected / row.decisions:.0f}" if row.decisions else ""
    change = f"{row.change:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
    number, decisions = row.round or "", row.decisions or ""
    return row.seed, row.order, number, decisions, share, f"{row.miou:.3f}", change


if __name__ == "__main__":
    main()
