"""What reviewers decided, as the flagger is told: it learns from that."""

from __future__ import annotations

from curation import store
from curation.core import rle
from curation.core.taxonomy import SOURCE, Taxonomy
from curation.issues.issue import ErrorType
from curation.issues.observation import FINE, WRONG, Place, Verdict
from curation.review import journal
from curation.review.journal import Decision
from curation.steps.working_copy import Workset


def labels(dataset, work: Workset) -> dict[str, list[Verdict]]:
    """What reviewers decided about labels, by image_id."""
    names = work.channels.names
    decided: dict[str, Decision] = {}
    for d in _standing(dataset, work):
        # To keep what was relabelled says nothing of the label that was imported.
        kept = d.action == "keep" and d.instance_id in decided
        if d.action in ("keep", "relabel", "delete") and not kept:
            decided[d.instance_id] = d
    found: dict[str, list[Verdict]] = {}
    touched = {d.image_id for d in decided.values()} & set(work.records)
    for record, ids in store.read(dataset, "ground_truth", touched):
        for key, instance in zip(ids, record.instances, strict=True):
            category = work.taxonomy.target(instance.category)
            if key in decided and category in names:
                kinds = _said(decided[key], category, work.taxonomy)
                verdict = Verdict(names.index(category), instance.mask, kinds[0],
                                  instance.category, kinds[1])  # fmt: skip
                found.setdefault(record.image_id, []).append(verdict)
    return found


def places(dataset, work: Workset) -> dict[str, list[Place]]:
    """Missing garments that reviewers added or dismissed, by image_id."""
    names = work.channels.names
    drawn: dict[str, Decision] = {}
    missing: dict[str, bool] = {}
    for d in _standing(dataset, work):
        if d.action in ("add", "delete"):
            missing[d.instance_id] = d.action == "add"
            if d.mask:
                drawn[d.instance_id] = d
    found: dict[str, list[Place]] = {}
    for key, d in drawn.items():
        category = work.taxonomy.target(d.category) if d.taxonomy == SOURCE else d.category
        if category in names and d.image_id in work.records:
            place = Place(names.index(category), rle.parse(d.mask), missing[key])
            found.setdefault(d.image_id, []).append(place)
    return found


def _standing(dataset, work: Workset) -> list[Decision]:
    """The standing decisions in a vocabulary that counts here, oldest first."""
    entries = journal.standing(store.decisions(dataset))
    return [d for d in entries if not journal.waits(d, work.taxonomy)]


def _said(decision: Decision, category: str, taxonomy: Taxonomy) -> tuple[str, str]:
    """What a decision says of a label's class and mask, and of its source label within it.

    Args:
        category: the class of the label as imported
    """
    if decision.action == "keep":
        return FINE, FINE
    if decision.action == "delete":
        return WRONG, ""
    of_source = decision.taxonomy == SOURCE
    now = taxonomy.target(decision.category) if of_source else decision.category
    if now != category:
        return str(ErrorType.WRONG_CATEGORY), ""
    return FINE, WRONG if of_source else ""
