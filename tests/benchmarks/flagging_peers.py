"""What others do to find wrong labels, on the same probabilities and the same labels.

Each takes the photos one after the other and the features of the labels, and gives a score of each
label, in the order of the features, and of each photo; or None where it has no such score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
from cleanlab.segmentation.filter import find_label_issues
from cleanlab.segmentation.rank import get_label_quality_scores
from numpy.typing import NDArray

from curation.issues.feature_table import FeatureTable
from curation.issues.observation import Observation

Judged = tuple[NDArray | None, NDArray | None]
Peer = Callable[[Iterator["PeerImage"], FeatureTable], Judged]


@dataclass
class PeerImage:
    """One photo as a peer takes it.

    Attributes:
        p: (K, S, S) float32
        label_map: (S, S) uint8, small garments on top
        labels: class id and (S, S) mask of each label
    """

    image_id: str
    p: NDArray[np.float32]
    label_map: NDArray[np.uint8]
    labels: list[tuple[int, NDArray[np.bool_]]]

    @classmethod
    def of(cls, observation: Observation) -> PeerImage:
        labels = [(label.class_id, label.mask) for label in observation.label_masks]
        label_map = np.zeros((observation.side, observation.side), np.uint8)
        for class_id, mask in sorted(labels, key=lambda label: -int(label[1].sum())):
            label_map[mask] = class_id
        return cls(observation.image_id, observation.probabilities, label_map, labels)


def by_probability(images: Iterator[PeerImage], table: FeatureTable) -> Judged:
    rng = np.random.default_rng(0)
    return rng.random(len(table.given)), rng.random(len(table.images))


def self_confidence(images: Iterator[PeerImage], table: FeatureTable) -> Judged:
    """1 - the mean probability of the given class: of a photo's pixels, and of a label's."""
    whole = []
    for image in images:
        given = np.take_along_axis(image.p, image.label_map[None].astype(np.intp), 0)
        whole.append(1 - given.mean())
    return 1 - table.given["p_own"].to_numpy(), np.array(whole)


def softmin(images: Iterator[PeerImage], table: FeatureTable) -> Judged:
    """cleanlab's own function for photos; the same formula within each label."""
    whole = []
    for image in images:
        quality, _ = get_label_quality_scores(
            image.label_map[None].astype(int), image.p[None], method="softmin", verbose=False
        )
        whole.append(1 - quality[0])
    return table.given["softmin"].to_numpy(), np.array(whole)


def label_issues(images: Iterator[PeerImage], table: FeatureTable) -> Judged:
    """The share of pixels that cleanlab calls issues. It wants all photos at once."""
    every = list(images)
    found = find_label_issues(
        np.stack([image.label_map for image in every]).astype(int),
        np.stack([image.p for image in every]),
        n_jobs=1, verbose=False,
    )  # fmt: skip
    pixels = {image.image_id: issues for image, issues in zip(every, found, strict=True)}
    labels = {image.image_id: image.labels for image in every}
    shares = [
        pixels[image_id][labels[image_id][int(index)][1]].mean()
        for image_id, index in zip(table.given["image_id"], table.given["index"], strict=True)
    ]
    return np.array(shares), found.reshape(len(found), -1).mean(axis=1)


def mistakenness(images: Iterator[PeerImage], table: FeatureTable) -> Judged:
    """FiftyOne's, which holds boxes against boxes: of labels, and of connected predictions."""
    dataset = fo.Dataset()
    try:
        samples = []
        for image in images:
            sample = fo.Sample(image.image_id)
            given = [_detection(str(class_id), mask) for class_id, mask in image.labels]
            for index, detection in enumerate(given):
                detection["index"] = index
            sample["given"] = fo.Detections(detections=given)
            sample["seen"] = fo.Detections(detections=_connected(image))
            samples.append(sample)
        dataset.add_samples(samples, progress=False)
        fob.compute_mistakenness(dataset, "seen", "given", progress=False)
        scores = {}
        whole = []
        for sample in dataset.iter_samples():
            own = [_mistaken(detection) for detection in sample["given"].detections]
            scores[sample.filepath.rsplit("/", 1)[-1]] = own
            whole.append(max([*own, 0.5 * bool(sample["possible_missing"])]))
    finally:
        dataset.delete()
    labels = [
        scores[image_id][int(index)]
        for image_id, index in zip(table.given["image_id"], table.given["index"], strict=True)
    ]
    return np.array(labels), np.array(whole)


def _mistaken(given: fo.Detection) -> float:
    """Where no prediction meets a label FiftyOne says no more than that it may be spurious."""
    known = given.has_field("mistakenness") and given["mistakenness"]
    return known if isinstance(known, float) else 0.5


def _connected(image: PeerImage) -> list[fo.Detection]:
    best = image.p.argmax(0)
    found = []
    for class_id in range(1, len(image.p)):
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(
            (best == class_id).view(np.uint8)
        )
        for piece in range(1, count):
            if stats[piece, cv2.CC_STAT_AREA] < 12 / 128**2 * best.size:
                continue
            mask = pieces == piece
            confidence = float(image.p[class_id][mask].mean())
            found.append(_detection(str(class_id), mask, confidence=confidence))
    return found


def _detection(label: str, mask: NDArray[np.bool_], **more: float) -> fo.Detection:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return fo.Detection(label=label, bounding_box=[0, 0, 0, 0], **more)
    height, width = mask.shape
    box = [columns[0] / width, rows[0] / height,
           (columns[-1] + 1 - columns[0]) / width, (rows[-1] + 1 - rows[0]) / height]  # fmt: skip
    return fo.Detection(label=label, bounding_box=[float(v) for v in box], **more)


PEERS: dict[str, Peer] = {
    "random": by_probability,
    "mean self-confidence": self_confidence,
    "softmin (cleanlab)": softmin,
    "find_label_issues (cleanlab)": label_issues,
    "mistakenness (FiftyOne)": mistakenness,
}
