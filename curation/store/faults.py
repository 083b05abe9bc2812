"""What an audit found, written where the App can filter by it."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo

from curation.core.finding import Finding, Severity
from curation.store import app_config, bulk
from curation.store.datasets import (
    GROUND_TRUTH,
    LABELS,
    batches,
    declare_detections,
    info,
)
from curation.store.edits import adopt_edits
from curation.store.labels import locked, rebuild

FAULTS = "faults, worst first"
"""Saved view: photos with a fault, those with most errors first."""

ON_LABELS = {"faults": fo.ListField, "fault_details": fo.ListField, "severity": fo.StringField}
"""What an audit finds of a label: the attributes and their kinds."""

ON_IMAGES = ("faults", "fault_details", "n_faults", "n_errors")
"""What it finds of a photo and of its labels together."""


def write_faults(dataset: fo.Dataset, found: Sequence[Finding]) -> None:
    """Replaces the faults of the last audit: on photos, on ``ground_truth`` and on ``labels``."""
    for name in (GROUND_TRUTH, LABELS):
        if dataset.has_sample_field(name):
            declare_detections(dataset, name, **ON_LABELS)
    of_image: dict[str, list[Finding]] = {}
    for fault in found:
        of_image.setdefault(fault.image_id, []).append(fault)
    faulty = dataset.match({"n_faults": {"$gt": 0}})
    earlier = faulty.values("image_id")
    for batch in batches(sorted({*of_image, *earlier})):
        # Locked from the reading on: an import at the same time must not be written over.
        with locked(dataset):
            if info(dataset)["taxonomy"]:
                adopt_edits(dataset, batch)  # made in FiftyOne; labels are made anew below
            changes = {}
            for image in bulk.read(dataset, batch, [GROUND_TRUTH]):
                faults = of_image.get(image["image_id"], [])
                marked = [_marked(d, faults) for d in bulk.detections(image, GROUND_TRUTH)]
                changes[image["image_id"]] = {
                    "faults": sorted({str(f.kind) for f in faults}),
                    "fault_details": _details(faults),
                    "n_faults": len(faults),
                    "n_errors": sum(f.severity is Severity.ERROR for f in faults),
                    GROUND_TRUTH: {"_cls": "Detections", "detections": marked},
                }
            bulk.update(dataset, changes)
            if info(dataset)["taxonomy"]:
                rebuild(dataset, changes)
    dataset.save_view(
        FAULTS,
        faulty.sort_by([("n_errors", -1), ("n_faults", -1)]),
        description="photos with labels that are wrong by themselves",
        overwrite=True,
    )
    app_config.configure(dataset)


def _marked(label: dict, faults: Sequence[Finding]) -> dict:
    """A label with its faults and the worst severity among them; both None where it has none."""
    own = [f for f in faults if f.instance_id == str(label["_id"])]
    worst = min((f.severity for f in own), key=lambda s: s.rank, default=None)
    return label | {
        "faults": sorted({str(f.kind) for f in own}) or None,
        "fault_details": _details(own) or None,
        "severity": None if worst is None else str(worst),
    }


def _details(faults: Sequence[Finding]) -> list[str]:
    return [f"{fault.kind}: {fault.detail}" for fault in faults]
