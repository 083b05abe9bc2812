"""One row for each label, for pandas: what it is, where it lies, what is said of it. No masks."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from curation.core import rle
from curation.core.finding import Finding, FindingKind
from curation.core.taxonomy import Taxonomy
from curation.formats.photo import Photo, Verdict
from curation.formats.source import OnFinding

COLUMNS = (
    "image_id", "file_name", "instance_id", "class", "source_label", "left", "top", "width",
    "height", "area", "split", "error_score", "error_type", "decision",
)  # fmt: skip
"""Box and area in pixels; an ``error_score`` where the flagged run has one."""


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> None:
    """``labels.csv``. A photo without a label has no row, and is told."""
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for photo in photos:
            out.writerows(_rows(photo))
            if not photo.record.instances:
                on_finding(Finding(FindingKind.WITHOUT_LABEL, photo.record.image_id))


def _rows(photo: Photo) -> Iterator[tuple]:
    for instance in photo.record.instances:
        said = photo.verdicts.get(instance.instance_id, Verdict())
        yield (
            photo.image_id, photo.record.image_id, instance.instance_id, instance.category,
            instance.source_label, *rle.bbox(instance.mask), rle.area(instance.mask), photo.split,
            said.error_score, said.error_type, said.decision,
        )  # fmt: skip
