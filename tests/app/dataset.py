"""A small drawn dataset as import, remap, predict and flag leave it, some labels wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from curation import store
from curation.core import rle, taxonomy
from curation.core.masks import paint
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.demo import figures
from curation.issues.issue import (
    ErrorType,
    ImageScore,
    Issue,
    PhotoErrorType,
    PhotoIssue,
    digest,
)
from curation.store import results
from curation.store.labels import remap as remap_labels
from curation.store.write import write as write_records

RUN = "r1"
DISTINCT = 40
"""Figures that are drawn; further photos are their copies."""
SOURCE_FIELDS = ("source_label", "source_error_score", "suggested_source_label", "source_reason")
WRONG = {"upper-body": "pants", "lower-body": "dress", "whole-body": "pants", "feet": "pants"}
"""What the largest garment of a class is called instead."""


@dataclass
class DrawnImage:
    """One drawn photo: what is right, and which label is not."""

    record: ImageRecord
    truth: dict[str, str]
    wrong: str = ""
    missing: tuple[Instance, str] | None = None


def build(name: str, folder: Path, images: int = 8, suspects: int | None = None) -> store.Dataset:
    """Writes photos, labels, predictions (the truth) and scores.

    In even photos the largest garment has a wrong label; in odd ones it has none.

    Args:
        suspects: photos of which that holds; the others are right. None for all
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    toml = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
    classes = taxonomy.parse(toml, "supercategories.toml")
    ids = {c.name: c.id for c in classes.classes}
    distinct = [figures.draw_figure(rng, 384, 256) for _ in range(min(images, DISTINCT))]
    drawn = [
        _draw(i, distinct[i % DISTINCT], folder, classes, wrong=suspects is None or i < suspects)
        for i in range(images)
    ]
    write_records(name, (image.record for image in drawn))
    dataset = store.open(name)
    remap_labels(dataset, toml, "supercategories.toml")
    predictions = []
    for image in drawn:
        record = image.record
        layers = [(ids[image.truth[k]], i.mask) for k, i in _instances(image) if image.truth.get(k)]
        label_map = paint(layers, record.height, record.width)
        path = folder / f"{record.image_id}-{RUN}.png"
        Image.fromarray(label_map).save(path)
        predictions.append((record.image_id, path, path))
    results.write_predictions(dataset, RUN, predictions)
    results.write_scores(dataset, RUN, [_score(image, classes) for image in drawn])
    return dataset


def with_copy(dataset: store.Dataset, folder: Path) -> None:
    """Adds ``figure-99``: the file of ``figure-00``, with its first label called otherwise."""
    (first,) = dataset.records("ground_truth", ["figure-00"])
    path = folder / "figure-99.jpg"
    path.write_bytes(first.path.read_bytes())
    label, *rest = first.instances
    other = "hat" if label.category != "hat" else "glasses"
    given = (Instance(other, label.mask), *(Instance(x.category, x.mask) for x in rest))
    write_records(dataset.name, [replace(first, image_id="figure-99", path=path, instances=given)])


@dataclass
class Merged:
    """A label that is doubted as one over two garments.

    Attributes:
        record: of its photo
        label: as it is
        first, second: its upper and its lower half, which are suggested
        other: the class that is suggested for the lower one
    """

    record: ImageRecord
    label: Instance
    first: Rle
    second: Rle
    other: str = "feet"


def doubt_merged(dataset: store.Dataset) -> Merged:
    """Doubts the largest label of a photo in which one is missing, more than all others."""
    (record,) = dataset.records("labels", ["figure-01"])
    label = max((x for x in record.instances if x.category != Merged.other),
                key=lambda x: rle.area(x.mask))  # fmt: skip
    mask = rle.decode(label.mask)
    upper = np.arange(len(mask))[:, None] <= np.flatnonzero(mask.any(axis=1)).mean()
    found = Merged(record, label, rle.encode(mask & upper), rle.encode(mask & ~upper))
    issue = Issue(
        record.image_id, label.instance_id, label.source, label.category, 0.99, ErrorType.MERGED,
        label.category, "two garments", label.source_label, digest=digest(label),
        suggested_mask=found.first, second_label=found.other, second_mask=found.second,
    )  # fmt: skip
    results.write_scores(dataset, RUN, [ImageScore(record.image_id, 0.99, (issue,))])
    return found


MIRRORED = PhotoIssue(
    0.99, str(PhotoErrorType.MIRRORED),
    "its labels would fit mirrored: agreement with the model 0.18 as given, 0.71 mirrored",
    "mirror",
)  # fmt: skip


def doubt_whole(
    dataset: store.Dataset, issue: PhotoIssue = MIRRORED, missing: tuple[Issue, ...] = ()
) -> ImageRecord:
    """Doubts all labels of a photo together, and none of them alone."""
    (record,) = dataset.records("labels", ["figure-01"])
    issues = tuple(
        Issue(record.image_id, x.instance_id, x.source, x.category, 0.1, ErrorType.SHIFTED,
              x.category, "a little aside", x.source_label, digest=digest(x))
        for x in record.instances
    )  # fmt: skip
    scored = ImageScore(record.image_id, issue.error_score, (*issues, *missing), issue)
    results.write_scores(dataset, RUN, [scored])
    return record


def _draw(number, figure, folder, classes, wrong) -> DrawnImage:
    image_id = f"figure-{number:02d}"
    path = folder / f"{image_id}.jpg"
    if number < DISTINCT:
        Image.fromarray(figure.image).save(path, quality=92)
    else:
        path.hardlink_to(folder / f"figure-{number % DISTINCT:02d}.jpg")
    instances = [Instance(g.category, rle.encode(g.mask)) for g in figure.garments if g.mask.any()]
    kept = [i for i in instances if classes.target(i.category) in WRONG]
    largest = max(kept, key=lambda i: rle.area(i.mask))
    rest = [i for i in instances if i is not largest]
    right = classes.target(largest.category)
    called = WRONG[right] if wrong else largest.category
    given = rest if wrong and number % 2 else [*rest, Instance(called, largest.mask)]
    record = ImageRecord(image_id, path, 384, 256, tuple(given))
    keys = [i.instance_id for i in record.instances]
    truth = {k: classes.target(i.category) for k, i in zip(keys, given, strict=True)}
    if not wrong:
        return DrawnImage(record, truth)
    if number % 2:
        missing = Instance(right, largest.mask)
        return DrawnImage(record, truth, missing=(missing, f"f{number:023x}"))
    return DrawnImage(record, {**truth, keys[-1]: right}, wrong=keys[-1])


def _instances(image: DrawnImage):
    yield from ((i.instance_id, i) for i in image.record.instances)
    if image.missing:
        instance, key = image.missing
        image.truth[key] = instance.category
        yield key, instance


def _score(image: DrawnImage, classes: taxonomy.Taxonomy) -> ImageScore:
    record = image.record
    issues = []
    for instance in record.instances:
        key = instance.instance_id
        wrong = key == image.wrong
        said = (
            (0.95, "wrong category", image.truth[key], "another class")
            if wrong
            else (0.1, "", "", "")
        )
        given = classes.target(instance.category) or ""
        label = replace(instance, category=given or "none", source_label=instance.category)
        known = digest(label) if given else ""
        if instance.category == "shoe" and (image.wrong or image.missing):
            sock = ("shoe", 0.6, "sock", "labelled shoe; it looks like sock at 0.93; shoe at 0.02")
            source = dict(zip(SOURCE_FIELDS, sock, strict=True))
        else:
            source = {}
        issue = Issue(record.image_id, key, instance.source, given, *said, digest=known, **source)
        issues.append(issue)
    if image.missing:
        instance, key = image.missing
        said = (0.9, "missing", instance.category, "nobody labelled it")
        issues.append(Issue(record.image_id, key, "", "", *said, mask=instance.mask))
    worst = max((issue.error_score for issue in issues), default=0.0)
    return ImageScore(record.image_id, worst, tuple(issues))
