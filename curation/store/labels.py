"""The working copy: source labels under the active taxonomy, with the decisions applied."""

from __future__ import annotations

import csv
import getpass
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import fiftyone as fo

from curation import review, rle, taxonomy
from curation.errors import DatasetError, FormatError
from curation.records import Instance
from curation.review import Decision, Reviewed
from curation.store import screen
from curation.store.datasets import (
    GROUND_TRUTH,
    LABELS,
    batches,
    declare_detections,
    detection,
    folder,
    info,
    read,
    select,
)
from curation.taxonomy import IGNORE, Taxonomy

SUSPECT = 0.5
"""From this error_score on, the model finds another class likelier than the given one."""

SCORES = {"error_score": fo.FloatField, "error_type": fo.StringField,
          "suggested_label": fo.StringField, "reason": fo.StringField}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Remapped:
    """What a remap does: instances by source label and what each becomes (None is dropped)."""

    taxonomy: Taxonomy
    counts: dict[str, int]
    targets: dict[str, str | None]
    waiting: int
    """Decisions in another vocabulary, which wait until it is active again."""


def journal(dataset: fo.Dataset) -> Path:
    """The dataset's append-only journal of decisions."""
    return folder(dataset) / "decisions.csv"


def decisions(dataset: fo.Dataset) -> list[Decision]:
    """All entries of the journal, oldest first, undone ones and undos included."""
    return review.read(journal(dataset))


def active_taxonomy(dataset: fo.Dataset) -> Taxonomy:
    """The taxonomy of the last remap, as it was then.

    Raises:
        DatasetError: there was none yet
    """
    active = info(dataset)["taxonomy"]
    if not active:
        raise DatasetError(
            dataset.name,
            "",
            f"has no taxonomy yet; run `curate remap {dataset.name} --taxonomy supercategories`",
        )
    return taxonomy.parse(active["toml"], active["name"])


def remap(dataset: fo.Dataset, toml: str, path: str, dry_run: bool = False) -> Remapped:
    """Computes ``labels`` anew from ``ground_truth`` under a taxonomy.

    Repeatable, and nothing is lost: the source labels and the journal stay.

    Args:
        toml, path: the taxonomy's text, and what errors call it
        dry_run: say what would be done, and do nothing

    Raises:
        TaxonomyError: the taxonomy is wrong, or does not speak of some labels
    """
    new = taxonomy.parse(toml, path)
    counts = dataset.count_values(f"{GROUND_TRUTH}.detections.label")
    if unmapped := new.unmapped(counts):
        listed = ", ".join(f"{label!r} ({n})" for label, n in unmapped.items())
        raise taxonomy.TaxonomyError(
            path,
            "",
            f"{len(unmapped)} labels of {dataset.name} are not in it: {listed}; "
            "add each to a class's `from`, to `drop` or to `ignore`",
        )
    names = _names(new)
    standing = review.standing(decisions(dataset))
    waiting = sum(bool(d.category) and d.category not in names for d in standing)
    targets = {label: new.target(label) for label in counts}
    result = Remapped(new, counts, targets, waiting)
    if dry_run:
        return result
    classes = [{"id": c.id, "name": c.name, "color": c.color} for c in new.classes]
    info(dataset)["taxonomy"] = {"name": new.name, "classes": classes, "toml": toml}
    dataset.default_mask_targets = {c.id: c.name for c in new.classes}
    dataset.save()
    declare_detections(
        dataset, LABELS, source_label=fo.StringField, review_status=fo.StringField, **SCORES
    )
    _rebuild(dataset, new, standing, dataset.values("image_id"), keep_scores=False)
    screen.configure(dataset)
    return result


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


def excluded(dataset: fo.Dataset) -> set[str]:
    """The photos that a reviewer left out of training and export, by image_id."""
    return review.excluded(decisions(dataset))


def update_suspects(dataset: fo.Dataset, view: fo.DatasetView) -> None:
    """Counts what the last flagged run doubts and nobody decided on, in each photo of a view."""
    run = info(dataset).get("flagged")
    if not run:
        return
    paths = ["image_id"] + [f"{LABELS}.detections.{n}" for n in ("error_score", "review_status")]
    paths.append(f"missing_{run}.detections.review_status")
    suspects = {}
    for image_id, scores, statuses, missing in zip(*view.values(paths), strict=True):
        pairs = zip(scores or (), statuses or (), strict=True)
        doubted = sum(
            score is not None and score >= SUSPECT and not status for score, status in pairs
        )
        suspects[image_id] = doubted + sum(not status for status in missing or ())
    dataset.set_values("n_suspect", suspects, key_field="image_id")


def _names(active: Taxonomy) -> set[str]:
    return {c.name for c in active.classes} | {IGNORE}


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
    if d.category and d.category not in _names(active):
        names = ", ".join(sorted(_names(active)))
        raise refuse(f"{d.category!r} is not a class of {active.name} ({names})")


def _record(dataset: fo.Dataset, new: Sequence[Decision]) -> None:
    """Journal first, dataset second: a crash between the two loses no decision."""
    review.append(journal(dataset), new)
    standing = review.standing(decisions(dataset))
    photos = {d.image_id for d in new}
    _rebuild(dataset, active_taxonomy(dataset), standing, photos, keep_scores=True)


def _rebuild(
    dataset: fo.Dataset,
    active: Taxonomy,
    standing: Sequence[Decision],
    image_ids: Iterable[str],
    keep_scores: bool,
) -> None:
    """Computes ``labels`` of some photos: remapped, with standing decisions applied."""
    by_photo: dict[str, list[Decision]] = {}
    for d in standing:
        by_photo.setdefault(d.image_id, []).append(d)
    excluded = review.excluded(standing)
    names = _names(active)
    for batch in batches(sorted(image_ids)):
        view = select(dataset, batch)
        scored = _scores(view) if keep_scores else {}
        labels = {}
        for record, ids in read(view, GROUND_TRUTH):
            sources = dict(zip(ids, record.instances, strict=True))
            remapped = [
                Reviewed(key, replace(instance, category=target))
                for key, instance in sources.items()
                if (target := active.target(instance.category))
            ]
            current = review.apply(remapped, by_photo.get(record.image_id, ()), names)
            labels[record.image_id] = fo.Detections(
                detections=[_label(item, sources, scored) for item in current]
            )
        dataset.set_values(LABELS, labels, key_field="image_id")
        status = {i: "decided" if i in by_photo else "" for i in batch}
        dataset.set_values("review_status", status, key_field="image_id")
        dataset.set_values("excluded", {i: i in excluded for i in batch}, key_field="image_id")
        mark_missing(dataset, view)
        update_suspects(dataset, view)


def mark_missing(dataset: fo.Dataset, view: fo.DatasetView) -> None:
    """``review_status`` on the missing garments of a view: added, dismissed, or none yet."""
    actions = {"add": "added", "delete": "dismissed"}
    said = {d.instance_id: actions.get(d.action) for d in review.standing(decisions(dataset))}
    for run in info(dataset)["runs"]:
        base = f"missing_{run}.detections"
        if not dataset.has_sample_field(f"missing_{run}"):
            continue
        marks = {}
        for image_id, ids in zip(*view.values(["image_id", f"{base}.id"]), strict=True):
            marks[image_id] = [said.get(key) for key in ids or ()]
        dataset.set_values(f"{base}.review_status", marks, key_field="image_id")


def _label(item: Reviewed, sources: dict[str, Instance], scored: dict[str, dict]) -> fo.Detection:
    source = sources.get(item.instance_id)
    before = scored.get(item.instance_id, {})
    # A score speaks of the label it was given to: a new label is not suspect until scored.
    scores = dict.fromkeys(SCORES)
    if before.pop("label", None) == item.instance.category:
        scores |= before
    return detection(
        item.instance,
        item.instance_id,
        source_label=source.category if source else "",
        review_status=item.status,
        **scores,
    )


def _scores(view: fo.DatasetView) -> dict[str, dict]:
    """The scores that stand on ``labels``, and the label that each was given to, by id."""
    base = f"{LABELS}.detections"
    columns = view.values([f"{base}.{name}" for name in ("id", "label", *SCORES)], unwind=True)
    return {
        key: {name: v for name, v in zip(("label", *SCORES), values, strict=True) if v is not None}
        for key, *values in zip(*columns, strict=True)
    }


def count_classes(dataset: fo.Dataset) -> Counter[str]:
    """Instances of each class in ``labels``."""
    return Counter(dataset.count_values(f"{LABELS}.detections.label"))
