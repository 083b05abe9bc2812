"""Decisions: taken in the App, out of a file or taken back; journal first, dataset second."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import fiftyone as fo

from curation.core import rle
from curation.core.errors import DatasetError, FormatError
from curation.core.finding import Finding, FindingKind
from curation.core.records import Instance
from curation.core.taxonomy import SOURCE
from curation.review import journal
from curation.review.journal import Decision
from curation.store import bulk
from curation.store.datasets import GROUND_TRUTH, batches, info, read, select
from curation.store.edits import adopt_edits
from curation.store.labels import (
    active_taxonomy,
    by_image,
    decisions,
    expected,
    journal_path,
    locked,
    rebuild,
)


def decide(
    dataset: fo.Dataset,
    action: str,
    *,
    image_id: str,
    instance_id: str = "",
    category: str = "",
    taxonomy: str = "",
    reviewer: str = "",
) -> Decision:
    """Writes one decision to the journal, then applies it to its photo.

    ``add`` takes the id of a missing garment, whose mask the label takes over,
    under the class that the model saw unless ``category`` says another;
    ``delete`` of a missing garment dismisses it, for later runs too.

    Args:
        category: a class of the active taxonomy, unless ``taxonomy`` is SOURCE: then a label
            of the annotation file, which holds under every taxonomy

    Raises:
        DatasetError: a photo, an instance or a class that does not exist;
            nothing is written then
        ValueError: half a decision, see :class:`curation.review.journal.Decision`
    """
    with locked(dataset):
        decision = _decision(dataset, action, image_id, instance_id, category, taxonomy, reviewer)
        _check(dataset, decision, decisions(dataset))
        _record(dataset, [decision])
    return decision


def take_file(dataset: fo.Dataset, path: Path) -> int:
    """Records all decisions of a CSV with action, image_id, instance_id, category; or none.

    A column taxonomy says ``source`` where the category is a label of the annotation file. A
    decision that is the last one standing on its instance already is not taken again.

    Returns:
        how many were taken

    Raises:
        FormatError: with the line that is wrong; nothing is recorded
    """
    with locked(dataset):
        entries = decisions(dataset)
        last = {(d.image_id, d.instance_id): d for d in journal.standing(entries)}
        new = []
        for line, row in _rows(path):
            values = {k: row.get(k) or "" for k in _COLUMNS}
            before = last.get((values["image_id"], values["instance_id"]))
            if before and _says(before, row["action"], values):
                continue
            try:
                decision = _decision(dataset, row["action"] or "", **values)
                _check(dataset, decision, entries)
            except (ValueError, DatasetError) as error:
                reason = error.reason if isinstance(error, DatasetError) else str(error)
                raise FormatError(path, reason, where=str(line)) from None
            new.append(decision)
        if new:
            _record(dataset, new)
    return len(new)


_COLUMNS = ("image_id", "instance_id", "category", "taxonomy")


def _says(decision: Decision, action: str, values: Mapping[str, str]) -> bool:
    """Whether a decision is that of a row; what its empty cells mean, the decision wrote out."""
    category = values["category"] or (decision.category if action != "relabel" else "")
    taxonomy = values["taxonomy"] or decision.taxonomy
    said = (decision.action, decision.category, decision.taxonomy)
    return said == (action, category, taxonomy)


def _rows(path: Path) -> list[tuple[int, dict]]:
    csv.field_size_limit(journal.MAX_CELL)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := {"action", "image_id"} - set(reader.fieldnames or ()):
                raise FormatError(path, f"no column {', '.join(sorted(missing))}", where="1")
            return [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise FormatError(path, "is not UTF-8; save it as CSV UTF-8") from None
    except csv.Error as error:
        raise FormatError(path, f"not a CSV: {error}", where=str(reader.line_num)) from None


def undo(dataset: fo.Dataset, reviewer: str = "") -> Decision | None:
    """Takes the reviewer's own last decision back.

    Returns:
        the decision that was undone; None where there is nothing to undo
    """
    who = reviewer or journal.user()
    with locked(dataset):
        own = [d for d in journal.standing(decisions(dataset)) if d.reviewer == who]
        if not own:
            return None
        _record(
            dataset, [journal.decide("undo", own[-1].image_id, who, undoes=own[-1].decision_id)]
        )
    return own[-1]


def orphans(dataset: fo.Dataset) -> list[Finding]:
    """The standing decisions whose label is gone: a corrected file took it away."""
    standing = journal.standing(decisions(dataset))
    added = {d.instance_id for d in standing if d.action == "add"}
    # A garment that was dismissed is not found again: its mask is in the journal.
    of_image = by_image(
        d for d in standing if d.instance_id and d.instance_id not in added and not d.mask
    )
    fields = [GROUND_TRUTH, *(f"missing_{run}" for run in info(dataset)["runs"])]
    ids = [f"{name}.detections._id" for name in fields]
    found = []
    for batch in batches(sorted(of_image)):
        for image in bulk.read(dataset, batch, ids):
            there = {str(d["_id"]) for name in fields for d in bulk.detections(image, name)}
            for d in of_image[image["image_id"]]:
                if d.instance_id not in there:
                    what = f"{d.action} {d.category}".strip()
                    said = f"{what} of {d.instance_id} by {d.reviewer}"
                    found.append(Finding(FindingKind.ORPHANED_DECISION, d.image_id, said))
    return found


def _decision(
    dataset: fo.Dataset,
    action: str,
    image_id: str,
    instance_id: str,
    category: str,
    taxonomy: str,
    reviewer: str = "",
) -> Decision:
    active, mask = active_taxonomy(dataset).name, ""
    if taxonomy not in ("", active, SOURCE):
        raise DatasetError(
            dataset.name, f"taxonomy {taxonomy!r} is neither {active} nor {SOURCE}", where=image_id
        )
    if action in ("add", "delete"):
        found = _missing(dataset, image_id).get(instance_id)
        if action == "add" and not found:
            raise DatasetError(
                dataset.name, f"has no missing garment {instance_id}", where=image_id
            )
        if found:  # in the journal, since another run finds other places
            category = category or found.category
            mask = rle.to_text(found.mask)
    return journal.decide(
        action,
        image_id,
        reviewer or journal.user(),
        instance_id=instance_id,
        category=category,
        taxonomy=(taxonomy or active) if category else "",
        mask=mask,
    )


def _missing(dataset: fo.Dataset, image_id: str) -> dict[str, Instance]:
    """The garments that any run found missing in a photo, by id."""
    found: dict[str, Instance] = {}
    for run in info(dataset)["runs"]:
        if dataset.has_sample_field(f"missing_{run}"):
            for record, ids in read(dataset, f"missing_{run}", [image_id]):
                found |= dict(zip(ids, record.instances, strict=True))
    return found


def _check(dataset: fo.Dataset, decision: Decision, entries: Sequence[Decision]) -> None:
    """Raises DatasetError for a photo, an instance or a class that does not exist.

    Args:
        entries: of the journal; garments that were added are instances too
    """
    active, d = active_taxonomy(dataset), decision

    def refuse(reason: str) -> DatasetError:
        return DatasetError(dataset.name, reason, where=d.image_id)

    own = [e for e in entries if e.image_id == d.image_id]
    added = [e for e in own if e.action == "add"]
    image = next(expected(dataset, [d.image_id], active, {d.image_id: added}), None)
    if image is None and len(select(dataset, [d.image_id])):
        raise refuse(
            f"has labels that {active.name} does not speak of: add them to it, and run "
            "`curate remap`"
        )
    if image is None:
        raise refuse("no such photo")
    known = {item.instance_id for item in image.items}
    # And what a decision brought back that the taxonomy drops.
    standing = {d.image_id: journal.standing(own)}
    for now in expected(dataset, [d.image_id], active, standing):
        known |= {item.instance_id for item in now.items}
    if d.action == "delete":
        known |= _missing(dataset, d.image_id).keys()
    if d.action in ("keep", "relabel", "delete") and d.instance_id not in known:
        raise refuse(f"has no instance {d.instance_id} under {active.name}")
    if journal.waits(d, active) and d.taxonomy == SOURCE:
        raise refuse(f"{d.category!r} is not a source label that {active.name} speaks of")
    if journal.waits(d, active):
        names = ", ".join(sorted(active.class_names))
        raise refuse(f"{d.category!r} is not a class of {active.name} ({names})")


def _record(dataset: fo.Dataset, new: Sequence[Decision]) -> None:
    """Journal first, dataset second: what a crash between the two leaves, ``refresh`` mends."""
    images = {d.image_id for d in new}
    adopt_edits(dataset, images)
    journal.append(journal_path(dataset), new)
    rebuild(dataset, images)
