"""Decisions: asked for in the App or by a file, or taken back; journal first, dataset second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from typing import Any

from bson import ObjectId

from curation.core import rle
from curation.core.errors import DatasetError
from curation.core.finding import Finding, FindingKind
from curation.core.records import Instance
from curation.core.rle import Rle
from curation.core.taxonomy import SOURCE
from curation.review import Decision, Review, Reviewed, journal
from curation.review.journal import ON_LABELS, ON_PHOTOS
from curation.store import bulk, edits, labels, whole_photos
from curation.store.dataset import Dataset, as_instance, batches
from curation.store.fields import GROUND_TRUTH


@dataclass(frozen=True, slots=True)
class Request:
    """A decision that is asked for; see :class:`curation.review.Decision`.

    ``add`` takes the id of a missing garment, whose mask the label takes over, under the class
    that the model saw unless ``category`` says another; ``delete`` of a missing garment
    dismisses it, for later runs too.

    Attributes:
        category: a class of the active taxonomy, unless ``taxonomy`` is SOURCE: then a label
            of the annotation file, which holds under every taxonomy
        mask: what ``redraw`` puts in place of the label's, or of a garment that ``add`` adds and
            no run found here; see :func:`curation.core.rle.to_text`
        reviewer: who decides, where that is not the same for all
        seen: what the reviewer had on screen, see :func:`seen_label`; empty where nobody looked
        seconds: that the reviewer spent on it; empty where nobody measured
        time, batch, before: of a decision on a label that was taken elsewhere, see
            :class:`curation.review.Decision`; empty for one that is taken now
    """

    action: str
    image_id: str
    instance_id: str = ""
    category: str = ""
    taxonomy: str = ""
    mask: str = ""
    reviewer: str = ""
    seen: str = ""
    seconds: str = ""
    time: str = ""
    batch: str = ""
    before: str = ""


def seen_label(category: str, mask: Rle, status: str) -> str:
    """A hash of what a reviewer sees of a label or a missing garment.

    Args:
        status: ``review_status``, empty where nobody decided on it
    """
    text = f"{category}\0{status}\0".encode() + mask.counts
    return blake2b(text, digest_size=8).hexdigest()


def redrawn(image_id: str, masks: Mapping[str, Rle]) -> list[Request]:
    """What puts a mask in place of each label's, by id; an empty one deletes the label."""
    return [
        Request("redraw", image_id, label_id, mask=rle.to_text(mask))
        if rle.area(mask)
        else Request("delete", image_id, label_id)
        for label_id, mask in masks.items()
    ]


class RefusedError(DatasetError):
    """A decision on a photo, an instance or a class that does not exist, or half a decision.

    Attributes:
        index: of the request among those that were asked for at once
    """

    index: int = 0


def decide(
    dataset: Dataset, requests: Iterable[Request], reviewer: str = "", batch: str = ""
) -> list[Decision]:
    """Takes decisions: all or none. Each is one entry of the journal, each photo is written once;
    those that are taken at once are taken back at once.

    What a crash leaves between the journal and the dataset, :func:`refresh` mends.

    Args:
        reviewer: who decides; empty for who is logged in
        batch: an id of the caller's. Who asks again with the same one, since the answer got lost,
            is told what was taken then, and nothing is taken twice

    Raises:
        RefusedError: one of them cannot be taken, or its label is not what the reviewer saw any
            more; nothing is written then
    """
    who, wanted = reviewer or journal.user(), list(requests)
    with dataset.locked():
        if taken := _asked_before(dataset, batch):
            edits.adopt(dataset, {d.image_id for d in taken})  # it may have been killed in between
            return taken
        batch = batch or (journal.new_id() if len(wanted) > 1 else "")
        found = labels.read(dataset, {r.image_id for r in wanted})
        photos = {document["image_id"]: document for document in found}
        review = dataset.review()
        drawn = edits.find(dataset, photos.values(), review)
        now = Review((*review.active, *drawn.decisions), review.taxonomy)
        new = []
        of_photo = {image_id: now.of(image_id) for image_id in photos}
        for i, request in enumerate(wanted):
            image_id = request.image_id
            photo, before = photos.get(image_id), of_photo.get(image_id, ())
            _Checked(dataset.name, i, photo, now).refuse_if_changed(request)
            # A garment may be added and relabelled at once.
            check = _Checked(dataset.name, i, photo, Review(before, now.taxonomy))
            new.append(replace(check.decision(request, who), batch=request.batch or batch))
            of_photo[image_id] = (*before, new[-1])
        dataset.journal.append([*drawn.decisions, *new])
        labels.store_labels(dataset, list(photos.values()), dataset.review())
    return new


def _asked_before(dataset: Dataset, batch: str) -> list[Decision]:
    return [d for d in dataset.journal.read() if batch and d.batch == batch]


def undo(
    dataset: Dataset, reviewer: str = "", decision_id: str = "", batch: str = ""
) -> list[Decision]:
    """Takes a decision back, and what the same reviewer decided at once with it.

    Args:
        reviewer: whose; empty for who is logged in
        decision_id: of the one to take back, whoever took it; empty for the reviewer's own last
        batch: as for :func:`decide`

    Returns:
        the decisions that were undone, oldest first; none where there is nothing to undo

    Raises:
        RefusedError: there is no such decision, or a later one stands on it
    """
    who = journal.one_line(reviewer) or journal.user()
    with dataset.locked():
        if before := _asked_before(dataset, batch):
            edits.adopt(dataset, {d.image_id for d in before})  # as in decide
            ids = {d.undoes for d in before}
            return [d for d in dataset.journal.read() if d.decision_id in ids]
        active = dataset.review().active
        wanted = [d for d in active if d.decision_id == decision_id or not decision_id]
        if decision_id and not wanted:
            raise RefusedError(dataset.name, f"decision {decision_id} is not there, or undone")
        own = wanted if decision_id else [d for d in wanted if d.reviewer == who]
        if not own:
            return []
        gone = _at_once(active, own[-1])
        _refuse_what_stands_on(dataset, gone, active)
        batch = batch or (journal.new_id() if len(gone) > 1 else "")
        found = list(labels.read(dataset, {d.image_id for d in gone}))
        drawn = edits.find(dataset, found, dataset.review())
        back = [
            journal.decision("undo", d.image_id, who, undoes=d.decision_id, batch=batch)
            for d in gone
        ]
        dataset.journal.append([*drawn.decisions, *back])
        labels.store_labels(dataset, found, dataset.review())
    return gone


def _at_once(active: Sequence[Decision], last: Decision) -> list[Decision]:
    """A decision, and what the same reviewer decided at once with it.

    Of an import, what others decided stays; and a part of it that was taken again after something
    else is by itself, else what was decided between the two would keep both.
    """
    if not last.batch:
        return [last]
    own = [d for d in active if d.reviewer == last.reviewer]
    for _, run in groupby(own, key=lambda d: d.batch):
        if last in (gone := list(run)):
            return gone
    return [last]


def _refuse_what_stands_on(
    dataset: Dataset, gone: Sequence[Decision], active: Sequence[Decision]
) -> None:
    """Raises RefusedError where somebody decided later on what an undo would change."""
    ids = {d.decision_id for d in gone}
    changed = set()
    for d in active:
        if d.decision_id in ids:
            changed.add((d.image_id, d.instance_id))
        elif (d.image_id, d.instance_id) in changed:
            reason = f"{d.sentence}, and that stands on it; take that back first"
            raise RefusedError(dataset.name, reason, where=d.image_id)


def orphans(dataset: Dataset) -> list[Finding]:
    """The active decisions whose label is gone: a corrected file took it away."""
    review = dataset.review()
    added = {d.instance_id for d in review.active if d.action == "add"}
    # A garment that was dismissed is not found again: its mask is in the journal.
    on_labels = {
        image_id: kept
        for image_id, decided in review.by_image.items()
        if (kept := [d for d in decided if _is_on_label(d) and d.instance_id not in added])
    }
    fields = [GROUND_TRUTH, *labels.missing_fields(dataset)]
    ids = [f"{name}.detections._id" for name in fields]
    found = []
    for batch in batches(sorted(on_labels)):
        for photo in bulk.read(dataset.samples, batch, ids):
            there = {str(d["_id"]) for name in fields for d in bulk.detections(photo, name)}
            for d in on_labels[photo["image_id"]]:
                if d.instance_id not in there:
                    what = f"{d.action} {d.category}".strip()
                    said = f"{what} of {d.instance_id} by {d.reviewer}"
                    found.append(Finding(FindingKind.ORPHANED_DECISION, d.image_id, said))
    return found


def _is_on_label(d: Decision) -> bool:
    return d.action in ON_LABELS and not (d.action == "delete" and d.mask)


@dataclass(frozen=True)
class _Checked:
    """What a request is held against.

    Attributes:
        dataset, index: for the error
        document: of its photo; None where there is no such photo
        review: of the decisions before it
    """

    dataset: str
    index: int
    document: Mapping[str, Any] | None
    review: Review

    def decision(self, request: Request, who: str) -> Decision:
        """The request as a decision; RefusedError where it cannot be taken."""
        active = self.review.taxonomy
        if active is None:
            raise self._refuse(request, "has no taxonomy yet; run `curate remap`")
        if request.taxonomy not in ("", active.name, SOURCE):
            reason = f"taxonomy {request.taxonomy!r} is neither {active.name} nor {SOURCE}"
            raise self._refuse(request, reason)
        category, mask, known = request.category, request.mask, request.instance_id
        if request.action in ON_PHOTOS:  # the photo, whichever of its labels was meant
            category = known = ""
        if request.action in ("add", "delete"):
            found = self._missing.get(request.instance_id)
            if found is None and request.action == "add" and not mask:
                raise self._refuse(request, f"has no missing garment {request.instance_id}")
            if found:  # in the journal, since another run finds others
                category, mask = category or found.category, rle.to_text(found.mask)
        if request.action == "keep" or (request.action == "delete" and known in self._imported):
            mask = ""
        try:
            decision = journal.decision(
                request.action,
                request.image_id,
                request.reviewer or who,
                instance_id=known,
                category=category,
                taxonomy=(request.taxonomy or active.name) if category else "",
                mask=mask,
                before=self._before(request),
                seconds=request.seconds,
            )
        except ValueError as error:
            raise self._refuse(request, str(error)) from None
        if reason := self._fault(decision):
            raise self._refuse(request, reason)
        return replace(decision, time=request.time or decision.time)

    def _before(self, request: Request) -> str:
        if request.action == "include":
            return whole_photos.in_short(self.document or {})
        label = self._labels.get(request.instance_id)
        now = label.instance.category if label and request.action not in ON_PHOTOS else ""
        return request.before or now  # who decided elsewhere saw what it was there

    def _fault(self, d: Decision) -> str:
        """Why a decision cannot be taken; empty where it can."""
        active = self.review.taxonomy
        if self.document is None:
            return f"{self.dataset} has no such photo, nor the same ones under another --prefix"
        if d.mask and (reason := self._wrong_mask(d.mask)):
            return reason
        if active is None or labels.waits_for_remap(self.document, active):
            name = active.name if active else "none"
            return (
                f"has labels that {name} does not speak of: add them to it, and run `curate remap`"
            )
        if _is_on_label(d) and d.instance_id not in self._known(d):
            return f"has no instance {d.instance_id} under {active.name}"
        if d.mask and not ObjectId.is_valid(d.instance_id):
            return f"{d.instance_id!r} is no id of a label: 24 digits and letters from a to f"
        if d.action == "add" and d.instance_id in self._imported:
            return f"has a label {d.instance_id} already"
        if not self.review.deferred(d):
            return ""
        if d.taxonomy == SOURCE:
            return f"{d.category!r} is not a source label that {active.name} speaks of"
        names = ", ".join(sorted(active.class_names))
        return f"{d.category!r} is not a class of {active.name} ({names})"

    def refuse_if_changed(self, request: Request) -> None:
        """RefusedError where a label is not what the reviewer saw, with how it differs."""
        if not request.seen or self.document is None:
            return
        garment = self._missing.get(request.instance_id)
        if label := self._labels.get(request.instance_id):
            now = seen_label(label.instance.category, label.instance.mask, label.status)
        elif not request.instance_id:
            now = whole_photos.seen(self.document, self.review.on_photos.get(request.image_id))
        elif garment:
            status = self.review.missing_status.get(request.instance_id, "")
            now = seen_label(garment.category, garment.mask, status)
        else:
            now = ""
        if now == request.seen:
            return
        about = [d for d in self.review.of(request.image_id)
                 if d.instance_id == request.instance_id]  # fmt: skip
        what = about[-1].sentence if about else "it is not what it was"
        raise self._refuse(request, f"changed since you saw it: {what}; look again")

    def _wrong_mask(self, text: str) -> str:
        """Why a mask cannot be one of the photo; empty where it can."""
        try:
            mask = rle.parse(text)
        except ValueError as error:
            return f"its mask cannot be read: {error}"
        height, width = self._size
        if (mask.height, mask.width) != (height, width):
            return f"its mask is {mask.width} x {mask.height} px, the photo {width} x {height}"
        return ""

    @property
    def _size(self) -> tuple[int, int]:
        """Height and width of the photo."""
        about = (self.document or {})["metadata"]
        return about["height"], about["width"]

    def _known(self, d: Decision) -> set[str]:
        """The instances that can be decided on, also those that are deleted by now."""
        before = self.review.of(d.image_id)
        added = Review(tuple(x for x in before if x.action == "add"), self.review.taxonomy)
        known = {
            item.instance.instance_id
            for item in added.labels(d.image_id, self._instances(GROUND_TRUTH))
        }
        known |= self._labels.keys()
        return known | self._missing.keys() if d.action == "delete" else known

    @cached_property
    def _labels(self) -> dict[str, Reviewed]:
        """The labels of the photo as they are by now, by id."""
        if self.document is None or self.review.taxonomy is None:
            return {}
        if labels.waits_for_remap(self.document, self.review.taxonomy):
            return {}
        items = self.review.labels(self.document["image_id"], self._instances(GROUND_TRUTH))
        return {item.instance.instance_id: item for item in items}

    @property
    def _imported(self) -> set[str]:
        return {str(d["_id"]) for d in bulk.detections(self.document or {}, GROUND_TRUTH)}

    @cached_property
    def _missing(self) -> dict[str, Instance]:
        """The garments that any run found missing in the photo, by id."""
        names = [name for name in self.document or () if name.startswith("missing_")]
        found = [x for name in names for x in self._instances(name)]
        return {x.instance_id: x for x in found}

    def _instances(self, field_name: str) -> list[Instance]:
        if self.document is None:
            return []
        return [as_instance(d, *self._size) for d in bulk.detections(self.document, field_name)]

    def _refuse(self, request: Request, reason: str) -> RefusedError:
        error = RefusedError(self.dataset, reason, where=request.image_id)
        error.index = self.index
        return error
