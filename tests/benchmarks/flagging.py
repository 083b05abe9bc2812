"""How many injected errors are found again, by which method, and how soon in the queue.

    python -m tests.benchmarks.flagging --ccp ../shared/data/ccp
    python -m tests.benchmarks.flagging --figures 800

An error of some type is injected into 20 % of the photos, models are trained out of fold on these
noisy labels, and every method sees the same probabilities and the same labels. Intervals are those
of bootstrap samples of the photos. ``matched``: flagging as it is. ``three types``: it learns from
three types only, some 1.7 times as bad as those it is tested with; ``three types and none``: and
from the errors of no type that it always learns from. ``without TYPE``: it never learns from that
type; its average precision among the photos with that type and those without an error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from curation.core import console, masks, rle, taxonomy
from curation.core.records import ImageRecord
from curation.demo import run as demo
from curation.demo.figures import draw_figure
from curation.formats import imaterialist, tfrecord
from curation.issues import injection, missing_instances, pipeline
from curation.issues.corruptions import CORRUPTIONS, SEVERE
from curation.issues.extraction import DRAWS, InjectionConfig, extract_features
from curation.issues.feature_table import FeatureTable
from curation.issues.injection import InjectedError
from curation.issues.issue import ErrorType
from curation.issues.observation import Observation
from curation.issues.ranking import Ranking
from curation.steps.runs import FolderRuns
from curation.steps.train import train
from tests.benchmarks.flagging_figures import image_ap, interval, reliability
from tests.benchmarks.flagging_peers import PEERS, PeerImage
from tests.benchmarks.flagging_scores import image_scores, label_scores
from tests.benchmarks.spoiling import named_so
from training import recipes
from training import run as trainer
from training.config import TrainConfig

SHARE = 0.2
FOLDS = 3
MISMATCHED = tuple(map(str, (ErrorType.WRONG_CATEGORY, ErrorType.MISSING, ErrorType.BAD_BOUNDARY)))
UNTYPED = tuple(name for name in CORRUPTIONS if name not in set(ErrorType))


@dataclass
class Case:
    """Noisy labels, what was injected into them, and what models trained on them see.

    Attributes:
        records: with the errors in them, of the target vocabulary
        injected: by image_id
        folder: of the run
    """

    records: dict[str, ImageRecord]
    injected: dict[str, InjectedError]
    folder: Path

    @property
    def names(self) -> tuple[str, ...]:
        return trainer.load_classes(self.folder).names

    def observe(self, image_ids: Sequence[str]) -> Iterator[Observation]:
        """See :data:`curation.issues.pipeline.Observe`."""
        data = trainer.Records(self.folder.parent / "data")
        by_id = {image.image_id: image for image in data.images}
        images = [by_id[i] for i in image_ids]
        cache = FolderRuns(self.folder).features(str(self.folder))
        for image, p, maps in trainer.predict_with_features(self.folder, images, cache=cache):
            yield Observation.of(self.records[image.image_id], self.names, p, maps)


def options(recipe: str) -> Callable[[Callable], Callable]:
    """What :func:`over_seeds` is told, as options of a command; recipe: the default one."""
    every = [
        click.option("--ccp", type=click.Path(exists=True, path_type=Path)),
        click.option("--figures", type=int, help="Drawn figures instead of photos."),
        click.option("--seeds", default=2, show_default=True),
        click.option("--recipe", default=recipe, show_default=True),
        click.option("--size", type=int, help="Side in pixels; else the recipe's."),
        click.option("--work", type=click.Path(path_type=Path), help="Where runs are kept."),
        click.option("--json", "json_file", type=click.Path(path_type=Path)),
    ]
    return lambda command: reduce(lambda inner, option: option(inner), reversed(every), command)


def over_seeds(
    rows: Callable[[list[ImageRecord], Path, int, TrainConfig], Iterator[dict]],
    *,
    ccp: Path | None,
    figures: int | None,
    seeds: int,
    recipe: str,
    size: int | None,
    work: Path | None,
    json_file: Path | None,
) -> list[dict]:
    """The rows of all seeds, kept as they come.

    Args:
        rows: of clean records, a folder, a seed and the settings of a training
    """
    results: list[dict] = []
    with TemporaryDirectory() as scratch:
        folder = work or Path(scratch)
        clean = ccp_records(ccp) if ccp else drawn_records(folder / "drawn", figures or 800)
        config = recipes.load(recipe)
        config = replace(config, size=size or config.size)
        for seed in range(seeds):
            results += [{"seed": seed, **row} for row in rows(clean, folder, seed, config)]
            if json_file:
                json_file.write_text(json.dumps(results, indent=1))
    return results


@click.command()
@options("laptop")
@click.option("--left-out/--no-left-out", default=True, help="Without one type each.")
@click.option(
    "--known-wrong", type=click.File(), help="Ids of photos; see ccp_known_wrong.txt beside this."
)
def main(left_out: bool, known_wrong: TextIO | None, **given: Any) -> None:
    lines = known_wrong.read().splitlines() if known_wrong else []
    known = frozenset(line for line in lines if not line.startswith("#"))

    def rows(
        clean: list[ImageRecord], folder: Path, seed: int, config: TrainConfig
    ) -> Iterator[dict]:
        return judge(prepare(clean, folder / f"seed{seed}", seed, config), left_out, known)

    show(over_seeds(rows, **given))


def ccp_records(ccp: Path) -> list[ImageRecord]:
    source = imaterialist.load(ccp / "train.csv", ccp / "images")
    return in_classes(source.read(0, len(source.names), lambda skip: None))


def drawn_records(folder: Path, count: int) -> list[ImageRecord]:
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for number, source in enumerate(np.random.SeedSequence(5).spawn(count)):
        figure = draw_figure(np.random.default_rng(source))
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(figure.image).save(path, quality=92)
        records.append(demo.as_record(figure, path))
    return in_classes(records)


def in_classes(records) -> list[ImageRecord]:
    """Records under the 5 supercategories."""
    five = taxonomy.load("supercategories")
    result = []
    for record in records:
        kept = [
            replace(instance, category=target, source_label=instance.category)
            for instance in record.instances
            if (target := five.target(instance.category))
        ]
        result.append(replace(record, instances=tuple(kept)))
    return result


def prepare(
    clean: Sequence[ImageRecord],
    folder: Path,
    seed: int,
    config: TrainConfig,
    share: float = SHARE,
) -> Case:
    """Injects errors and trains out of fold on what came out."""
    five = taxonomy.load("supercategories")
    names = {c.name: c.name for c in five.classes}
    rng = np.random.default_rng(1000 + seed)
    noisy, injected = injection.inject(clean, rng, share, groups=names)
    records = {record.image_id: record for record in named_so(noisy, rng)}
    run = trained(records, folder, config)
    return Case(records, {error.image_id: error for error in injected}, run)


def trained(records: dict[str, ImageRecord], folder: Path, config: TrainConfig) -> Path:
    """Models trained out of fold on these labels: the folder of their run."""
    five = taxonomy.load("supercategories")
    hashes = {i: sha256(r.path.read_bytes()).hexdigest() for i, r in records.items()}
    if not (folder / "data").exists():
        splits_of = dict.fromkeys(records, "train")
        tfrecord.write(folder / "data", records, five, splits_of, hashes, config.size)
    with console.bars() as progress:
        runs = FolderRuns(folder / "data")
        train(runs, str(folder / "run"), config, folds=FOLDS, progress=progress)
    return folder / "run"


def judge(case: Case, left_out: bool, known_wrong: frozenset[str]) -> Iterator[dict]:
    """One row of figures for each method; of the photos that are known to be wrong as they came,
    those count that an error was injected into."""
    image_ids = list(case.records)
    with console.bars() as progress:
        fingerprint = sha256(repr(case.injected).encode()).hexdigest()
        shards = pipeline.extract(
            case.folder.parent / "flagging", fingerprint, image_ids, case.observe,
            progress=progress,
        )  # fmt: skip
        table = FeatureTable.concat([FeatureTable.load(path) for path in shards])
    truth = Truth.of(case, table, known_wrong - set(case.injected))
    for name, peer in PEERS.items():
        console.say(name)
        images = (PeerImage.of(observation) for observation in case.observe(image_ids))
        yield {"method": name, **truth.figures(*peer(images, table))}
    yield {"method": "ours, matched", **ours(truth, table, table)}
    if not left_out:
        return
    severe = mismatched(case, table)
    typed = replace(
        severe,
        injected=severe.injected[severe.injected["error"].isin(MISMATCHED)],
        injected_missing=severe.injected_missing[severe.injected_missing["error"].isin(MISMATCHED)],
    )
    yield {"method": "ours, three types", **ours(truth, table, typed)}
    yield {"method": "ours, three types and none", **ours(truth, table, severe)}
    for error_type in injection.TYPES:
        without = replace(
            table,
            injected=table.injected[table.injected["error"] != error_type],
            injected_missing=table.injected_missing[table.injected_missing["error"] != error_type],
        )
        row = ours(truth, table, without)
        yield {"method": f"ours without {error_type}", **row}


def mismatched(case: Case, table: FeatureTable) -> FeatureTable:
    """Features of errors of three types and of none, that are worse than those tested."""
    statistics = pipeline.load_statistics(case.folder.parent / "flagging")
    config = InjectionConfig(1.0, DRAWS, (*MISMATCHED, *UNTYPED), SEVERE)
    observations = case.observe(list(case.records))
    parts = []
    while shard := [image for _, image in zip(range(pipeline.SHARD), observations, strict=False)]:
        parts.append(extract_features(shard, statistics, config))
    return replace(FeatureTable.concat(parts), given=table.given, missing=table.missing)


def ours(truth: Truth, table: FeatureTable, learned_from: FeatureTable) -> dict:
    scores = Ranking(learned_from).score(table)
    return truth.figures(label_scores(table, scores), image_scores(table, scores),
                         scores.instances["error_type"].to_numpy())  # fmt: skip


@dataclass
class Truth:
    """What was injected, in the order of the features.

    Attributes:
        counts, images_count: which labels and photos of the features: the others are left out of
            all that follows
        wrong: (N,) bool, of the labels as given
        types: (N,) error type of these, else empty
        image_types: (photos,) error type in each photo, else empty
        image_of: (N,) photo of each label
        found, named: share of the missing garments that are among the candidates, and of those
            among the candidates of their class
    """

    counts: NDArray[np.bool_]
    images_count: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    types: NDArray[np.str_]
    image_types: NDArray[np.str_]
    image_of: NDArray[np.intp]
    found: float
    named: float

    @classmethod
    def of(cls, case: Case, table: FeatureTable, left_out: frozenset[str] = frozenset()) -> Truth:
        types = []
        counts, images_count = (
            ~frame["image_id"].isin(left_out).to_numpy() for frame in (table.given, table.images)
        )
        for image_id, index in zip(table.given["image_id"], table.given["index"], strict=True):
            error = case.injected.get(image_id)
            label = case.records[image_id].instances[int(index)]
            wrong = error is not None and error.instance_id == label.instance_id
            types.append(str(error.error_type) if error and wrong else "")
        images = table.images["image_id"].tolist()
        image_types = [
            str(case.injected[i].error_type) if i in case.injected else "" for i in images
        ]
        kept = table.images["image_id"][images_count]
        numbers = {image_id: number for number, image_id in enumerate(kept)}
        image_of = np.array([numbers[i] for i in table.given["image_id"][counts]])
        lost = [p for p in case.injected.values() if p.instance_id is None]
        seen = [_candidates(error, table, case.names) for error in lost]
        found = float(np.mean([len(classes) > 0 for classes in seen]))
        named = float(np.mean([x.category in y for x, y in zip(lost, seen, strict=True)]))
        array = np.array(types)[counts]
        of_images = np.array(image_types)[images_count]
        return cls(counts, images_count, array != "", array, of_images, image_of, found, named)

    def figures(
        self,
        instances: NDArray | None,
        images: NDArray | None,
        types: NDArray[np.str_] | None = None,
    ) -> dict:
        """What a method's scores are worth; None for what it does not score."""
        bad = self.image_types != ""
        row: dict = {"found": self.found, "named": self.named}
        if images is not None:
            images = images[self.images_count]
            first = np.argsort(-images, kind="stable")
            row |= interval("photo AP", partial(image_ap, bad, images), len(bad))
            row["photo AUROC"] = float(roc_auc_score(bad, images))
            row["P@50"] = float(bad[first[:50]].mean())
            row["P@n"] = float(bad[first[: bad.sum()]].mean())
            for name in injection.TYPES:
                among = (self.image_types == name) | ~bad
                score = partial(image_ap, bad[among], images[among])
                row |= interval(str(name), score, int(among.sum()))
        if instances is not None:
            instances = instances[self.counts]
            row |= interval("instance AP", partial(self._instance_ap, instances), len(bad))
            row["instance AUROC"] = float(roc_auc_score(self.wrong, instances))
            first = np.argsort(-instances, kind="stable")[: self.wrong.sum()]
            hits = first[self.wrong[first]]
            if types is not None:
                row["type right"] = float((types[self.counts][hits] == self.types[hits]).mean())
                row["reliability"] = reliability(instances, self.wrong)
        return row

    def _instance_ap(self, scores: NDArray, sample: NDArray[np.intp]) -> float:
        weight = np.bincount(sample, minlength=len(self.image_types))[self.image_of]
        return float(average_precision_score(self.wrong, scores, sample_weight=weight))


def _candidates(error: InjectedError, table: FeatureTable, names: Sequence[str]) -> list[str]:
    """The classes that the model sees where a missing garment was."""
    there = []
    for row in table.missing[table.missing["image_id"] == error.image_id].itertuples():
        small = rle.decode(rle.parse(str(row.mask)))
        truth = masks.resize_nearest(rle.decode(error.mask), *small.shape)
        if missing_instances.matches(small, truth):
            there.append(names[int(row.class_id)])
    return there


def show(results: Sequence[dict]) -> None:
    """Mean over the seeds, and the least and the most of their intervals."""
    table = pd.DataFrame(results).drop(columns="reliability", errors="ignore")
    columns = ["photo AP", "P@50", "instance AP", "type right", *map(str, injection.TYPES)]
    body = []
    for method, rows in table.groupby("method", sort=False):
        cells = [method]
        for name in columns:
            value = rows[name].mean() if name in rows else np.nan
            cell = "-" if np.isnan(value) else f"{value:.2f}"
            if cell != "-" and f"{name} low" in rows:
                low, high = rows[f"{name} low"].min(), rows[f"{name} high"].max()
                cell += f" ({low:.2f}-{high:.2f})"
            cells.append(cell)
        body.append(cells)
    console.out.print(console.table(["", *columns], body))
    for row in results:
        for part in row.get("reliability") or [] if row["method"] == "ours, matched" else []:
            console.out.print(
                f"seed {row['seed']}: {part['labels']:,} labels from {part['from']:.2f}: "
                f"mean score {part['score']:.2f}, wrong {part['wrong']:.2f}"
            )


if __name__ == "__main__":
    sys.exit(main())
