"""The model card of a run: what the model is, what it was trained on, how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from training.folder import RunFolder

_FIGURES = (
    ("miou_foreground", "mIoU without background"),
    ("miou", "mIoU with background"),
    ("f1_foreground", "F1 without background"),
    ("boundary_f_foreground", "boundary F-score without background"),
    ("pixel_accuracy", "right pixels"),
    ("ece", "expected calibration error"),
    ("loss", "cross-entropy a pixel"),
)


def write(run: RunFolder, metrics: Mapping[str, Any]) -> str:
    """The card as Markdown (after Mitchell et al., arXiv 1810.03993).

    Args:
        metrics: what metrics.json will hold
    """
    config, classes, parts = run.config(), run.classes(), run.parts()
    counts = {part: parts.of.count(part) for part in sorted(set(parts.of))}
    backbone = "no backbone"
    if config.backbone != "none":
        state = "frozen" if config.frozen else "trained"
        backbone = f"a {state} {config.backbone} backbone ({config.weights} weights)"
    lines = [
        f"# {run.path.name}",
        "",
        f"A {config.model} with {backbone} that gives each pixel of a "
        f"photo, resized to {config.size} x {config.size}, one of: {', '.join(classes.names)}. "
        f"{metrics['parameters']:,} parameters in the `.keras` file.",
        "",
        "## Trained on",
        "",
        f"{len(parts.of):,} photos; by {parts.kind}: "
        + ", ".join(f"{part} {count:,}" for part, count in counts.items())
        + ". Copies of a photo are never in two of them. It took "
        f"{metrics['cpu_seconds']:,} CPU seconds.",
        "",
        f"## Measured on: {metrics['measured_on']}",
        "",
        "| figure | |",
        "|---|---|",
        *(f"| {title} | {_shown(metrics[key])} |" for key, title in _FIGURES),
        *(f"| IoU {name} | {_shown(value)} |" for name, value in metrics["iou"].items()),
        "",
        "![confusion](confusion.png)",
        "",
        "![photos, labels and predictions](grid.png)",
        "",
        "## Limits",
        "",
        "It was measured on the labels as they were, which may be wrong themselves. It knows "
        "photos like those it was trained on, and no class but the above; small things (below "
        f"about {_smallest(config.size)} of a photo's side) are lost at its size.",
    ]
    if metrics["only_background"]:
        lines += ["", "**It predicts only background. Its figures mean nothing.**"]
    lines += [
        "",
        "## Settings",
        "",
        "```toml",
        *(f"{key} = {_toml(value)}" for key, value in run.table()["train"].items()),
        "```",
        "",
        f"Made with curate {metadata.version('curate')} and Keras {metadata.version('keras')}.",
        "",
    ]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _smallest(size: int) -> str:
    return f"1/{size // 8}"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
