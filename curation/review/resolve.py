"""What the decisions of a journal come to: the one reading of them.

The labels that a person works on are never stored as the truth. They are computed: source
labels, remapped, with the active decisions applied in order. So every decision can be undone,
a remap loses none, and a lost database is rebuilt from the annotation file and the journal.
The store asks for labels, an audit for source labels as reviewers left them, flagging for what
it may learn from, the App for what is left to do: each asks a :class:`Review`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import SOURCE, Taxonomy
from curation.review.journal import ON_LABELS, ON_PHOTOS, Decision

STATUS = {"keep": "kept", "relabel": "relabelled", "add": "added", "redraw": "redrawn"}
"""``review_status`` that an action leaves on an instance; a deleted one is gone."""

MISSING_STATUS = {"add": "added", "delete": "dismissed"}
"""``review_status`` that an action leaves on a missing garment."""


def resolve(decisions: Iterable[Decision], taxonomy: Taxonomy | None = None) -> Review:
    """What decisions come to.

    Args:
        decisions: entries of a journal, oldest first, undone ones and undos included
        taxonomy: the active one; without it, nothing can be asked that needs class names
    """
    entries = list(decisions)
    undone = {d.undoes for d in entries if d.action == "undo"}
    active = (d for d in entries if d.action != "undo" and d.decision_id not in undone)
    return Review(tuple(active), taxonomy)


@dataclass(frozen=True)
class Review:
    """The decisions that no undo took back, and what follows from them.

    Attributes:
        active: those decisions, oldest first
        taxonomy: under which they are read
    """

    active: tuple[Decision, ...]
    taxonomy: Taxonomy | None = None

    @cached_property
    def by_image(self) -> Mapping[str, tuple[Decision, ...]]:
        """The active decisions of each image that has any, by image_id."""
        found: dict[str, list[Decision]] = {}
        for d in self.active:
            found.setdefault(d.image_id, []).append(d)
        return {image_id: tuple(decisions) for image_id, decisions in found.items()}

    def of(self, image_id: str) -> tuple[Decision, ...]:
        """The active decisions of one image."""
        return self.by_image.get(image_id, ())

    @cached_property
    def on_photos(self) -> Mapping[str, Decision]:
        """What was said last of each photo as a whole, by image_id."""
        return {d.image_id: d for d in self.active if d.action in ON_PHOTOS}

    @cached_property
    def excluded(self) -> frozenset[str]:
        """The images that are left out of training and export, by image_id."""
        said = self.on_photos.items()
        return frozenset(image_id for image_id, d in said if d.action == "exclude")

    @cached_property
    def decided(self) -> frozenset[str]:
        """The instances and missing garments that were decided on, by instance_id."""
        return frozenset(d.instance_id for d in self.active if d.instance_id)

    @cached_property
    def missing_status(self) -> Mapping[str, str]:
        """What was said last of a garment that a model found missing, by instance_id."""
        said = ((d.instance_id, MISSING_STATUS.get(d.action)) for d in self.active)
        return {key: status for key, status in said if status}

    def deferred(self, decision: Decision) -> bool:
        """Whether a decision is in a vocabulary that the active taxonomy does not know."""
        if decision.action not in ("relabel", "add"):
            return False
        if decision.taxonomy == SOURCE:
            return bool(self._taxonomy.unmapped({decision.category: 1}))
        return decision.category not in self._taxonomy.class_names

    def category(self, decision: Decision) -> str | None:
        """The class of the active taxonomy that a decision which is not deferred names."""
        if decision.taxonomy == SOURCE:
            return self._taxonomy.target(decision.category)
        return decision.category

    @cached_property
    def on_labels(self) -> Mapping[str, Decision]:
        """What was said last of each label as it was imported, by instance_id.

        To keep what was relabelled or redrawn says nothing of that, nor to redraw what was
        relabelled (see :attr:`redrawn`); what was deleted and is then kept is as it was imported.
        Deferred ones are left out.
        """
        said: dict[str, Decision] = {}
        changed: set[str] = set()
        for d in self.active:
            if d.action not in ON_LABELS or (d.action == "keep" and d.instance_id in changed):
                continue
            if d.action in ("relabel", "redraw"):
                changed.add(d.instance_id)
            else:
                changed.discard(d.instance_id)
            before = said.get(d.instance_id)
            renamed = d.action == "redraw" and before is not None and before.action == "relabel"
            if not renamed and not self.deferred(d):
                said[d.instance_id] = d
        return said

    @cached_property
    def redrawn(self) -> frozenset[str]:
        """The labels whose mask was changed, by instance_id."""
        return frozenset(d.instance_id for d in self.active if d.action == "redraw")

    @cached_property
    def on_missing(self) -> Mapping[str, tuple[Decision, bool]]:
        """Garments that a model found missing, by instance_id: the decision that has the mask,
        and whether the last one said that the garment is there. Deferred ones are left out."""
        drawn: dict[str, Decision] = {}
        there: dict[str, bool] = {}
        for d in self.active:
            if d.action in ("add", "delete") and not self.deferred(d):
                there[d.instance_id] = d.action == "add"
                if d.mask:
                    drawn[d.instance_id] = d
        return {key: (d, there[key]) for key, d in drawn.items()}

    def labels(self, image_id: str, source: Sequence[Instance]) -> list[Reviewed]:
        """The labels of one image: under the taxonomy, with its active decisions applied.

        A category that the taxonomy does not know (it was decided under another
        one) leaves the label as it is; it counts again under its own.

        Args:
            source: the instances as imported
        """
        labels = _Labels(source, self._taxonomy)
        for d in self.of(image_id):
            if not self.deferred(d):
                labels.apply(d)
        return list(labels.current.values())

    def source_record(self, record: ImageRecord) -> ImageRecord:
        """A record as imported, with its source labels as reviewers left them.

        Deleted ones are gone until something else is said of them, a redrawn one has its new mask,
        and one that was relabelled in the vocabulary of the annotation file is called so.
        """
        imported = {x.instance_id: x for x in record.instances}
        kept = dict(imported)
        for d in self.of(record.image_id):
            known = kept.get(d.instance_id) or imported.get(d.instance_id)
            if d.action == "delete":
                kept.pop(d.instance_id, None)
            elif known is None or d.action not in ON_LABELS:
                continue
            elif d.action == "redraw":
                kept[d.instance_id] = _redrawn(known, d)
            else:
                named = d.action == "relabel" and d.taxonomy == SOURCE
                kept[d.instance_id] = replace(known, category=d.category) if named else known
        return replace(record, instances=tuple(kept.values()))

    @property
    def _taxonomy(self) -> Taxonomy:
        if self.taxonomy is None:
            raise ValueError("decisions are read without a taxonomy: class names mean nothing")
        return self.taxonomy


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An instance of the working copy, and its ``review_status``: what a reviewer made of it."""

    instance: Instance
    status: str = ""


class _Labels:
    """One image's labels while decisions are applied to them."""

    def __init__(self, source: Sequence[Instance], taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._known = {x.instance_id: Reviewed(x) for x in source}
        self._dropped: dict[str, Reviewed] = {}
        self.current: dict[str, Reviewed] = {}
        for x in source:
            if instance := self._called(x, x.category, SOURCE):
                self._known[x.instance_id] = self.current[x.instance_id] = Reviewed(instance)

    def apply(self, d: Decision) -> None:
        if d.action == "add":
            self._add(d)
            return
        # What was deleted, or is dropped by the taxonomy, can be brought back.
        key = d.instance_id
        old = self.current.get(key) or self._dropped.get(key) or self._known.get(key)
        if old is None:
            return
        if d.action == "delete":
            self.current.pop(key, None)
            self._dropped.pop(key, None)
        elif d.action in ("keep", "redraw"):
            left = _redrawn(old.instance, d) if d.action == "redraw" else old.instance
            there = left.category in self._taxonomy.class_names
            (self.current if there else self._dropped)[key] = Reviewed(left, STATUS[d.action])
        elif d.action == "relabel":
            self._dropped.pop(key, None)
            if instance := self._called(old.instance, d.category, d.taxonomy):
                self.current[key] = Reviewed(instance, STATUS["relabel"])
            else:
                self.current.pop(key, None)
                called = replace(old.instance, category=d.category, source_label=d.category)
                self._dropped[key] = Reviewed(called)

    def _add(self, d: Decision) -> None:
        source = f"review:{d.decision_id}"
        drawn = Instance(d.category, d.outline, source, instance_id=d.instance_id)
        if added := self._called(drawn, d.category, d.taxonomy):
            item = Reviewed(added, STATUS["add"])
            self._known[d.instance_id] = self.current[d.instance_id] = item

    def _called(self, instance: Instance, name: str, vocabulary: str) -> Instance | None:
        """An instance under a name of a vocabulary; None where the taxonomy drops it."""
        if vocabulary == SOURCE:
            target = self._taxonomy.target(name)
            return replace(instance, category=target, source_label=name) if target else None
        known = instance.source_label
        still = known and self._taxonomy.target(known) == name
        return replace(instance, category=name, source_label=known if still else "")


def _redrawn(instance: Instance, d: Decision) -> Instance:
    """A label with another mask: what was said of the old outline goes with it."""
    return replace(instance, mask=d.outline, polygons=(), repaired=())
