"""How near the masks that flagging suggests come to the truth, beside the label and the argmax.

    python -m tests.benchmarks.suggestions --ccp ../shared/data/ccp --json suggestions.json

Models are trained out of fold on labels with errors in them, as by ``tests.benchmarks.flagging``
(the same ``--work`` is gone on with). Into the labels of each photo one error of each kind is put,
at the photo's own size, one after the other: the model that judges a photo never saw its labels.
``as given`` is the label with the error, ``argmax`` what the review panel drew before: the regions
of the prediction that reach into the label's box. Of a merged label the mean over both garments
counts, and one without a mask counts 0. ``right``: labels without an error, doubted as if their
boundary were bad. Missing garments are those of which a candidate was found.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from curation.core import console, image_io, masks, rle
from curation.core.records import ImageRecord
from curation.core.rle import Rle
from curation.issues import missing_instances
from curation.issues.corruptions import (
    MODERATE,
    Corruption,
    ImageLabels,
    distort_boundary,
    drop,
    merge,
    shift,
)
from curation.issues.geometry import InstanceMask, Mask
from curation.issues.issue import ErrorType
from curation.issues.observation import Label, Observation, judged
from curation.issues.suggestion import PHOTO, suggest
from curation.store.pictures import predicted_mask
from tests.benchmarks.flagging import ccp_records, drawn_records, prepare
from tests.benchmarks.flagging_figures import interval
from training import recipes

TOLERANCE = 0.0075
"""Of the photo's diagonal: how far apart two outlines are one, for the boundary F."""


def cut_in_half(image: ImageLabels) -> Corruption | None:
    """Half of a label, along a straight line."""
    for i in image.large():
        label = image.labels[i]
        rows, columns = np.nonzero(label.mask)
        angle = image.rng.uniform(0, 2 * np.pi)
        along = rows * np.sin(angle) + columns * np.cos(angle)
        kept = along <= np.quantile(along, 0.5)
        half = np.zeros_like(label.mask)
        half[rows[kept], columns[kept]] = True
        if np.count_nonzero(half) >= image.least:
            return Corruption(i, InstanceMask(label.class_id, half))
    return None


def nothing(image: ImageLabels) -> Corruption | None:
    """A label as it is."""
    return next((Corruption(i, image.labels[i]) for i in image.large()), None)


KINDS = {
    "bad boundary": (distort_boundary, ErrorType.BAD_BOUNDARY),
    "half": (cut_in_half, ErrorType.BAD_BOUNDARY),
    "shifted": (shift, ErrorType.SHIFTED),
    "merged": (merge, ErrorType.MERGED),
    "missing": (drop, ErrorType.MISSING),
    "right": (nothing, ErrorType.BAD_BOUNDARY),
}


@dataclass(frozen=True)
class Case:
    """One error in a photo.

    Attributes:
        kind: of KINDS
        given: the label with the error; of a missing garment, where a candidate is
        truth: one label, or of a merged one both
        others: the photo's other labels
    """

    kind: str
    given: InstanceMask
    truth: Sequence[InstanceMask]
    others: Sequence[InstanceMask]

    def outcomes(
        self, p: NDArray[np.float16], photo: NDArray[np.uint8]
    ) -> Iterator[tuple[str, list[Mask | None], float]]:
        """What each way comes to: its name, a mask for each truth, and the seconds it took."""
        none: list[Mask | None] = [None] * (len(self.truth) - 1)
        missing = self.kind == "missing"
        yield "as given", [None if missing else self.given.mask, *none], 0.0
        argmax = self.given.mask if missing else _argmax(p, self.given)
        yield "argmax", [argmax, *none], 0.0
        start = time.perf_counter()
        given, *others = (Label(x.class_id, rle.encode(x.mask)) for x in (self.given, *self.others))
        right = suggest(KINDS[self.kind][1], given, others, p, photo)
        took = time.perf_counter() - start
        if right is None:  # the panel draws what it drew before
            yield "suggested", [argmax, *none], took
            return
        second = right.second
        named = none and second and second[0] == self.truth[1].class_id
        yield "suggested", [rle.decode(right.mask), *([_decoded(second)] if named else none)], took


def _decoded(second: tuple[int, Rle] | None) -> Mask | None:
    return rle.decode(second[1]) if second else None


def _argmax(p: NDArray[np.float16], label: InstanceMask) -> Mask:
    height, width = label.mask.shape
    left, top, w, h = rle.bbox(rle.encode(label.mask))
    box = (left / width, top / height, w / width, h / height)
    region = predicted_mask(p.argmax(axis=0).astype(np.uint8), label.class_id, box)
    return cv2.resize(region.astype(np.float32), (width, height)) > 0.5


def cases(observation: Observation, rng: np.random.Generator) -> Iterator[Case]:
    """One error of each kind that the labels of a photo have room for."""
    labels = [InstanceMask(x.class_id, rle.decode(x.mask)) for x in observation.labels]
    image = ImageLabels(labels, range(1, len(observation.p)), lambda: None, rng, MODERATE)
    for kind, (corrupt, _) in KINDS.items():
        change = corrupt(image) if labels else None
        if change is None or change.index is None:
            continue
        gone = [i for i in (change.index, change.absorbed) if i is not None]
        others = [label for i, label in enumerate(labels) if i not in gone]
        given = change.now or _candidate(observation, labels[change.index], others)
        if given:
            yield Case(kind, given, [labels[i] for i in gone], others)


def _candidate(
    observation: Observation, truth: InstanceMask, others: Sequence[InstanceMask]
) -> InstanceMask | None:
    """Where flagging would see that a garment is missing."""
    sampled = [InstanceMask(x.class_id, _small(x.mask, observation.side)) for x in others]
    thresholds = np.full(len(observation.p), 0.8, np.float32)
    where = _small(truth.mask, observation.side)
    found = [
        x.mask
        for x in missing_instances.candidates(observation, thresholds, sampled)
        if x.class_id == truth.class_id and missing_instances.matches(x.mask, where)
    ]
    if not found:
        return None
    best = max(found, key=lambda mask: np.count_nonzero(mask & where))
    return InstanceMask(truth.class_id, masks.resize_nearest(best, *truth.mask.shape))


def _small(mask: Mask, side: int) -> Mask:
    return masks.resize_nearest(mask, side, side)


def iou(mask: Mask | None, truth: Mask) -> float:
    if mask is None:
        return 0.0
    return float(np.count_nonzero(mask & truth) / max(np.count_nonzero(mask | truth), 1))


def boundary_f(mask: Mask | None, truth: Mask) -> float:
    """F of the outlines' pixels that have one of the other's within ``TOLERANCE``."""
    if mask is None or not mask.any():
        return 0.0
    reach = max(1, round(TOLERANCE * float(np.hypot(*truth.shape))))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    edges = [_edge(x) for x in (mask, truth)]
    near = [cv2.dilate(x.view(np.uint8), kernel).view(bool) for x in edges]
    precision = np.count_nonzero(edges[0] & near[1]) / np.count_nonzero(edges[0])
    recall = np.count_nonzero(edges[1] & near[0]) / np.count_nonzero(edges[1])
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _edge(mask: Mask) -> Mask:
    framed = np.pad(mask, 1).view(np.uint8)
    return mask & ~cv2.erode(framed, np.ones((3, 3), np.uint8))[1:-1, 1:-1].view(bool)


def measure(
    records: Mapping[str, ImageRecord], observations: Iterator[Observation], seed: int
) -> dict[tuple[str, str], list[tuple[float, float, float]]]:
    """IoU, boundary F and seconds of each error, by kind and way."""
    figures = defaultdict(list)
    for number, observation in enumerate(observations):
        photo = image_io.read(records[observation.image_id].path, PHOTO)
        for case in cases(observation, np.random.default_rng([seed, number])):
            for name, found, took in case.outcomes(observation.p, photo):
                pairs = list(zip(found, (x.mask for x in case.truth), strict=True))
                overlap = float(np.mean([iou(*pair) for pair in pairs]))
                edges = float(np.mean([boundary_f(*pair) for pair in pairs]))
                figures[case.kind, name].append((overlap, edges, took))
    return figures


def rows(figures: Mapping[tuple[str, str], list[tuple[float, float, float]]]) -> Iterator[dict]:
    for (kind, name), each in figures.items():
        overlap, edges, took = np.array(each).T
        before = np.array(figures[kind, "as given"])[:, 0]
        yield {
            "kind": kind,
            "mask": name,
            "errors": len(each),
            **interval("IoU", lambda sample, of=overlap: float(of[sample].mean()), len(each)),
            "median IoU": float(np.median(overlap)),
            "boundary F": float(edges.mean()),
            "nearer than given": float(np.mean(overlap > before)),
            "ms": float(1000 * took.mean()),
        }


@click.command()
@click.option("--ccp", type=click.Path(exists=True, path_type=Path))
@click.option("--figures", type=int, help="Drawn figures instead of photos.")
@click.option("--images", type=int, help="Photos that errors are put into; else all.")
@click.option("--seed", default=0, show_default=True)
@click.option("--recipe", default="quick", show_default=True)
@click.option("--work", type=click.Path(path_type=Path), help="Where runs are kept; else nowhere.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    ccp: Path | None,
    figures: int | None,
    images: int | None,
    seed: int,
    recipe: str,
    work: Path | None,
    json_file: Path | None,
) -> None:
    with TemporaryDirectory() as scratch:
        folder = work or Path(scratch)
        clean = ccp_records(ccp) if ccp else drawn_records(folder / "drawn", figures or 200)
        case = prepare(clean, folder / f"seed{seed}", seed, recipes.load(recipe))
        records = {record.image_id: record for record in clean if judged(record)}
        drawn = np.random.default_rng(seed).permutation(sorted(records)).tolist()[:images]
        # The truth: what errors are in the labels that the models were taught is known, and gone.
        case.records = records
        measured = list(rows(measure(records, case.observe(sorted(drawn)), seed)))
    if json_file:
        json_file.write_text(json.dumps(measured, indent=1))
    show(measured)


def show(measured: Sequence[Mapping]) -> None:
    console.say(f"{'':14s}{'':10s} errors   IoU (95 %)          median  F      nearer  ms")
    for row in measured:
        low, high = row["IoU low"], row["IoU high"]
        console.say(
            f"{row['kind']:14s}{row['mask']:10s}{row['errors']:6d}   {row['IoU']:.3f} "
            f"({low:.3f}-{high:.3f})  {row['median IoU']:.3f}   {row['boundary F']:.3f}  "
            f"{row['nearer than given']:.2f}    {row['ms']:.0f}"
        )


if __name__ == "__main__":
    main()
