"""The verb ``evaluate``: a finished run, measured on the labels of now."""

from __future__ import annotations

from curation.core.progress import Progress, silent
from curation.steps.runs import Runs
from training import run as trainer


def evaluate(runs: Runs, run: str, *, progress: Progress = silent) -> trainer.Figures:
    """Measures a finished run on photos that it was not trained on, with their labels of now.

    Raises:
        RunError: the run is missing or unfinished, or it was trained on all photos
    """
    with runs.current(run, progress=progress) as examples:
        return trainer.measure(
            runs.folder(run), examples, cache=runs.features(run), progress=progress
        )
