"""``curate export``: the reviewed labels of all images that are not excluded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from curation.core.finding import Finding
from curation.core.progress import Progress, silent
from curation.formats import export as formats_export
from curation.steps import parts, working_copy
from curation.store import Dataset

SIZE = 256
"""Side in pixels of what a TFRecord holds, where nobody says another."""


def export(
    dataset: Dataset,
    folder: Path,
    format_: str = "tfrecord",
    *,
    size: int = SIZE,
    progress: Progress = silent,
    on_finding: Callable[[Finding], None] = lambda finding: None,
) -> dict[str, Any]:
    """Writes a dataset into a folder, which appears when it is whole.

    Args:
        format_: the name of one of :func:`curation.formats.registry.writers`
        size: side in pixels of what a TFRecord holds; the others keep the images' size
        on_finding: told each label that is left out, and why

    Returns:
        the manifest; see :func:`curation.formats.export.write`

    Raises:
        DatasetError: as :func:`working_copy.load_labelled`
        CurateError: the folder holds something that is not of an earlier export
    """
    work = working_copy.load_labelled(dataset)
    split = parts.split(dataset, work, progress=progress)
    done, total = 0, len(work.records)

    def on_image() -> None:
        nonlocal done
        done += 1
        progress("export", done, total)

    return formats_export.write(
        folder,
        format_,
        size=size,
        records=work.records,
        taxonomy=work.taxonomy,
        splits=split,
        groups=work.groups,
        on_image=on_image,
        on_finding=on_finding,
    )
