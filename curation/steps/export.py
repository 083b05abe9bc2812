"""``curate export``: the reviewed labels of all images that are not excluded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from curation.core.finding import Finding
from curation.core.progress import Progress, silent
from curation.formats import export as formats_export
from curation.formats.registry import writer
from curation.steps import parts, vocabulary, working_copy
from curation.steps.made_of import about
from curation.steps.selection import EVERY_PHOTO, Selection, select
from curation.store import Dataset
from curation.store.verdicts import read as read_verdicts

SIZE = 256
"""Side in pixels of what a TFRecord holds, where nobody says another."""


def export(
    dataset: Dataset,
    folder: Path,
    format_: str = "tfrecord",
    *,
    size: int = SIZE,
    names: str = vocabulary.CLASSES,
    selection: Selection = EVERY_PHOTO,
    progress: Progress = silent,
    on_finding: Callable[[Finding], None] = lambda finding: None,
) -> dict[str, Any]:
    """Writes a dataset into a folder, which appears when it is whole.

    Args:
        format_: the name of one of :func:`curation.formats.registry.writers`
        names: one of ``vocabulary.VOCABULARIES``: what labels are called by
        selection: which photos; the splits are dealt to all
        size: side in pixels of what a TFRecord holds; the others keep the images' size
        on_finding: told each label that is left out, and why

    Returns:
        the manifest; see :func:`curation.formats.export.write`

    Raises:
        DatasetError: as :func:`working_copy.load_labelled`
        DatasetError: as :func:`curation.steps.selection.select`, or as
            :func:`vocabulary.in_source_labels`
        CurateError: the folder holds something that is not of an earlier export
    """
    work = working_copy.load_labelled(dataset)
    chosen = select(dataset, selection, work.records)
    dealt = parts.dealt(dataset, work, progress=progress)
    work = work.only(chosen)
    kind = writer(format_)
    if names != vocabulary.CLASSES:
        work = vocabulary.in_source_labels(dataset.name, work, kind.has_ignore, on_finding)
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
        splits=dealt.split,
        groups=work.groups,
        verdicts=read_verdicts(dataset, work.records) if kind.has_verdicts else {},
        on_image=on_image,
        on_finding=on_finding,
        about=about(
            dataset, work, dealt.together, {"vocabulary": names, "selection": selection.asked()}
        ),
    )
