"""What an audit found, written where the App can filter by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.core.finding import Finding, Severity
from curation.store import app_config, bulk, edits, labels, saved
from curation.store.dataset import Dataset, batches, declare_on_images
from curation.store.fields import FAULTS_ON_LABELS, GROUND_TRUTH, LABELS

FAULTS = "faults, worst first"
"""Saved view: photos with a fault, those with most errors first."""


def write_faults(dataset: Dataset, found: Sequence[Finding], read: Mapping[str, str]) -> None:
    """Replaces the faults of the last audit: on photos, on ``ground_truth`` and on ``labels``.

    Args:
        read: ``content_digest`` by image_id, as the audit began. A photo of which an import has
            brought other labels since has no faults until the next audit
    """
    with dataset.locked():
        declare_on_images(dataset.samples)
    for name in (GROUND_TRUTH, LABELS):
        if dataset.has(name):
            dataset.declare(name, FAULTS_ON_LABELS)
    of_image: dict[str, list[Finding]] = {}
    for fault in found:
        of_image.setdefault(fault.image_id, []).append(fault)
    faulty = dataset.samples.match({"n_faults": {"$gt": 0}})
    earlier = faulty.values("image_id")
    for batch in batches(sorted({*of_image, *earlier})):
        # Locked from the reading on: an import at the same time must not be written over.
        with dataset.locked():
            if dataset.has_taxonomy:
                edits.adopt(dataset, batch)  # made in FiftyOne; labels are made anew below
            changes = {}
            photos = [
                photo
                for photo in labels.read(dataset, batch)
                if read.get(photo["image_id"]) == photo.get("content_digest")
            ]
            for photo in photos:
                faults = of_image.get(photo["image_id"], [])
                whole = [f for f in faults if not f.instance_id and f.severity is not Severity.NOTE]
                marked = [_marked(d, faults) for d in bulk.detections(photo, GROUND_TRUTH)]
                changes[photo["image_id"]] = {
                    "faults": sorted({str(f.kind) for f in faults}),
                    "fault_details": _details(faults),
                    "n_faults": len(faults),
                    "n_errors": sum(f.severity is Severity.ERROR for f in faults),
                    "photo_faults": _details(whole),
                    "at_odds_with": _beside(whole),
                    GROUND_TRUTH: {"_cls": "Detections", "detections": marked},
                }
            if dataset.has_taxonomy:
                labels.store_labels(dataset, photos, dataset.review(), changes)
            else:
                bulk.update(dataset.samples, changes)
    worst_first = faulty.sort_by([("n_errors", -1), ("n_faults", -1)])
    about = "photos with labels that are wrong by themselves"
    saved.save_view(dataset, FAULTS, about, lambda: worst_first)
    app_config.configure(dataset)


def _marked(label: dict, faults: Sequence[Finding]) -> dict:
    """A label with its faults and the worst severity among them; both None where it has none."""
    own = [f for f in faults if f.instance_id == str(label["_id"])]
    worst = min((f.severity for f in own), key=lambda s: s.rank, default=None)
    return label | {
        "faults": sorted({str(f.kind) for f in own}) or None,
        "fault_details": _details(own) or None,
        "at_odds_with": _beside(own),
        "severity": None if worst is None else str(worst),
    }


def _beside(faults: Sequence[Finding]) -> str | None:
    """The photo with which one is at odds, if there is one."""
    return next((f.beside for f in faults if f.beside), None)


def _details(faults: Sequence[Finding]) -> list[str]:
    return [f"{fault.kind}: {fault.detail}" for fault in faults]
