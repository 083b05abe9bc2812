"""What the flagged run and reviewers say of each label, without reading a mask."""

from __future__ import annotations

from collections.abc import Iterable

from curation.formats.photo import Verdict
from curation.review.resolve import STATUS
from curation.store import bulk
from curation.store.dataset import Dataset, batches
from curation.store.fields import LABELS

_ACTIONS = {status: action for action, status in STATUS.items()}


def read(dataset: Dataset, image_ids: Iterable[str]) -> dict[str, Verdict]:
    """The verdicts on the labels of some photos, by instance_id."""
    wanted = ("_id", "error_score", "error_type", "review_status")
    names = [f"{LABELS}.detections.{name}" for name in wanted]
    return {
        str(d["_id"]): _verdict(d)
        for batch in batches(image_ids)
        for document in bulk.read(dataset.samples, batch, names)
        for d in bulk.detections(document, LABELS)
    }


def _verdict(detection: dict) -> Verdict:
    decided = _ACTIONS.get(detection.get("review_status") or "", "")
    return Verdict(detection.get("error_score"), detection.get("error_type") or "", decided)
