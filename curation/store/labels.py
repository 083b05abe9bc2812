"""The working copy: source labels under the active taxonomy, with the decisions applied."""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import fiftyone as fo

from curation.core import taxonomy
from curation.core.errors import DatasetError
from curation.core.records import Instance
from curation.core.rle import Rle
from curation.core.taxonomy import IGNORE, Taxonomy
from curation.issues import issue
from curation.issues.issue import SUSPECT
from curation.review import journal
from curation.review.journal import Decision, Reviewed
from curation.store import app_config, bulk, documents
from curation.store.datasets import (
    GROUND_TRUTH,
    LABELS,
    batches,
    declare_detections,
    folder,
    info,
    select,
)

CLASS_SCORES = {"error_score": fo.FloatField, "error_type": fo.StringField,
                "suggested_label": fo.StringField, "reason": fo.StringField}  # fmt: skip
SOURCE_SCORES = {"source_error_score": fo.FloatField, "suggested_source_label": fo.StringField,
                 "source_reason": fo.StringField}  # fmt: skip
SCORES = CLASS_SCORES | SOURCE_SCORES
"""What flagging says of a label: of its class and mask, and of its source label."""


@dataclass(frozen=True, slots=True)
class Remapped:
    """What a remap does: instances by source label and what each becomes (None is dropped)."""

    taxonomy: Taxonomy
    counts: dict[str, int]
    targets: dict[str, str | None]
    waiting: int
    """Decisions in another vocabulary, which wait until it is active again."""


def journal_path(dataset: fo.Dataset) -> Path:
    """The dataset's append-only journal of decisions."""
    return folder(dataset) / "decisions.csv"


def decisions(dataset: fo.Dataset) -> list[Decision]:
    """All entries of the journal, oldest first, undone ones and undos included."""
    return journal.read(journal_path(dataset))


def active_taxonomy(dataset: fo.Dataset) -> Taxonomy:
    """The taxonomy of the last remap, as it was then.

    Raises:
        DatasetError: there was none yet
    """
    active = info(dataset)["taxonomy"]
    if not active:
        raise DatasetError(
            dataset.name,
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
            f"{len(unmapped)} labels of {dataset.name} are not in it: {listed}; "
            "add each to a class's `from`, to `drop` or to `ignore`",
        )
    waiting = sum(journal.waits(d, new) for d in journal.standing(decisions(dataset)))
    targets = {label: new.target(label) for label in counts}
    if dry_run:
        return Remapped(new, counts, targets, waiting)
    _declare(dataset)
    classes = [{"id": c.id, "name": c.name, "color": c.color} for c in new.classes]
    info(dataset)["taxonomy"] = {
        "name": new.name, "path": path, "classes": classes, "toml": toml
    }  # fmt: skip
    dataset.default_mask_targets = {c.id: c.name for c in new.classes}
    dataset.save()
    rebuild(dataset, dataset.values("image_id"))
    app_config.configure(dataset)
    return Remapped(new, counts, targets, waiting)


def _declare(dataset: fo.Dataset) -> None:
    """The attributes of ``labels``: what FiftyOne does not know of, it cannot read any more.

    An earlier curate declared fewer.
    """
    if not dataset.get_field(f"{LABELS}.detections.{next(reversed(SCORES))}"):
        declare_detections(
            dataset, LABELS, source_label=fo.StringField, review_status=fo.StringField, **SCORES
        )


def finer_labels(dataset: fo.Dataset) -> dict[str, str]:
    """The source labels of classes that have several, and the class of each."""
    active = active_taxonomy(dataset)
    # By the index; FiftyOne's own ``distinct`` reads every photo.
    every = bulk.collection(dataset).distinct(f"{GROUND_TRUTH}.detections.label")
    class_of = {
        label: target
        for label in sorted(every)
        if not active.unmapped({label: 1})
        and (target := active.target(label)) not in (None, IGNORE)
    }
    several = {name for name, count in Counter(class_of.values()).items() if count > 1}
    return {label: target for label, target in class_of.items() if target in several}


def excluded(dataset: fo.Dataset) -> set[str]:
    """The photos that a reviewer left out of training and export, by image_id."""
    return journal.excluded(decisions(dataset))


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


@contextmanager
def locked(dataset: fo.Dataset) -> Iterator[None]:
    """One process at a time between reading the journal and writing the labels it leads to."""
    path = folder(dataset) / "decisions.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def rebuild(dataset: fo.Dataset, image_ids: Iterable[str]) -> None:
    """Computes ``labels`` of some photos: remapped, with standing decisions and scores."""
    _declare(dataset)
    toml = info(dataset)["taxonomy"]["toml"]
    active = active_taxonomy(dataset)
    entries = journal.standing(decisions(dataset))
    standing = by_image(entries)
    excluded = {i for i, ds in standing.items() if any(d.action == "exclude" for d in ds)}
    for batch in batches(sorted(image_ids)):
        changes = {}
        for image in expected(dataset, batch, active, standing):
            labels = [_label(item, image) for item in image.items]
            decided = standing.get(image.image_id, ())
            changes[image.image_id] = {
                LABELS: {"_cls": "Detections", "detections": labels},
                "labels_digest": digest(labels),
                "labels_basis": basis(toml, image.content_digest, decided),
                "review_status": "decided" if decided else "",
                "excluded": image.image_id in excluded,
            }
        bulk.update(dataset, changes)
        if info(dataset)["runs"]:
            view = select(dataset, batch)
            _mark_missing(dataset, view, entries)
            update_suspects(dataset, view)


def by_image(decided: Iterable[Decision]) -> dict[str, list[Decision]]:
    result: dict[str, list[Decision]] = {}
    for d in decided:
        result.setdefault(d.image_id, []).append(d)
    return result


def basis(toml: str, content_digest: str, decided: Sequence[Decision]) -> list[str]:
    """What labels are computed from: a hash of taxonomy and source, and the decisions."""
    hashed = blake2b(f"{content_digest}\0{toml}".encode(), digest_size=8).hexdigest()
    return [hashed, *(d.decision_id for d in decided)]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ``labels`` of a photo should hold.

    Attributes:
        content_digest: of the annotation file's labels
        sources: the documents of ``ground_truth``, by instance id
        scores: of the last flagged run, by instance id
        items: the working copy
    """

    image_id: str
    height: int
    width: int
    content_digest: str
    sources: dict[str, dict]
    scores: dict[str, dict]
    items: list[Reviewed]


def expected(
    dataset: fo.Dataset,
    image_ids: Iterable[str],
    active: Taxonomy,
    decided: Mapping[str, Sequence[Decision]],
) -> Iterator[Expected]:
    """What ``labels`` of some photos should hold, in order of image_id.

    Photos with a label that the taxonomy does not speak of are left out: they
    wait for a remap.

    Args:
        decided: decisions of each photo, oldest first
    """
    fields = ["metadata", "content_digest", "scores", GROUND_TRUTH]
    for image in bulk.read(dataset, image_ids, fields):
        height, width = image["metadata"]["height"], image["metadata"]["width"]
        sources = {str(d["_id"]): d for d in bulk.detections(image, GROUND_TRUTH)}
        if active.unmapped(Counter(d["label"] for d in sources.values())):
            continue
        imported = [
            Reviewed(
                key,
                Instance(
                    d["label"],
                    Rle(height, width, d["rle"].encode()),
                    d["source"],
                    instance_id=key,
                ),
            )
            for key, d in sources.items()
        ]
        image_id = image["image_id"]
        current = journal.apply(imported, decided.get(image_id, ()), active)
        digest, scores = image.get("content_digest") or "", image.get("scores") or {}
        yield Expected(image_id, height, width, digest, sources, scores, current)


def digest(labels: Iterable[Mapping[str, Any]]) -> str:
    """A hash of what the App shows of labels: class, box and mask. Of their documents."""
    state = blake2b(digest_size=16)
    for d in labels:
        box = " ".join(f"{v:.6f}" for v in d["bounding_box"])
        state.update(f"{d['_id']} {d['label']} {box}\0".encode())
        state.update(d.get("mask") or b"")
    return state.hexdigest()


def _mark_missing(dataset: fo.Dataset, view: fo.DatasetView, standing: Sequence[Decision]) -> None:
    """``review_status`` on the missing garments of a view: added, dismissed, or none yet."""
    actions = {"add": "added", "delete": "dismissed"}
    said = {d.instance_id: actions[d.action] for d in standing if d.action in actions}
    for run in info(dataset)["runs"]:
        base = f"missing_{run}.detections"
        if not dataset.has_sample_field(f"missing_{run}"):
            continue
        marks = {}
        for image_id, ids in zip(*view.values(["image_id", f"{base}.id"]), strict=True):
            marks[image_id] = [said.get(key) for key in ids or ()]
        dataset.set_values(f"{base}.review_status", marks, key_field="image_id")


def _label(item: Reviewed, image: Expected) -> dict:
    source = image.sources.get(item.instance_id)
    # Few decisions change a mask: what draws it is copied where it is the same.
    if source and source["rle"] == item.instance.mask.counts.decode():
        document = source
    else:
        document = documents.detection(item.instance)
    values: dict[str, Any] = dict.fromkeys(SCORES)
    # A score speaks of the label it was given to: a new label is not suspect until scored.
    scored = image.scores.get(item.instance_id, {})
    if scored.get("digest") == issue.digest(item.instance):
        values |= {name: scored[name] for name in CLASS_SCORES}
        if scored.get("source_label") == item.instance.source_label:
            values |= {name: scored[name] for name in SOURCE_SCORES}
    return document | {
        "label": item.instance.category,
        "source_label": item.instance.source_label,
        "review_status": item.status,
        **values,
    }
