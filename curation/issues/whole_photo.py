"""Whether the labels of a photo belong to it, taken together.

Labels of another photo, or labels that are mirrored, turned, moved or drawn to another scale, are
one error and not one for each label. So all labels are held against what the model sees as they
are, and as each of these would have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.issues.feature_table import PLACES
from curation.issues.geometry import InstanceMask, Mask
from curation.issues.issue import PhotoErrorType
from curation.issues.observation import Observation
from curation.issues.transform import AS_GIVEN, Transform

GRID = 32
"""Cells a side that photos are compared in: what befalls all labels is no matter of pixels."""

SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.12, 1.25, 1.4, 1.6, 2.0)
"""By which labels may have been drawn for a photo of another size."""

_REACH = 9
"""How far labels may have been moved, in cells: 0.3 sides of the photo."""

_LEAST = 0.02
"""Share of the photo that an error in all labels must change: of less nobody would call it one."""


def features(observation: Observation, labels: Sequence[InstanceMask]) -> dict[str, float] | None:
    """Features of all labels of a photo together, by name; the same names for all photos.

    Args:
        observation: the model's side of it; its own labels do not count
        labels: (S, S) each, as given or with an error in them

    Returns:
        with those of ``PLACES``, which are no features: see :func:`transform_of`. None for a photo
        without labels
    """
    visible = [label for label in labels if label.mask.any()]
    if not visible:
        return None
    p, classes = observation.probabilities, range(1, len(observation.p))
    seen = _cells(p[1:])
    drawn = _cells(_layers(visible, len(classes)))
    given = _agreement(drawn, seen)
    best: dict[PhotoErrorType, tuple[float, Transform]] = dict.fromkeys(_KINDS, (given, AS_GIVEN))
    for fit, transform in _tried(drawn, seen):
        best[transform.error_type] = max(best[transform.error_type], (fit, transform))
    sure = _agreement(_cells(np.stack([observation.best == k for k in classes])), seen)
    shape, body = drawn.max(axis=0)[None], seen.sum(axis=0)[None]
    silhouette = _agreement(shape, body)
    turned = max(_agreement(x, body) for x in (shape[:, :, ::-1], shape[:, ::-1, ::-1]))
    own = [float(p[label.class_id][label.mask].mean()) for label in visible]
    garment = [float(1 - p[0][label.mask].mean()) for label in visible]
    moved, scaled = best[PhotoErrorType.MOVED][1], best[PhotoErrorType.SCALED][1]
    places = (moved.right, moved.down, scaled.scale, scaled.right, scaled.down)
    return {
        "fit": given,
        "misfit": 1 - given,
        "fit_sure": sure,
        "fit_of_sure": given / max(sure, 1e-3),
        "fit_silhouette": silhouette,
        "gain_silhouette": turned - silhouette,
        **{f"fit_{kind}": fit for kind, (fit, _) in best.items()},
        **{f"gain_{kind}": fit - given for kind, (fit, _) in best.items()},
        "gain": max(fit for fit, _ in best.values()) - given,
        "p_own_mean": float(np.mean(own)),
        "p_own_best": max(own),
        "p_own_worst": min(own),
        "p_garment_mean": float(np.mean(garment)),
        "p_garment_worst": min(garment),
        "labels": float(len(visible)),
        "log_area": float(np.log(shape.mean() + 1e-3)),
        "log_area_seen": float(np.log(body.mean() + 1e-3)),
        "image_entropy": observation.mean_entropy,
        **dict(zip(PLACES, places, strict=True)),
    }


def transform_of(row: Mapping[str, float], error_type: PhotoErrorType) -> Transform | None:
    """What would mend an error of all labels, of features as :func:`features` gives them; None
    where nothing would."""
    right, down, scale, scaled_right, scaled_down = (float(row[name]) for name in PLACES)
    found = {
        PhotoErrorType.MIRRORED: Transform(mirror=True),
        PhotoErrorType.TURNED: Transform(turn=True),
        PhotoErrorType.MOVED: Transform(right=right, down=down),
        PhotoErrorType.SCALED: Transform(scale=scale, right=scaled_right, down=scaled_down),
    }.get(error_type)
    return None if found == AS_GIVEN else found


_KINDS = tuple(kind for kind in PhotoErrorType if kind is not PhotoErrorType.ANOTHER_PHOTO)


def _layers(labels: Sequence[InstanceMask], classes: int) -> Mask:
    """(classes, S, S) where each is labelled."""
    side = labels[0].mask.shape if labels else (1, 1)
    layers = np.zeros((classes, *side), bool)
    for label in labels:
        layers[label.class_id - 1] |= label.mask
    return layers


def _cells(maps: NDArray) -> NDArray[np.float32]:
    """(N, GRID, GRID) means of (N, S, S) maps."""
    size = (GRID, GRID)
    maps = maps.astype(np.float32, copy=False)
    return np.stack([cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in maps])


def _agreement(drawn: NDArray[np.float32], seen: NDArray[np.float32]) -> float:
    """Dice of two stacks of soft maps, each in [0, 1]."""
    total = float((drawn * drawn).sum() + (seen * seen).sum())
    return 2 * float((drawn * seen).sum()) / total if total else 0.0


def _tried(
    drawn: NDArray[np.float32], seen: NDArray[np.float32]
) -> Iterator[tuple[float, Transform]]:
    """How well the labels fit after each transform."""
    yield _agreement(drawn[:, :, ::-1], seen), Transform(mirror=True)
    yield _agreement(drawn[:, ::-1, ::-1], seen), Transform(turn=True)
    squares = float((seen * seen).sum())
    labelled = drawn.any(axis=(1, 2))
    drawn, there = drawn[labelled], _spectrum(seen[labelled])
    for scale in (1.0, *SCALES):
        side = round(GRID * scale)
        scaled = drawn
        if scale != 1:
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            scaled = np.stack([cv2.resize(m, (side, side), interpolation=way) for m in drawn])
            scaled = scaled[:, :GRID, :GRID]
        # All places at once: the product of the one's spectrum with the other's turned round.
        common = np.fft.irfft2((np.conj(_spectrum(scaled)) * there).sum(axis=0), (_ROOM, _ROOM))
        fit = 2 * common / ((scaled * scaled).sum() + squares)
        near = np.r_[0 : _REACH + 1, _ROOM - _REACH : _ROOM]
        window = fit[np.ix_(near, near)]
        row, column = np.unravel_index(window.argmax(), window.shape)
        down, right = (int(near[i]) - _ROOM * (near[i] > _ROOM // 2) for i in (row, column))
        if scale != 1 or (right, down) != (0, 0):
            place = Transform(scale=scale, right=round(right / GRID, 4), down=round(down / GRID, 4))
            yield float(window[row, column]), place


_ROOM = 48
"""Cells a side, so that what leaves the photo on one side does not come in on the other: no fewer
than ``GRID + _REACH``, and quick to transform."""


def _spectrum(maps: NDArray[np.float32]) -> NDArray[np.complex128]:
    return np.fft.rfft2(maps, (_ROOM, _ROOM))


def spoilt(
    observation: Observation, others: Sequence[Observation], rng: np.random.Generator
) -> tuple[PhotoErrorType, list[InstanceMask]] | None:
    """The labels of a photo with one error in all of them, to learn from.

    Args:
        others: photos whose labels may be taken for this one's

    Returns:
        None where the error changes next to nothing
    """
    labels, side = observation.label_masks, observation.side
    kind = rng.choice(list(PhotoErrorType))
    if kind == PhotoErrorType.ANOTHER_PHOTO:
        theirs = [other.label_masks for other in others if other.label_masks]
        spoilt = list(theirs[int(rng.integers(len(theirs)))]) if theirs else []
    else:
        transform = _drawn(PhotoErrorType(kind), rng)
        spoilt = [replace(label, mask=transform.applied(label.mask)) for label in labels]
    if not spoilt:
        return None
    before, after = (_layers(x, len(observation.p) - 1) for x in (labels, spoilt))
    changed = np.count_nonzero((before ^ after).any(axis=0))
    return (PhotoErrorType(kind), spoilt) if changed >= _LEAST * side**2 else None


def _drawn(kind: PhotoErrorType, rng: np.random.Generator) -> Transform:
    """A transform that makes such an error."""
    if kind == PhotoErrorType.MIRRORED:
        return Transform(mirror=True)
    if kind == PhotoErrorType.TURNED:
        return Transform(turn=True)
    if kind == PhotoErrorType.MOVED:
        right, down = rng.uniform(0.05, 0.25, 2) * rng.choice([-1, 1], 2)
        return Transform(right=float(right), down=float(down))
    low, high = ((0.5, 0.85), (1.18, 1.8))[int(rng.integers(2))]
    return Transform(scale=float(rng.uniform(low, high)))
