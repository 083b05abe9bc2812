"""What the two networks that see people tell of labels.

    python -m tests.benchmarks.person_prior --ccp ../shared/data/ccp
    python -m tests.benchmarks.person_prior --ccp ../shared/data/ccp --work FOLDER --seed 0

On the labels as they are: how well silhouettes and landmarks lie, and what they take; the same of
photos that are cut, small, or of two people. Then whole label sets are mirrored, turned or
exchanged, and errors of each type injected into single labels: how well one number tells these
from the labels as they are (AUROC; a label that is wrong against all that are not), and what an
audit names. With ``--work``, ``curate flag`` with people and without, on one set of injected errors
and the models trained on it, which ``tests.benchmarks.flagging --work`` leaves there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from curation.audit import person as audit
from curation.core import console, image_io, masks, rle
from curation.core.person import SIDE, TRANSFORMS, Person, agreement
from curation.core.records import ImageRecord
from curation.issues import injection, pipeline
from curation.issues import person as issues
from curation.issues.feature_table import FeatureTable
from curation.issues.geometry import InstanceMask
from curation.issues.observation import Observation
from tests.benchmarks.flagging import Case, Truth, ccp_records, ours, prepare
from training import recipes
from training.data.image import ImageFile
from training.person import install
from training.person.cache import PersonCache
from training.person.networks import Networks

Photo = tuple[NDArray[np.uint8], NDArray[np.bool_]]

FEET, TOES = "feet", slice(29, 33)
"""Heels and toes, of both feet."""
APART = (7, 50, 333)
"""Label sets go to the photo so many further on."""
FEATURES = ("person_inside", "person_distance", "person_strange", "person_margin")
WORSE_IF_MORE = ("person_distance", "person_strange")


@click.command()
@click.option("--ccp", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--photos", default=799, show_default=True)
@click.option("--wheel", type=click.Path(exists=True, path_type=Path), help="Else pip gets it.")
@click.option("--work", type=click.Path(path_type=Path), help="Flags, too; runs are kept there.")
@click.option("--seed", default=0, show_default=True)
@click.option("--recipe", default="quick", show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    ccp: Path,
    photos: int,
    wheel: Path | None,
    work: Path | None,
    seed: int,
    recipe: str,
    json_file: Path | None,
) -> None:
    records = ccp_records(ccp)[:photos]
    people, seen = look(records, wheel, ccp / "masks")
    rows = {
        **seen,
        **placed(records, people, ccp / "masks"),
        **whole_sets(records, people),
        **single_labels(records, people),
    }
    if work:
        case = prepare(records, work / f"seed{seed}", seed, recipes.load(recipe))
        rows |= flagged(case, dict(zip((r.image_id for r in records), people, strict=True)))
    console.out.print(console.table(("what", "figure"), [(k, f"{v:.4g}") for k, v in rows.items()]))
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1))


def look(
    records: Sequence[ImageRecord], wheel: Path | None, index_masks: Path
) -> tuple[list[Person], dict[str, float]]:
    """Everybody; the CPU time that it took, TensorFlow's start left out; and harder photos."""
    images = [ImageFile(r.image_id, r.image_id, r.path) for r in records]
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        install.install(folder, wheel)
        PersonCache(folder / "first", folder).add(images[:1])
        rows = harder(records[::16], Networks(folder), index_masks)
        cache, begun = PersonCache(folder, folder), time.process_time()
        cache.add(images)
        cpu = 1000 * (time.process_time() - begun) / len(images)
        people = [person for image in images if (person := cache.get(image.key))]
        return people, {"CPU ms a photo": cpu} | rows


def harder(
    records: Sequence[ImageRecord], networks: Networks, index_masks: Path
) -> dict[str, float]:
    """IoU of the silhouette with all that is labelled, and the confidence, of made photos."""
    found: dict[str, list[tuple[float, float]]] = {}
    photos = [
        (image_io.read(r.path), np.asarray(Image.open(index_masks / f"{r.path.stem}.png")) > 0)
        for r in records
    ]
    for one, other in pairwise(photos):
        for name, (pixels, mask) in made_of(one, other).items():
            h, w = mask.shape
            square = cv2.resize(pixels, (512, 512), interpolation=cv2.INTER_AREA)
            person = networks.see_pixels(square.astype(np.float32) / np.float32(255), w / h)
            small = masks.resize_nearest(mask, SIDE, SIDE)
            iou = float(agreement(small, person.silhouette[None])[0])
            found.setdefault(name, []).append((iou, person.confidence))
    return {
        f"{name}: {figure}": float(np.mean([each[i] for each in values]))
        for name, values in found.items()
        for i, figure in enumerate(("IoU of the silhouette", "confidence"))
    }


def made_of(one: Photo, other: Photo) -> dict[str, Photo]:
    """Photos, each with its mask, (h, w, 3) and (h, w)."""
    (pixels, mask), (others, theirs) = one, other
    h, w = mask.shape
    both = min(h, len(theirs))
    wide = ((h, h), (w, w))
    return {
        "as it is": one,
        "upper half": (pixels[: h // 2], mask[: h // 2]),
        "lower half": (pixels[h // 2 :], mask[h // 2 :]),
        "a third as large": (np.pad(pixels, (*wide, (0, 0)), mode="edge"), np.pad(mask, wide)),
        "two people": (
            np.concatenate([pixels[:both], others[:both]], axis=1),
            np.concatenate([mask[:both], theirs[:both]], axis=1),
        ),
    }


def placed(
    records: Sequence[ImageRecord], people: Sequence[Person], index_masks: Path
) -> dict[str, float]:
    """How well silhouettes lie on all that is labelled, hair and skin too; and feet on shoes."""
    ious, feet = [], []
    for record, person in zip(records, people, strict=True):
        path = index_masks / f"{record.path.stem}.png"
        labelled = masks.resize_nearest(np.asarray(Image.open(path)) > 0, SIDE, SIDE)
        both = np.count_nonzero(labelled & person.silhouette)
        ious.append(both / np.count_nonzero(labelled | person.silhouette))
        shoes = [sampled(x.mask) for x in record.instances if x.category == FEET]
        if shoes:
            feet += (issues.landmark_distances(person, np.any(shoes, axis=0))[TOES]).tolist()
    known = [d for d in feet if not np.isnan(d)]
    return {
        "IoU of silhouette and labels": float(np.mean(ious)),
        "5 % of photos have less than": float(np.quantile(ious, 0.05)),
        "confidence above 0.6, share of photos": share([p.confidence >= 0.6 for p in people]),
        "heel or toe to a shoe, heights: median": float(np.median(known)),
        "90 % are nearer than": float(np.quantile(known, 0.9)),
    }


def whole_sets(records: Sequence[ImageRecord], people: Sequence[Person]) -> dict[str, float]:
    """AUROC of the agreement, and the share that an audit names, for each spoilt way."""
    rng = np.random.default_rng(0)
    drawn = rng.permutation(len(people))[: audit.REFERENCES]
    references = np.array([people[i].silhouette for i in drawn])

    def fits(changed: Sequence[ImageRecord]) -> list[audit.Fit]:
        return audit.fits(references, list(zip(changed, people, strict=True)))

    clean = fits(records)
    given = {"agreement": [f.own for f in clean], "best other way round": gains(clean),
             "margin to other photos": [f.margin for f in clean]}  # fmt: skip
    rows = {"named by the audit as they are, photos": float(len(audit.findings(clean)))}
    for name, changed in spoilt(records).items():
        found = [fits(each) for each in changed]
        every = [fit for each in found for fit in each]
        numbers = {"agreement": [f.own for f in every], "best other way round": gains(every),
                   "margin to other photos": [f.margin for f in every]}  # fmt: skip
        for number, values in numbers.items():
            rows[f"{name}: AUROC of {number}"] = auroc(given[number], values)
        # One in five, as in a dataset whose usual margin is that of labels that are right.
        named = 0
        for each in found:
            for part in range(5):
                mixed = clean.copy()
                mixed[part::5] = each[part::5]
                bad = {f.image_id for f in mixed[part::5]}
                named += sum(f.image_id in bad for f in audit.findings(mixed))
        rows[f"{name}: named by the audit, share"] = named / len(every)
    return rows


def gains(fits: Sequence[audit.Fit]) -> list[float]:
    return [fit.own - max(fit.transformed.values()) for fit in fits]


def spoilt(records: Sequence[ImageRecord]) -> dict[str, list[list[ImageRecord]]]:
    """All label sets changed in each way, once or more."""
    ways = {name: [[changed(r, turn) for r in records]] for name, turn in TRANSFORMS.items()}
    others = []
    for step in APART:
        donors = [*records[step % len(records) :], *records[: step % len(records)]]
        others.append([of_another(r, d) for r, d in zip(records, donors, strict=True)])
    return ways | {"of another photo": others}


def changed(record: ImageRecord, turn: Callable[[NDArray], NDArray]) -> ImageRecord:
    return with_masks(record, record, lambda mask: np.ascontiguousarray(turn(mask)))


def of_another(record: ImageRecord, donor: ImageRecord) -> ImageRecord:
    shape = record.height, record.width
    return with_masks(record, donor, lambda mask: masks.resize_nearest(mask, *shape))


def with_masks(
    record: ImageRecord, donor: ImageRecord, change: Callable[[NDArray], NDArray]
) -> ImageRecord:
    """A record with the labels of a donor, each mask changed."""
    instances = [
        replace(x, mask=rle.encode(change(rle.decode(x.mask))), polygons=(), instance_id="")
        for x in donor.instances
    ]
    return replace(record, instances=tuple(instances))


def single_labels(records: Sequence[ImageRecord], people: Sequence[Person]) -> dict[str, float]:
    """AUROC of each feature for wrong labels of each type, against all labels as they are."""
    names = sorted({x.category for r in records for x in r.instances})
    of_class = {name: 1 + i for i, name in enumerate(names)}

    def labels(record: ImageRecord) -> list[InstanceMask]:
        return [InstanceMask(of_class[x.category], sampled(x.mask)) for x in record.instances]

    photos = [(labels(record), person) for record, person in zip(records, people, strict=True)]
    every = [(label, person) for given, person in photos for label in given]
    distances = [issues.landmark_distances(person, label.mask) for label, person in every]
    statistics = issues.PersonStatistics.of(
        distances, [label.class_id for label, _ in every], 1 + len(names)
    )
    clean = [issues.instance_features(person, statistics, label) for label, person in every]
    rng, rows = np.random.default_rng(1), {}
    types = [t for t in injection.TYPES if t != "missing"]
    for error_type in types:
        groups = {name: name for name in names}
        noisy, errors = injection.inject(records, rng, 1.0, [error_type], groups=groups)
        person_of = {r.image_id: p for r, p in zip(records, people, strict=True)}
        record_of = {record.image_id: record for record in noisy}
        wrong = []
        for error in errors:
            given = record_of[error.image_id].instances
            label = next(x for x in given if x.instance_id == error.instance_id)
            mask = InstanceMask(of_class[label.category], sampled(label.mask))
            wrong.append(issues.instance_features(person_of[error.image_id], statistics, mask))
        for feature in FEATURES:
            sign = -1 if feature in WORSE_IF_MORE else 1
            values = [[sign * x[feature] for x in xs] for xs in (clean, wrong)]
            rows[f"{error_type}: AUROC of {feature}"] = auroc(*values)
    return rows


def flagged(case: Case, people: Mapping[str, Person]) -> dict[str, float]:
    """Average precision of flagging, with people and without, from the same probabilities."""

    def observe(image_ids: Sequence[str]) -> Iterator[Observation]:
        for observation in case.observe(image_ids):
            yield replace(observation, person=people[observation.image_id])

    rows, image_ids = {}, list(case.records)
    for name, seen in (("without people", case.observe), ("with people", observe)):
        begun = time.process_time()
        shards = pipeline.extract(case.folder.parent / name, name, image_ids, seen)
        rows[f"flagged {name}: CPU s, of this process"] = time.process_time() - begun
        table = FeatureTable.concat([FeatureTable.load(path) for path in shards])
        found = ours(Truth.of(case, table), table, table)
        rows |= {f"flagged {name}: {k}": v for k, v in found.items() if isinstance(v, float)}
    return rows


def sampled(mask: rle.Rle) -> NDArray[np.bool_]:
    """(SIDE, SIDE) of a mask of the photo's own size."""
    rows, columns = (masks.sample_points(n, SIDE) for n in (mask.height, mask.width))
    return masks.sample(mask, rows, columns)


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """How well small values tell the wrong ones."""
    truth = np.repeat([0, 1], [len(right), len(wrong)])
    return float(roc_auc_score(truth, -np.concatenate([right, wrong])))


def share(values: Sequence[bool]) -> float:
    return float(np.mean(values))


if __name__ == "__main__":
    main()
