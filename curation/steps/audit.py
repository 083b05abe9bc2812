"""Dataset to faults: what ``curate audit`` does. What a fault is stands in ``curation.audit``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from curation import store
from curation.audit import batch, contradictions, duplicates
from curation.audit.duplicates import ImageLabels
from curation.audit.image_hash import ImageHash
from curation.core import parallel
from curation.core.atomic import replacing
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord
from curation.core.taxonomy import SOURCE
from curation.review import journal
from curation.steps import import_report

AUDIT = "audit.csv"
COLUMNS = ("severity", "kind", "image_id", "instance_id", "location", "detail", "other")
BATCH = 32

_OF_IMAGE = {
    FindingKind.SIZE_MISMATCH: FindingKind.SIZE_MISMATCH,
    FindingKind.IMAGE_REFUSED: FindingKind.UNREADABLE,
}
"""What an import calls a photo that it skipped, and what an audit calls it."""


def run(dataset, progress: Progress) -> list[Finding]:
    """Audits a dataset's source labels and photos, and stores what it finds.

    Labels that a reviewer deleted and photos that one excluded are left out; a source label
    that one changed counts as it is now.
    The faults stand on labels and photos, where the App can filter by them, in
    the saved view "faults, worst first" and in ``audit.csv``.

    Returns:
        the faults, errors first
    """
    found: list[Finding] = []
    images: list[ImageHash] = []
    labels: dict[str, ImageLabels] = {}
    task = progress.add_task("audit", total=len(dataset))
    for checked in parallel.ordered(batch.check, None, _batches(dataset), images=len(dataset)):
        for one in checked:
            found += one.findings
            labels[one.image_id] = one.labels
            if one.image:
                images.append(one.image)
            progress.advance(task)
    progress.update(task, completed=len(dataset))
    groups = duplicates.duplicates(images)
    found += duplicates.audit_duplicates(groups, labels)
    said = _Said.of(dataset)
    for group in groups:
        records = store.read(dataset, "ground_truth", group.image_ids)
        found += contradictions.audit_twins(said.applied(record) for record, _ in records)
    store.write_faults(dataset, found)
    found += skipped(store.folder(dataset))
    found.sort(key=lambda f: (f.severity.rank, f.kind, f.image_id))
    with (
        replacing(store.folder(dataset) / AUDIT) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        out = csv.writer(file, lineterminator="\n")
        out.writerows([COLUMNS, *([getattr(f, name) for name in COLUMNS] for f in found)])
    return found


def skipped(folder: Path) -> Iterator[Finding]:
    """What imports skipped, by the lists that they wrote: there is no label to point at."""
    for skip in import_report.skipped(folder):
        kind = _OF_IMAGE.get(skip.kind, FindingKind.SKIPPED)
        detail = f"{skip.kind}: {skip.detail}; not imported"
        yield Finding(kind, skip.location, detail)


def _batches(dataset) -> Iterator[Sequence[ImageRecord]]:
    said = _Said.of(dataset)
    excluded = store.excluded(dataset)
    part: list[ImageRecord] = []
    for record, _ in store.read(dataset, "ground_truth"):
        if record.image_id in excluded:
            continue
        part.append(said.applied(record))
        if len(part) == BATCH:
            yield part
            part = []
    if part:
        yield part


@dataclass(frozen=True)
class _Said:
    """What reviewers said of source labels, by instance id: deleted, and called otherwise."""

    deleted: frozenset[str]
    renamed: Mapping[str, str]

    @classmethod
    def of(cls, dataset) -> _Said:
        standing = journal.standing(store.decisions(dataset))
        source = [d for d in standing if d.action == "relabel" and d.taxonomy == SOURCE]
        return cls(
            frozenset(d.instance_id for d in standing if d.action == "delete"),
            {d.instance_id: d.category for d in source},
        )

    def applied(self, record: ImageRecord) -> ImageRecord:
        """A record as they left it; labels keep their ids."""
        instances = tuple(
            replace(i, category=self.renamed.get(i.instance_id, i.category))
            for i in record.instances
            if i.instance_id not in self.deleted
        )
        return replace(record, instances=instances)
