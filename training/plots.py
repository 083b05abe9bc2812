"""The pictures of a run: its learning curves, and photos beside their labels and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from training.folder import ClassList
from training.metrics import VOID

_VOID_COLOR = (0.55, 0.55, 0.55)
_PAINT = 0.65


def curves(path: Path, history: Sequence[dict]) -> None:
    """Loss and validation mIoU against steps, one colour a fold.

    Args:
        path: a PNG to write
        history: rows of history.csv
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss_axes, miou_axes = figure.subplots(1, 2)
    folds = sorted({str(row["fold"]) for row in history})
    top = 0.0
    for number, fold in enumerate(folds):
        rows = [row for row in history if str(row["fold"]) == fold]
        steps = [int(row["step"]) for row in rows]
        color = f"C{number % 10}"
        label = f"fold {fold}" if fold else "model"
        train = [float(row["loss"]) for row in rows]
        held = [float(row["val_loss"]) for row in rows]
        mious = [float(row["val_miou_foreground"]) for row in rows]
        loss_axes.plot(steps, train, color=color, marker=".", label=f"{label}, training")
        loss_axes.plot(
            steps, held, color=color, marker=".", linestyle="--", label=f"{label}, validation"
        )
        miou_axes.plot(steps, mious, color=color, marker=".", label=label)
        best = len(mious) - 1 - int(np.argmax(mious[::-1]))  # the last of equals is kept
        miou_axes.plot(steps[best], mious[best], "o", color=color, markersize=9, fillstyle="none")
        # The first looks at the validation photos can be far off and would flatten the rest.
        top = max(top, *train, *held[len(held) // 2 :])
    loss_axes.set(title="Loss", xlabel="step", ylim=(0, 1.1 * top))
    miou_axes.set(title="Validation foreground mIoU (o: kept)", xlabel="step", ylim=(0, 1))
    for axes in (loss_axes, miou_axes):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=1 + len(folds) // 4)
    figure.savefig(path, dpi=120)


def grid(
    path: Path,
    examples: Sequence[tuple[str, NDArray, NDArray, NDArray]],
    classes: ClassList,
) -> None:
    """Photo, label and prediction side by side, two examples a row, with a legend.

    Args:
        path: a PNG to write
        examples: title, photo (S, S, 3) uint8, label (S, S) with 255 void,
            prediction (S, S)
    """
    rows = -(-len(examples) // 2)
    figure = Figure(figsize=(12, 2.15 * rows + 0.8), layout="constrained")
    cells = figure.subplots(rows, 6, squeeze=False)
    for axes in cells.flat:
        axes.set_axis_off()
    for number, (title, photo, label, predicted) in enumerate(examples):
        left = 3 * (number % 2)
        panels = (
            (title, photo),
            ("label", painted(photo, label, classes)),
            ("prediction", painted(photo, predicted, classes)),
        )
        for column, (name, image) in enumerate(panels):
            axes = cells[number // 2, left + column]
            axes.imshow(image)
            axes.set_title(name, fontsize="small")
    legend = zip(classes.names[1:], classes.colors[1:], strict=True)
    patches = [Patch(color=color, label=name) for name, color in legend]
    if any((label == VOID).any() for _, _, label, _ in examples):
        patches.append(Patch(color=_VOID_COLOR, label="void"))
    figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 8))
    figure.savefig(path, dpi=100)


def painted(photo: NDArray, label: NDArray, classes: ClassList) -> NDArray[np.float64]:
    """The photo in grey with its classes in their colours over it.

    Args:
        photo: (S, S, 3) uint8
        label: (S, S) class ids, 255 void

    Returns:
        (S, S, 3) float 0 to 1
    """
    image = np.repeat(photo.mean(axis=2, keepdims=True) / 255.0, 3, axis=2)
    for class_id, color in enumerate(classes.colors):
        if class_id:
            inside = label == class_id
            image[inside] = (1 - _PAINT) * image[inside] + _PAINT * np.array(to_rgb(color))
    void = label == VOID
    image[void] = (1 - _PAINT) * image[void] + _PAINT * np.array(_VOID_COLOR)
    return image
