"""What tells a correct label from a wrong one: features of one instance.

An instance is held against the model's probabilities on its own mask, never as part of
one flattened map: garments overlap. Lengths are in roots of its area, so that a shoe and
a coat are measured alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.issues.disagreement import softmin
from curation.issues.geometry import InstanceMask, Mask, Window, around, depth, distance
from curation.issues.observation import Observation

FEWEST = 4
"""Pixels at the size of the probabilities: of less, nothing can be said."""

_RIM = 1.5
"""Pixels from the outline that annotators and models draw one way or another."""
_BANDS = (0.0, 0.08, 0.2, 0.36)
"""Edges of the bands along the outline, beyond the rim, in roots of the area."""
_STRETCH = 0.12
"""How far beyond its outline a garment is looked at, in roots of the area."""
_REACH = 0.6
"""How far a shifted mask is looked for, in roots of its area."""
_SURE_ODDS = 4.0
"""Log odds of a pixel count up to here: where to look for a mask is a matter of many pixels."""
_PIECE = 0.03
"""Share of an instance below which another class in it is not looked at."""
_DOT = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def features(
    observation: Observation,
    thresholds: NDArray[np.float32],
    labels: Sequence[InstanceMask],
    index: int,
) -> dict[str, float] | None:
    """Features of one of a photo's labels, by name; the same names for all.

    Args:
        observation: the model's side of it; its own labels do not count
        thresholds: (K,) from which probability on a pixel of each class is confident
        labels: of the photo, (S, S) each, as given or with an error in them
        index: which of them

    Returns:
        None for an instance of fewer than ``FEWEST`` pixels
    """
    area = int(np.count_nonzero(labels[index].mask))
    if area < FEWEST:
        return None
    crop = _Crop.of(observation, thresholds, labels, index, area)
    agreement, other, piece = _agreement(crop)
    return {
        **agreement,
        **_bands(crop),
        **_shape(crop),
        **_same_class_around(crop),
        **_better_fit(crop),
        **_open_edge(crop),
        **_piece_of_another(crop, piece),
        **_company(crop, other),
    }


@dataclass(frozen=True, slots=True)
class _Crop:
    """An instance among the labels of its photo, in a window around it.

    Attributes:
        area: pixels
        root: of the area
        mask: (h, w) of the window
        inside, outside: (h, w) pixels to the outline, 0 on the other side of it
        core: (h, w) the mask without its rim, or all of a thin one
        confident: (h, w) where the model is
    """

    observation: Observation
    labels: Sequence[InstanceMask]
    index: int
    area: int
    root: float
    window: Window
    mask: Mask
    inside: NDArray[np.float32]
    outside: NDArray[np.float32]
    core: Mask
    confident: Mask

    @classmethod
    def of(
        cls,
        observation: Observation,
        thresholds: NDArray[np.float32],
        labels: Sequence[InstanceMask],
        index: int,
        area: int,
    ) -> _Crop:
        root = float(np.sqrt(area))
        window = around(labels[index].mask, int(np.ceil(max(4, _BANDS[-1] * root))))
        mask = np.ascontiguousarray(labels[index].mask[window])
        inside = depth(mask)
        core = inside > _RIM
        if np.count_nonzero(core) < max(FEWEST, area / 4):
            core = mask
        confident = observation.confident(thresholds, window)
        return cls(
            observation, labels, index, area, root, window, mask, inside, distance(mask), core,
            confident,
        )  # fmt: skip

    @property
    def class_id(self) -> int:
        return self.labels[self.index].class_id

    @property
    def p(self) -> NDArray[np.float32]:
        return self.observation.probabilities[:, *self.window]

    @property
    def best(self) -> NDArray[np.uint8]:
        return self.observation.best[self.window]

    def others(self) -> list[InstanceMask]:
        return [label for i, label in enumerate(self.labels) if i != self.index]


def _agreement(crop: _Crop) -> tuple[dict[str, float], int, int]:
    """How the model's classes lie in the core; the likeliest other garment in all of it, and
    the other garment that is the likeliest in most of its pixels (0 for none)."""
    observation, k, core = crop.observation, crop.class_id, crop.core
    p = crop.p[:, core]
    log_p = observation.log_p[:, *crop.window][:, core].mean(axis=1)
    best, sure = crop.best[core], crop.confident[core]
    share = np.bincount(best, minlength=len(p)) / best.size
    others = log_p.copy()
    others[[0, k]] = -np.inf
    other = int(others.argmax()) if len(p) > 2 else 0
    pieces = share.copy()
    pieces[[0, k]] = 0
    own = np.sort(p[k])
    mean = p.mean(axis=1)
    values = {
        "p_own": mean[k],
        "p_background": mean[0],
        "p_other": mean[other],
        "log_p_own": log_p[k],
        "margin_other": log_p[k] - log_p[other],
        "margin_background": log_p[k] - log_p[0],
        "p_own_low": own[own.size // 10],
        "p_own_median": own[own.size // 2],
        "softmin": softmin(own),
        "share_own": share[k],
        "share_background": share[0],
        "share_other": share[other],
        "sure_own": np.mean(sure & (best == k)),
        "sure_background": np.mean(sure & (best == 0)),
        "sure_other": np.mean(sure & (best != 0) & (best != k)),
        "entropy": observation.entropy[crop.window][core].mean(),
        "other": other,
    }
    values |= {f"p_{j}": mean[j] for j in range(1, len(mean))}
    return values, other, int(pieces.argmax())


def _bands(crop: _Crop) -> dict[str, float]:
    """Own class and background by the distance to the outline: is it drawn where it should be?"""
    edges = [0.0, *(_RIM + band * crop.root for band in _BANDS), np.inf]
    own, background = crop.p[crop.class_id], crop.p[0]
    values = {}
    for name, far, bands in (
        ("inside", crop.inside, [edges[0], edges[1], edges[2], edges[3], edges[5]]),
        ("outside", crop.outside, edges[:5]),
    ):
        for number, (low, high) in enumerate(pairwise(bands)):
            band = (far > low) & (far <= high)
            filled = band.any()
            values[f"{name}_{number}_own"] = own[band].mean() if filled else -1
            values[f"{name}_{number}_background"] = background[band].mean() if filled else -1
    return values


def _shape(crop: _Crop) -> dict[str, float]:
    """Outline and position, as far as they differ between kinds of garments and of errors."""
    side = crop.observation.side
    rows, columns = (np.flatnonzero(crop.mask.any(axis=axis)) for axis in (1, 0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    top, left = crop.window[0].start, crop.window[1].start
    rings, _ = cv2.findContours(crop.mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(rings, key=len)
    around_it = sum(len(ring) for ring in rings)
    whole = crop.labels[crop.index].mask
    at_frame = sum(int(np.count_nonzero(edge)) for edge in (whole[[0, -1]], whole[:, [0, -1]]))
    return {
        "log_area": np.log(crop.area / side**2),
        "x": (left + (columns[0] + columns[-1] + 1) / 2) / side,
        "y": (top + (rows[0] + rows[-1] + 1) / 2) / side,
        "log_ratio": np.log(height / width),
        "extent": crop.area / (height * width),
        "solidity": cv2.contourArea(largest) / max(cv2.contourArea(cv2.convexHull(largest)), 1),
        "compactness": 4 * np.pi * crop.area / around_it**2,
        "parts": len(rings),
        "at_frame": at_frame / around_it,
    }


def _same_class_around(crop: _Crop) -> dict[str, float]:
    """What the model sees of the own class, in and beyond the mask, connected with it."""
    pieces = crop.observation.pieces[crop.class_id]
    met = np.bincount(pieces.labels[crop.window][crop.mask], minlength=len(pieces.areas))
    met[0] = 0
    touched = met > 0
    if not touched.any():
        overlaps = ("iou_piece", "iou_pieces", "explains")
        beyond = ("goes_on", "goes_on_unlabelled", "p_unlabelled")
        return dict.fromkeys((*overlaps, *beyond), 0.0)
    main, common, whole = int(met.argmax()), int(met.sum()), int(pieces.areas[touched].sum())
    free = touched[pieces.labels]
    for label in crop.labels:
        if label.class_id == crop.class_id:
            free &= ~label.mask
    unlabelled = int(np.count_nonzero(free))
    return {
        "iou_piece": met[main] / (crop.area + pieces.areas[main] - met[main]),
        "iou_pieces": common / (crop.area + whole - common),
        "explains": common / pieces.areas[1:].sum(),
        "goes_on": (whole - common) / crop.area,
        "goes_on_unlabelled": unlabelled / crop.area,
        "p_unlabelled": crop.observation.probabilities[crop.class_id][free].mean()
        if unlabelled
        else 0.0,
    }


def _better_fit(crop: _Crop) -> dict[str, float]:
    """How much better the mask would fit elsewhere: the log odds of its class under it."""
    p = crop.p[crop.class_id]
    with np.errstate(divide="ignore"):
        odds = np.log(p) - np.log1p(-p)
    odds = odds.clip(-_SURE_ODDS, _SURE_ODDS)
    for label in crop.others():
        if label.class_id == crop.class_id:  # the other shoe: its place is taken
            odds[label.mask[crop.window] & ~crop.mask] = -_SURE_ODDS / 2
    step = max(1, int(crop.root / 16))
    mask = crop.mask[::step, ::step].astype(np.float32)
    reach = int(_REACH * crop.root / step) + 1
    # Beyond the window lies the frame, or what is rather not of this class.
    room = cv2.copyMakeBorder(
        odds[::step, ::step], *4 * (reach,), cv2.BORDER_CONSTANT, value=-_SURE_ODDS / 2
    )
    fit = cv2.matchTemplate(room, mask, cv2.TM_CCORR) / max(mask.sum(), 1)
    row, column = np.unravel_index(fit.argmax(), fit.shape)
    return {
        "fit": fit[reach, reach],
        "fit_gain": fit[row, column] - fit[reach, reach],
        "fit_distance": np.hypot(row - reach, column - reach) * step / crop.root,
    }


def _open_edge(crop: _Crop) -> dict[str, float]:
    """The longest stretch along the outline beyond which the model sees the garment go on: half a
    garment ends there in a straight line, another annotator's outline runs beside it in bits."""
    width = max(2.0, _STRETCH * crop.root)
    beyond = (crop.outside > _RIM) & (crop.outside <= _RIM + width)
    beyond &= crop.best == crop.class_id
    for label in crop.others():
        if label.class_id == crop.class_id:
            beyond &= ~label.mask[crop.window]
    values = dict.fromkeys(("open", "open_p", "open_length", "open_bend", "open_labelled"), 0.0)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(beyond.view(np.uint8))
    if count < 2:
        return values
    piece = pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    rows, columns = np.nonzero(piece)
    labelled = np.zeros_like(piece)
    for label in crop.others():
        labelled |= label.mask[crop.window]
    # Of a bar of some length and width, what its pixels vary along and across it.
    across, along = np.linalg.eigvalsh(np.cov(rows, columns)) if rows.size > 1 else (0.0, 0.0)
    return {
        "open": rows.size / (width * crop.root),
        "open_p": crop.p[crop.class_id][piece].mean(),
        "open_length": np.sqrt(12 * max(along, 0)) / crop.root,
        "open_bend": np.sqrt(12 * max(across, 0)) / width,
        "open_labelled": labelled[piece].mean(),
    }


def _piece_of_another(crop: _Crop, other: int) -> dict[str, float]:
    """The largest connected piece inside that the model takes for another garment: merged?"""
    values = dict.fromkeys(
        ("piece", "piece_p", "piece_extent", "piece_unlabelled", "rest_own", "rest_p"), 0.0
    )
    values["piece_class"] = other
    there = crop.mask & (crop.best == other)
    if not other or np.count_nonzero(there) < _PIECE * crop.area:
        return values
    opened = cv2.morphologyEx(there.view(np.uint8), cv2.MORPH_OPEN, _DOT)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return values
    main = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    piece = pieces == main
    _, _, width, height, area = stats[main]
    labelled = np.zeros_like(piece)
    for label in crop.others():
        if label.class_id == other:
            labelled |= label.mask[crop.window]
    values |= {
        "piece": area / crop.area,
        "piece_p": crop.p[other][piece].mean(),
        "piece_extent": area / (width * height),
        "piece_unlabelled": 1 - labelled[piece].mean(),
    }
    rest = crop.mask & ~piece
    if rest.any():
        values["rest_own"] = (crop.best[rest] == crop.class_id).mean()
        values["rest_p"] = crop.p[crop.class_id][rest].mean()
    return values


def _company(crop: _Crop, other: int) -> dict[str, float]:
    """What else is labelled in the photo, over this instance and beside it."""
    classes = range(1, len(crop.observation.p))
    covered = np.zeros_like(crop.mask)
    same = share = 0.0
    counts = dict.fromkeys(classes, 0)
    for label in crop.others():
        counts[label.class_id] += 1
        close = label.mask[crop.window]
        common = int(np.count_nonzero(close & crop.mask))
        if not common:
            continue
        covered |= close
        if label.class_id == crop.class_id:
            union = crop.area + int(np.count_nonzero(label.mask)) - common
            same = max(same, common / union)
        else:
            share = max(share, common / crop.area)
    return {
        "iou_same_class": same,
        "under_another_class": share,
        "covered": np.count_nonzero(covered & crop.mask) / crop.area,
        "labels": len(crop.labels),
        "labels_of_other": counts.get(other, 0),
        "image_entropy": crop.observation.mean_entropy,
        **{f"labels_of_{k}": counts[k] for k in classes},
        **{f"is_{k}": float(k == crop.class_id) for k in classes},
    }
