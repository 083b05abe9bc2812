"""The pictures of a run: its curves and figures, and photos beside labels and predictions.

Each function writes a PNG and returns the figure it is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from training.folder import ClassList
from training.metrics import IGNORE_INDEX, Calibration

_GREY = "0.5"
_IGNORE_COLOR = (0.55, 0.55, 0.55)
_PAINT = 0.65
_FEW = 12
"""Up to so many classes, a confusion matrix has room for every number."""


def curves(path: Path, history: Sequence[dict]) -> Figure:
    """Loss, validation cross-entropy and mIoU against steps, one colour a fold.

    Where the rows have a ``learning_rate``, that of the first fold is a thin grey line.

    Args:
        path: a PNG to write
        history: rows of history.csv
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss_axes, miou_axes = figure.subplots(1, 2)
    folds = sorted({str(row["fold"]) for row in history})
    shown = []
    for number, fold in enumerate(folds):
        rows = [row for row in history if str(row["fold"]) == fold]
        steps = [int(row["step"]) for row in rows]
        color = f"C{number % 10}"
        label = f"fold {fold}" if fold else "model"
        train = [float(row["loss"]) for row in rows]
        held = [float(row["val_cross_entropy"]) for row in rows]
        mious = [float(row["val_miou_foreground"]) for row in rows]
        loss_axes.plot(steps, train, color=color, marker=".", label=f"{label}, training loss")
        told = f"{label}, validation cross-entropy"
        loss_axes.plot(steps, held, color=color, marker=".", linestyle="--", label=told)
        miou_axes.plot(steps, mious, color=color, marker=".", label=label)
        kept = max(number for number, row in enumerate(rows) if int(row["kept"]))
        miou_axes.plot(steps[kept], mious[kept], "o", color=color, markersize=9, fillstyle="none")
        # The first evaluations can be far off and would flatten the rest.
        shown += [*train, *held[len(held) // 2 :]]
    top = max((loss for loss in shown if np.isfinite(loss)), default=0.0) or 1.0
    loss_axes.set(title="Loss", xlabel="step", ylim=(0, 1.1 * top))
    first = [row for row in history if str(row["fold"]) == folds[0]]
    if "learning_rate" in first[0]:
        rates = [float(row["learning_rate"]) for row in first]
        rate_axes = loss_axes.twinx()
        rate_axes.plot([int(row["step"]) for row in first], rates, color=_GREY, linewidth=0.8)
        rate_axes.set_ylim(bottom=0)
        rate_axes.set_ylabel("learning rate", color=_GREY)
        rate_axes.tick_params(colors=_GREY)
        loss_axes.set(zorder=rate_axes.get_zorder() + 1, frame_on=False)
    miou_axes.set(title="Validation foreground mIoU (o: kept)", xlabel="step", ylim=(0, 1))
    for axes in (loss_axes, miou_axes):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=1 + len(folds) // 4)
    figure.savefig(path, dpi=120)
    return figure


def grid(
    path: Path,
    examples: Sequence[tuple[str, NDArray, NDArray, NDArray]],
    classes: ClassList,
) -> Figure:
    """Photo, label and prediction side by side, two examples a row, with a legend.

    Args:
        path: a PNG to write
        examples: title, photo (S, S, 3) uint8, label (S, S) with 255 ignored,
            prediction (S, S)
    """
    rows = -(-len(examples) // 2)
    figure = Figure(figsize=(12, 2.15 * rows + 0.8), layout="constrained")
    cells = figure.subplots(rows, 6, squeeze=False)
    for axes in cells.flat:
        axes.set_axis_off()
    for number, (title, image, label, predicted) in enumerate(examples):
        left = 3 * (number % 2)
        panels = (
            (title, image),
            ("label", painted(image, label, classes)),
            ("prediction", painted(image, predicted, classes)),
        )
        for column, (name, canvas) in enumerate(panels):
            axes = cells[number // 2, left + column]
            axes.imshow(canvas)
            axes.set_title(name, fontsize="small")
    legend = zip(classes.names[1:], classes.colors[1:], strict=True)
    patches = [Patch(color=color, label=name) for name, color in legend]
    if any((label == IGNORE_INDEX).any() for _, _, label, _ in examples):
        patches.append(Patch(color=_IGNORE_COLOR, label="ignored"))
    figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 8))
    figure.savefig(path, dpi=100)
    return figure


def confusion(path: Path, matrix: NDArray, names: Sequence[str]) -> Figure:
    """What the pixels of each class are predicted as, in per cent of the class.

    Of many classes, cells below 1 % have no number.

    Args:
        path: a PNG to write
        matrix: (K, K) pixels, label in rows and prediction in columns
        names: K
    """
    labelled = matrix.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        percent = 100 * matrix / labelled
    few = len(names) <= _FEW
    cell, small, turned = (0.62, 9.0, 45) if few else (0.27, 6.5, 90)
    side = cell * len(names) + 3
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(percent):
        if value >= (0 if few else 1):
            text = f"{value:.1f}" if few else f"{value:.0f}"
            color = "white" if value > 60 else "black"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=small)
    ticks = range(len(names))
    axes.set_xticks(
        ticks,
        names,
        fontsize=small,
        rotation=turned,
        rotation_mode="anchor",
        ha="right",
        va="center",
    )
    axes.set_yticks(ticks, names, fontsize=small)
    axes.set(
        xlabel="prediction", ylabel="label", title="What is predicted, % of each label's pixels"
    )
    shares = labelled[:, 0] / max(1, labelled.sum())
    right = axes.secondary_yaxis("right")
    right.set_yticks(ticks, [f"{share:.2%}" for share in shares], fontsize=small)
    right.set_ylabel("share of all labelled pixels")
    figure.savefig(path, dpi=110)
    return figure


def reliability(path: Path, calibration: Calibration) -> Figure:
    """How often predictions of each confidence are right, and how many pixels there are of it.

    Args:
        path: a PNG to write
    """
    figure = Figure(figsize=(4.5, 5), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    total = calibration.count.sum()
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=0.8, label="calibrated")
    axes.plot(calibration.confidence(), calibration.accuracy(), marker="o", label="model")
    axes.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"ECE {calibration.error():.3f}, {total:,} labelled pixels")
    axes.legend(fontsize="small")
    width = 1 / len(calibration.count)
    lefts = width * np.arange(len(calibration.count))
    below.bar(
        lefts, 100 * calibration.count / max(1, total), width, align="edge", edgecolor="white"
    )
    below.set(xlabel="confidence", ylabel="% of pixels")
    for each in (axes, below):
        each.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    return figure


def sweep(path: Path, rows: Sequence[tuple[float, dict, Sequence[dict]]]) -> Figure:
    """What each learning rate of a sweep came to, and the loss on the way there.

    A rate whose model predicts only background has a red cross.

    Args:
        path: a PNG to write
        rows: learning rate, what metrics.json holds (of which the figures on 'val'
            are drawn, where it was measured on 'test'), rows of history.csv
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    miou_axes, loss_axes = figure.subplots(1, 2)
    rows = sorted(rows, key=lambda row: row[0])
    colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(rows)))
    held = [metrics.get("val", metrics) for _, metrics, _ in rows]
    rates = [rate for rate, _, _ in rows]
    # Of a rate whose loss ran away nothing is known but that.
    mious = [each["miou_foreground"] or 0.0 for each in held]
    miou_axes.plot(rates, mious, color=_GREY, linewidth=0.8, zorder=1)
    miou_axes.scatter(rates, mious, c=colors, s=40, zorder=2, clip_on=False)
    failed = [(x, y) for x, y, each in zip(rates, mious, held, strict=True)
              if each["only_background"] or each["miou_foreground"] is None]  # fmt: skip
    if failed:
        miou_axes.plot(
            *zip(*failed, strict=True), "x", color="red", markersize=12, markeredgewidth=2.5,
            label="only background, or ran away", clip_on=False,
        )  # fmt: skip
        miou_axes.legend(fontsize="small")
    miou_axes.set(title="Validation foreground mIoU", xlabel="learning rate")
    miou_axes.set(xscale="log", ylim=(0, 1))
    for (rate, _, history), color in zip(rows, colors, strict=True):
        steps = [int(row["step"]) for row in history]
        losses = [float(row["loss"]) for row in history]
        loss_axes.plot(steps, losses, color=color, marker=".", label=f"{rate:g}")
    loss_axes.set(title="Training loss", xlabel="step", yscale="log")
    handles = loss_axes.get_legend_handles_labels()[0]
    figure.legend(
        handles=handles, title="learning rate", fontsize="small", loc="outside right upper"
    )
    for axes in (miou_axes, loss_axes):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    return figure


def painted(image: NDArray, label: NDArray, classes: ClassList) -> NDArray[np.float64]:
    """The photo in grey with its classes in their colours over it.

    Args:
        image: (S, S, 3) uint8
        label: (S, S) class ids, 255 ignored

    Returns:
        (S, S, 3) float 0 to 1
    """
    canvas = np.repeat(image.mean(axis=2, keepdims=True) / 255.0, 3, axis=2)
    for class_id, color in enumerate(classes.colors):
        if class_id:
            inside = label == class_id
            canvas[inside] = (1 - _PAINT) * canvas[inside] + _PAINT * np.array(to_rgb(color))
    ignored = label == IGNORE_INDEX
    canvas[ignored] = (1 - _PAINT) * canvas[ignored] + _PAINT * np.array(_IGNORE_COLOR)
    return canvas
