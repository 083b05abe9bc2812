"""What reviewers decided, as flagging learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curation.core.taxonomy import SOURCE
from curation.issues.issue import ErrorType
from curation.issues.observation import CORRECT, WRONG, Label, LabelFeedback, MissingFeedback
from curation.review import Decision, Review
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset
from curation.store.fields import GROUND_TRUTH


@dataclass(frozen=True)
class Feedback:
    """What reviewers decided.

    Attributes:
        labels: about labels as they were imported, by image_id
        missing: about garments that a model found missing, by image_id
    """

    labels: Mapping[str, list[LabelFeedback]]
    missing: Mapping[str, list[MissingFeedback]]

    @classmethod
    def of(cls, dataset: Dataset, work: WorkingCopy) -> Feedback:
        """What counts under the active taxonomy, of images in the working copy."""
        review = dataset.review()
        return cls(_on_labels(dataset, work, review), _on_missing(work, review))


def _on_labels(
    dataset: Dataset, work: WorkingCopy, review: Review
) -> dict[str, list[LabelFeedback]]:
    names = work.channels.names
    found: dict[str, list[LabelFeedback]] = {}
    touched = {d.image_id for d in review.on_labels.values()} & set(work.records)
    for record in dataset.records(GROUND_TRUTH, touched):
        for instance in record.instances:
            category = work.taxonomy.target(instance.category)
            if instance.instance_id in review.on_labels and category in names:
                errors = _errors(review.on_labels[instance.instance_id], category, review)
                label = Label(names.index(category), instance.mask, instance.category)
                found.setdefault(record.image_id, []).append(LabelFeedback(label, *errors))
    return found


def _on_missing(work: WorkingCopy, review: Review) -> dict[str, list[MissingFeedback]]:
    names = work.channels.names
    found: dict[str, list[MissingFeedback]] = {}
    for d, missing in review.on_missing.values():
        category = review.category(d)
        if category in names and d.image_id in work.records:
            said = MissingFeedback(names.index(category), d.outline, missing)
            found.setdefault(d.image_id, []).append(said)
    return found


def _errors(decision: Decision, category: str, review: Review) -> tuple[str, str]:
    """What a decision says is wrong with a label's class and mask, and with its source label
    within the class: see :class:`LabelFeedback`.

    Args:
        category: the class of the label as imported
    """
    if decision.action == "keep":
        return CORRECT, CORRECT
    if decision.action == "delete":
        return WRONG, ""
    if decision.action == "relabel" and review.category(decision) != category:
        return str(ErrorType.WRONG_CATEGORY), ""
    error = WRONG if decision.instance_id in review.redrawn else CORRECT
    return error, WRONG if decision.taxonomy == SOURCE else ""
