"""What reviewers decided, as the flagger is told: it learns from that."""

from __future__ import annotations

from curation.core import rle
from curation.core.taxonomy import SOURCE
from curation.issues.issue import ErrorType
from curation.issues.observation import FINE, WRONG, Place, Verdict
from curation.review import Decision, Review
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset
from curation.store.fields import GROUND_TRUTH


def labels(dataset: Dataset, work: WorkingCopy) -> dict[str, list[Verdict]]:
    """What reviewers decided about labels, by image_id."""
    names, review = work.channels.names, dataset.review()
    found: dict[str, list[Verdict]] = {}
    touched = {d.image_id for d in review.on_labels.values()} & set(work.records)
    for record in dataset.records(GROUND_TRUTH, touched):
        for instance in record.instances:
            category = work.taxonomy.target(instance.category)
            if instance.instance_id in review.on_labels and category in names:
                kinds = _said(review.on_labels[instance.instance_id], category, review)
                verdict = Verdict(names.index(category), instance.mask, kinds[0],
                                  instance.category, kinds[1])  # fmt: skip
                found.setdefault(record.image_id, []).append(verdict)
    return found


def places(dataset: Dataset, work: WorkingCopy) -> dict[str, list[Place]]:
    """Missing garments that reviewers added or dismissed, by image_id."""
    names, review = work.channels.names, dataset.review()
    found: dict[str, list[Place]] = {}
    for d, missing in review.on_missing.values():
        category = review.category(d)
        if category in names and d.image_id in work.records:
            place = Place(names.index(category), rle.parse(d.mask), missing)
            found.setdefault(d.image_id, []).append(place)
    return found


def _said(decision: Decision, category: str, review: Review) -> tuple[str, str]:
    """What a decision says of a label's class and mask, and of its source label within it.

    Args:
        category: the class of the label as imported
    """
    if decision.action == "keep":
        return FINE, FINE
    if decision.action == "delete":
        return WRONG, ""
    if review.category(decision) != category:
        return str(ErrorType.WRONG_CATEGORY), ""
    return FINE, WRONG if decision.taxonomy == SOURCE else ""
