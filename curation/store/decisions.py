"""Decisions: taken in the App, out of a file or taken back; journal first, dataset second."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Sequence
from pathlib import Path

import fiftyone as fo

from curation import review, rle
from curation.errors import DatasetError, FormatError
from curation.records import Instance
from curation.review import Decision
from curation.store.datasets import GROUND_TRUTH, LABELS, info, read, select
from curation.store.edits import adopt_edits
from curation.store.labels import active_taxonomy, class_names, decisions, journal, rebuild


def decide(
    dataset: fo.Dataset,
    action: str,
    *,
    image_id: str,
    instance_id: str = "",
    category: str = "",
    reviewer: str = "",
) -> Decision:
    """Writes one decision to the journal, then applies it to its photo.

    ``add`` takes the id of a missing garment, whose mask the label takes over,
    under the class that the model saw unless ``category`` says another;
    ``delete`` of a missing garment dismisses it.

    Raises:
        DatasetError: a photo, an instance or a class that does not exist;
            nothing is written then
        ValueError: half a decision, see :class:`curation.review.Decision`
    """
    decision = _decision(dataset, action, image_id, instance_id, category, reviewer)
    _check(dataset, decision)
    _record(dataset, [decision])
    return decision


def take_file(dataset: fo.Dataset, path: Path) -> int:
    """Records all decisions of a CSV with action, image_id, instance_id, category; or none.

    Returns:
        how many

    Raises:
        FormatError: with the line that is wrong; nothing is recorded
    """
    new = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if missing := {"action", "image_id"} - set(reader.fieldnames or ()):
            raise FormatError(path, "1", f"no column {', '.join(sorted(missing))}")
        for row in reader:
            values = {k: row.get(k) or "" for k in ("image_id", "instance_id", "category")}
            try:
                decision = _decision(dataset, row["action"] or "", **values)
                _check(dataset, decision)
            except (ValueError, DatasetError) as error:
                reason = error.reason if isinstance(error, DatasetError) else str(error)
                raise FormatError(path, str(reader.line_num), reason) from None
            new.append(decision)
    if new:
        _record(dataset, new)
    return len(new)


def undo(dataset: fo.Dataset, decision_id: str | None = None) -> Decision | None:
    """Takes one decision back, the last one if none is named.

    Returns:
        the decision that was undone; None where there is nothing to undo

    Raises:
        DatasetError: no such decision, or it is undone already
    """
    standing = review.standing(decisions(dataset))
    if decision_id is None:
        if not standing:
            return None
        undone = standing[-1]
    else:
        found = [d for d in standing if d.decision_id == decision_id]
        if not found:
            raise DatasetError(dataset.name, decision_id, "no decision of this id stands")
        undone = found[0]
    entry = review.decide("undo", undone.image_id, getpass.getuser(), undoes=undone.decision_id)
    _record(dataset, [entry])
    return undone


def _decision(
    dataset: fo.Dataset,
    action: str,
    image_id: str,
    instance_id: str,
    category: str,
    reviewer: str = "",
) -> Decision:
    mask = ""
    if action == "add":
        found = _missing(dataset, image_id).get(instance_id)
        if not found:
            raise DatasetError(dataset.name, image_id, f"has no missing garment {instance_id}")
        category = category or found.category
        mask = rle.to_text(found.mask)
    return review.decide(
        action,
        image_id,
        reviewer or getpass.getuser(),
        instance_id=instance_id,
        category=category,
        taxonomy=active_taxonomy(dataset).name if category else "",
        mask=mask,
    )


def _missing(dataset: fo.Dataset, image_id: str) -> dict[str, Instance]:
    """The garments that any run found missing in a photo, by id."""
    view = select(dataset, [image_id])
    found: dict[str, Instance] = {}
    for run in info(dataset)["runs"]:
        if dataset.has_sample_field(f"missing_{run}"):
            for record, ids in read(view, f"missing_{run}"):
                found |= dict(zip(ids, record.instances, strict=True))
    return found


def _check(dataset: fo.Dataset, decision: Decision) -> None:
    """Raises DatasetError for a photo, an instance or a class that does not exist."""
    active, d = active_taxonomy(dataset), decision

    def refuse(reason: str) -> DatasetError:
        return DatasetError(dataset.name, d.image_id, reason)

    view = select(dataset, [d.image_id])
    if not len(view):
        raise refuse("no such photo")
    known = set(view.values(f"{GROUND_TRUTH}.detections.id", unwind=True))
    known |= set(view.values(f"{LABELS}.detections.id", unwind=True))
    if d.action == "delete":
        known |= _missing(dataset, d.image_id).keys()
    if d.action in ("keep", "relabel", "delete") and d.instance_id not in known:
        raise refuse(f"has no instance {d.instance_id}")
    if d.category and d.category not in class_names(active):
        names = ", ".join(sorted(class_names(active)))
        raise refuse(f"{d.category!r} is not a class of {active.name} ({names})")


def _record(dataset: fo.Dataset, new: Sequence[Decision]) -> None:
    """Journal first, dataset second: a crash between the two loses no decision."""
    photos = {d.image_id for d in new}
    adopt_edits(dataset, photos)
    review.append(journal(dataset), new)
    standing = review.standing(decisions(dataset))
    rebuild(dataset, active_taxonomy(dataset), standing, photos, keep_scores=True)
