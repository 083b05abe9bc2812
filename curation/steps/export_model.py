"""The verb ``export-model``: a run's model, for use without this product."""

from __future__ import annotations

from pathlib import Path

from curation.steps.runs import Runs
from training import run as trainer


def export_model(
    runs: Runs, run: str, target: Path, format_: str, *, fold: int | None = None
) -> dict:
    """Writes a model of a finished run into a folder, loads it again and compares the two.

    Args:
        format_: one of :data:`training.models.portable.FORMATS`
        fold: which model, where the run has folds

    Returns:
        ``files`` (names), ``bytes`` and ``difference``, the largest of a probability

    Raises:
        RunError: the run is missing or unfinished, or has no such fold
        CurateError: the folder holds something else, or what was written differs
    """
    return trainer.export(runs.folder(run), target, format_, fold)
