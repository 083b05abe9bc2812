"""``curate audit``: the faults of a dataset. What a fault is stands in ``curation.audit``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from curation.audit import batch, contradictions, duplicates
from curation.audit.duplicates import DuplicateGroup, ImageLabels
from curation.audit.image_hash import ImageHash
from curation.core import parallel
from curation.core.atomic import replacing
from curation.core.finding import Finding, FindingKind
from curation.core.progress import Progress, silent
from curation.core.records import ImageRecord
from curation.review import Review
from curation.steps import person
from curation.store import Dataset, audit_results, image_hashes, import_report
from curation.store.dataset import batches
from curation.store.fields import GROUND_TRUTH

AUDIT = "audit.csv"
COLUMNS = ("severity", "kind", "image_id", "instance_id", "location", "detail", "other")
BATCH = 32

_OF_IMAGE = {
    FindingKind.SIZE_MISMATCH: FindingKind.SIZE_MISMATCH,
    FindingKind.IMAGE_REFUSED: FindingKind.UNREADABLE,
}
"""What an import calls an image that it skipped, and what an audit calls it."""


def audit(dataset: Dataset, *, progress: Progress = silent) -> list[Finding]:
    """Audits a dataset's source labels and images, and stores what it finds.

    Labels that a reviewer deleted and images that one excluded are left out; a source label
    that one changed counts as it is now.
    The faults stand on labels and images, where the App can filter by them, in
    the saved view "faults, worst first" and in ``audit.csv``.

    Returns:
        the faults, errors first
    """
    review, read = dataset.review(), dataset.column("content_digest")
    found: list[Finding] = []
    images: list[ImageHash] = []
    labels: dict[str, ImageLabels] = {}
    known, done, total = image_hashes.kept(dataset), 0, len(dataset)
    for checked in parallel.ordered(batch.check, known, _batches(dataset, review), images=total):
        for one in checked:
            found += one.findings
            labels[one.image_id] = one.labels
            if one.image:
                images.append(one.image)
        done += len(checked)
        progress("audit", done, total)
    progress("audit", total, total)  # what is excluded was not looked at
    image_hashes.keep(dataset, [image for image in images if image != known.get(image.image_id)])
    groups = duplicates.duplicates(images)
    found += duplicates.audit_duplicates(groups, labels)
    alike, total = _alike(dataset, review, groups), sum(len(g.image_ids) for g in groups)
    for contradicting in parallel.ordered(contradictions.check, None, alike, images=total):
        found += contradicting
    records = (record for batch in _batches(dataset, review) for record in batch)
    contents = {image.image_id: image.content for image in images}
    found += person.audit(dataset, records, contents, progress=progress)
    audit_results.write_faults(dataset, found, read)
    found += skipped(dataset.folder)
    found.sort(key=lambda f: (f.severity.rank, f.kind, f.image_id))
    with (
        replacing(dataset.folder / AUDIT) as part,
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


def _alike(
    dataset: Dataset, review: Review, groups: Iterable[DuplicateGroup]
) -> Iterator[tuple[list[ImageRecord], frozenset[str]]]:
    """The labelled images of each group: its first, and some that are held against that; and
    which of the group are mirrored."""
    for group in groups:
        records = map(review.source_record, dataset.records(GROUND_TRUTH, group.image_ids))
        labelled = (record for record in records if record.instances)
        if first := next(labelled, None):
            for others in batches(labelled, BATCH):
                yield [first, *others], group.mirrored


def _batches(dataset: Dataset, review: Review) -> Iterator[list[ImageRecord]]:
    """The images that are not excluded, as reviewers left their source labels."""
    records = dataset.records(GROUND_TRUTH)
    kept = (review.source_record(r) for r in records if r.image_id not in review.excluded)
    return batches(kept, BATCH)
