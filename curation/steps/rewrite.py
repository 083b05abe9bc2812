"""An annotation file again, with what reviewers changed in it; and the changes as a patch."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.core import image_io, rle
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.core.progress import Progress, silent
from curation.core.records import ImageRecord, Instance
from curation.core.splits import SPLITS
from curation.core.taxonomy import SOURCE
from curation.formats import registry
from curation.formats.change import Change
from curation.formats.export import count_labels, finish, replacing_export
from curation.formats.source import OnFinding
from curation.review import Decision, Review
from curation.steps import parts, vocabulary, working_copy
from curation.steps.made_of import about
from curation.store import Dataset, edits, photo_sets
from curation.store.fields import GROUND_TRUTH

PATCH = ("row", "old", "new", "reviewer", "time", "action", "image_id", "instance_id", "category",
         "taxonomy", "mask", "seconds", "batch")  # fmt: skip
"""The first five say what changed; the others are those that ``curate decisions`` reads."""

_CHANGE_NOTHING = ("keep", "include")
"""But for what was deleted or excluded before."""


def changes(dataset: Dataset, review: Review, file: str, on_finding: OnFinding) -> Iterator[Change]:
    """What reviewers changed of the labels of one annotation file, in its own vocabulary.

    All labels of an excluded photo are gone. A label whose class alone a reviewer named keeps its
    source label, unless the class has a single one; an added one without is left out, and one in
    a photo that had no label. All three are told.

    Args:
        file: its name, as labels say where they come from
    """
    for record in dataset.records(GROUND_TRUTH, review.by_image):
        source = [i for i in record.instances if i.source.startswith(f"{file}:")]
        if source:
            yield from _of_photo(record, source, review, dataset, on_finding)
        elif not record.instances and record.image_id not in review.excluded:
            for label in review.labels(record.image_id, ()):
                found = FindingKind.ADDED_ALONE
                on_finding(Finding(found, record.image_id, label.instance.category))


def rewrite(
    dataset: Dataset,
    folder: Path,
    format_: str,
    original: Path,
    options: Mapping[str, Any],
    *,
    progress: Progress = silent,
    on_finding: OnFinding = lambda finding: None,
) -> dict[str, Any]:
    """Writes an annotation file again, in a folder: what was reviewed is the only difference.

    Args:
        format_: the name of a format that ``rewrites``
        original: the file that was imported
        options: those of its format's ``rewrites``, as it was imported with
        on_finding: told each label that is left out or keeps its old name, see :func:`changes`

    Returns:
        the manifest, which says how many labels ``changed``

    Raises:
        CurateError: no label of the dataset comes from a file of this name, or the folder holds
            something that is not of an earlier export
        FormatError: it is not the file that was imported
    """
    if not photo_sets.comes_from(dataset, original.name):
        reason = f"no label of {dataset.name} was imported from a file of this name"
        raise CurateError(original, reason)
    work = working_copy.load(dataset)
    dealt = parts.dealt(dataset, work, progress=progress)
    splits = dealt.split
    found = list(changes(dataset, work.review, original.name, on_finding))
    photos = Counter(splits[i] for i in work.records)
    labels = count_labels(work.records.values(), work.taxonomy, splits)
    manifest = {
        "format": format_,
        "taxonomy": SOURCE,
        "original": {"file": original.name, "hash": image_io.content_hash(original)},
        "changed": len(found),
        "splits": {name: {"photos": photos[name], "labels": labels[name]} for name in SPLITS},
    }
    with replacing_export(folder, format_) as part:
        registry.writer(format_).code().rewrite(original, part / original.name, found, **options)
        said = about(dataset, work, dealt.together, {})
        return finish(part, manifest, work.records, splits, work.groups, about=said)


def export_patch(dataset: Dataset, path: Path) -> int:
    """Writes what reviewers changed, a line a decision: row, old value, new value, who and when.

    ``curate review --apply`` takes it, also where the same file was imported on another machine.

    Returns:
        how many lines
    """
    edits.refresh(dataset)
    rows = list(_patch(dataset))
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([PATCH, *rows])
    return len(rows)


def _of_photo(
    record: ImageRecord,
    source: list[Instance],
    review: Review,
    dataset: Dataset,
    on_finding: OnFinding,
) -> Iterator[Change]:
    beside = source[0].source
    if record.image_id in review.excluded:
        yield from (Change(beside, before, None, excluded=True) for before in source)
        return
    known = vocabulary.single_labels(dataset.taxonomy)
    labels = review.labels(record.image_id, record.instances)
    current = {item.instance.instance_id: item.instance for item in labels}
    # What the taxonomy drops is no label under it, and may have been decided on all the same.
    dropped = {i.instance_id: i for i in review.source_record(record).instances}

    def named(label: Instance, otherwise: str) -> Instance | None:
        name = label.source_label or known.get(label.category, "")
        if not name:
            detail = f"{label.category} of {record.image_id}"
            on_finding(Finding(FindingKind.NO_SOURCE_LABEL, label.source, detail))
        return replace(label, category=name or otherwise) if name or otherwise else None

    for before in source:
        label = current.get(before.instance_id)
        after = named(label, before.category) if label else dropped.get(before.instance_id)
        if after is None or (after.category, after.mask) != (before.category, before.mask):
            yield Change(beside, before, after)
    imported = {i.instance_id for i in record.instances}
    for key, label in current.items():
        if key not in imported and (added := named(label, "")):
            yield Change(beside, None, added)


def _patch(dataset: Dataset) -> Iterator[list[str]]:
    review = dataset.review()
    for record in dataset.records(GROUND_TRUTH, review.by_image):
        first = {i.instance_id: (i.category, rle.to_text(i.mask)) for i in record.instances}
        now = dict(first)
        rows = {i.instance_id: i.source for i in record.instances}
        for d in review.of(record.image_id):
            old, new = _values(d, now, first)
            # A missing garment that was dismissed was no label, unless it was added before.
            if old == new and d.action in (*_CHANGE_NOTHING, "delete"):
                continue
            said = (getattr(d, name) for name in PATCH[3:])
            yield [rows.get(d.instance_id, ""), old, new, *said]


def _values(
    d: Decision, now: dict[str, tuple[str, str]], first: dict[str, tuple[str, str]]
) -> tuple[str, str]:
    """The old value and the new one.

    Args:
        now: what labels are, by id; goes along. The photo as a whole has no id
        first: what they are again when they are kept after they were deleted; goes along
    """
    label, mask = now.get(d.instance_id, ("", ""))
    if d.action == "redraw":
        now[d.instance_id] = label, d.mask
        return mask, d.mask
    if d.action == "keep":
        now[d.instance_id] = (label, mask) if label else first.get(d.instance_id, ("", ""))
        return label, now[d.instance_id][0]
    new = {"delete": "", "exclude": "excluded", "include": ""}.get(d.action, d.category)
    now[d.instance_id] = new, d.mask or mask
    if d.action == "add":
        first[d.instance_id] = now[d.instance_id]
    return label, new
