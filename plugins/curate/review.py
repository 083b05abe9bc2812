"""What the review panel in the browser asks for: suspects, outlines, decisions, undo, claims."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any, TypeVar

import fiftyone.operators as foo

from curation import store
from curation.core import rle
from curation.core.errors import CurateError
from curation.core.text import count
from curation.issues.issue import PhotoErrorType
from curation.review import Decision, journal, keys
from curation.review.checks import Planned
from curation.review.suspect import PHOTO, Suspect
from curation.store import (
    checks,
    claims,
    database,
    decisions,
    edits,
    labels,
    pictures,
    queue,
    suspects,
)
from curation.store.decisions import RefusedError, Request

T = TypeVar("T")


class _Question(foo.Operator):
    """One that the panel asks: JSON both ways, in no list and on no button."""

    name: str

    @property
    def config(self):
        return foo.OperatorConfig(name=self.name, label=self.name, unlisted=True)

    def execute(self, ctx) -> dict[str, Any]:
        try:
            return self.answer(store.wrap(ctx.dataset), ctx.params)
        except RefusedError as error:
            return {"refused": error.reason, "index": error.index}
        except CurateError as error:
            return {"refused": str(error), "index": 0}

    @abstractmethod
    def answer(self, dataset: store.Dataset, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to what the browser sent."""


class Queue(_Question):
    name = "review_queue"

    def answer(self, dataset, asked):
        active = dataset.taxonomy
        finer = labels.finer_labels(dataset)
        asked_about = queue.read(dataset, _text(asked, "reviewer"))
        return {
            "dataset": dataset.name,
            "reviewer": journal.user(),
            "run": dataset.flagged or "",
            "classes": [{"name": c.name, "color": c.color} for c in active.classes],
            "source_labels": [{"name": name, "class": target} for name, target in finer.items()],
            "suspects": [asdict(s) for s in asked_about],
            "goes_on": len(asked_about) >= queue.LEAST,
            "counts": _counts(dataset),
            "keys": keys.load(database.home()),
        }


class Outlines(_Question):
    name = "review_outlines"

    def answer(self, dataset, asked):
        wanted, planted = [], []
        for s in _each(asked, "suspects", dict):
            if check := checks.check_of(dataset, _text(s, "id"), _text(s, "seen")):
                planted.append(Planned(_text(s, "id"), _text(s, "image_id"), check))
            else:
                wanted.append(
                    (_text(s, "id"), _text(s, "image_id"), _text(s, "field"), _text(s, "suggested"))
                )
        drawn = pictures.outlines(dataset, wanted) | checks.outlines(dataset, planted)
        return {"outlines": drawn}


class Decide(_Question):
    name = "review_decide"

    def answer(self, dataset, asked):
        requests, about, checked = [], [], []
        who, key = _text(asked, "reviewer"), _text(asked, "key")
        for i, decision in enumerate(_each(asked, "decisions", dict)):
            if planned := _planned(dataset, decision):
                checked.append((planned, _said(decision)))
                continue
            for request in _requests(dataset, decision):
                requests.append(request)
                about.append(i)
        try:
            taken = decisions.decide(dataset, requests, who, key) if requests else []
        except RefusedError as error:
            # What a kill left behind is mended, or it would be refused ever after.
            with dataset.locked():
                edits.adopt(dataset, {request.image_id for request in requests})
            error.index = about[error.index]
            raise
        taken = [*taken, *(checks.take(dataset, checked, who, key) if checked else [])]
        if not taken:
            raise RefusedError(dataset.name, "there is nothing to decide on")
        of_photo = groupby(taken, key=lambda d: d.image_id)
        message = "; ".join(journal.summary(list(of_one)) for _, of_one in of_photo)
        if len(asked["decisions"]) > 1:
            message = f"{count(len(asked['decisions']), 'decision')} saved"
        ids = [d.decision_id for d in taken]
        return {"saved": ids, "counts": _counts(dataset), "message": message}


def _planned(dataset: store.Dataset, asked: dict[str, Any]) -> Planned | None:
    """The check that a decision of the panel is about; None where it is about a label."""
    key, seen = _text(asked, "instance_id"), _text(asked, "seen")
    check = checks.check_of(dataset, key, seen)
    return Planned(key, _text(asked, "image_id"), check) if check else None


def _said(asked: dict[str, Any]) -> dict[str, str]:
    said = {name: _text(asked, name) for name in ("action", "category")}
    return said | {"seconds": _seconds(asked.get("seconds"))}


def _requests(dataset: store.Dataset, asked: dict[str, Any]) -> list[Request]:
    """A decision of the panel as what it comes to: a missing garment that is the same one goes
    along, and of a label over two garments the other one gets a label of its own."""
    named = ("action", "image_id", "instance_id", "category", "taxonomy", "seen")
    values = {name: _text(asked, name) for name in named}
    values["seconds"] = _seconds(asked.get("seconds"))
    also = []
    if the_other := _text(asked, "exclude"):  # of two photos that show the same
        also = [Request("exclude", the_other)]
    # A label that is deleted leaves the garment without one, if the model is right.
    if (other := asked.get("also")) and values["action"] != "delete":
        its = _text(asked, "also_seen")
        also = [Request("delete", values["image_id"], str(other), seen=its)]
    if values["action"] == "transform":
        return _transformed(dataset, values)
    if values["action"] != "redraw":
        return [Request(**values), *also]
    category = values.pop("category")
    suggested = pictures.suggestion(dataset, values["image_id"], values["instance_id"], category)
    if suggested is None:
        raise RefusedError(
            dataset.name, "the model sees nothing there to take over", where=values["image_id"]
        )
    del values["taxonomy"]
    redraw = Request(**values, mask=rle.to_text(suggested.mask))
    if suggested.seen != _text(asked, "predicted"):  # flagged again since it was drawn
        raise RefusedError(
            dataset.name,
            "another mask is suggested by now: look again",
            where=values["image_id"],
        )
    if suggested.second:
        name, mask = suggested.second
        key = pictures.second_id(redraw.instance_id, mask)
        also.append(Request("add", redraw.image_id, key, name, mask=rle.to_text(mask)))
    if not category:
        return [redraw, *also]
    relabel = Request("relabel", redraw.image_id, redraw.instance_id, category, seen=redraw.seen)
    return [relabel, redraw, *also]


def _transformed(dataset: store.Dataset, values: dict[str, str]) -> list[Request]:
    """What mends all labels at once: each is redrawn, or deleted where it would leave the photo."""
    image_id, spent = values["image_id"], values["seconds"]
    found = pictures.transformed(dataset, image_id, values["seen"])
    if not found:
        reason = "it is not what you saw any more: look again"
        raise RefusedError(dataset.name, reason, where=image_id)
    requests = decisions.redrawn(image_id, found)
    return [replace(requests[0], seconds=spent), *requests[1:]]


class Undo(_Question):
    name = "review_undo"

    def answer(self, dataset, asked):
        who, which, key = (_text(asked, name) for name in ("reviewer", "decision_id", "key"))
        answered = [] if which else checks.undo(dataset, who, key)
        at_once = {a.batch for a in answered if a.batch}
        with_it = any(d.batch in at_once for d in dataset.review().active)
        gone = decisions.undo(dataset, who, which, key) if with_it or not answered else []
        told = [*gone, *checks.as_decisions(dataset, answered)]
        message = "There is no decision of yours to undo."
        if told:
            message = f"Took back: {journal.summary(told)}."
        of_photos = {d.image_id for d in told}
        back = queue.read(dataset, who, of_photos) if of_photos else []
        photos = {d.image_id for d in gone if d.action == "exclude"}
        decided = [s for s in back if any(_is_about(d, s) for d in told)]
        again = [s for s in back if s in decided or s.image_id in photos]
        # A photo that was decided on as a whole comes back as one.
        whole = [s for s in decided if s.field == PHOTO and _was_whole(dataset, s.image_id, told)]
        one_by_one = [s for s in decided if s.field != PHOTO]
        keep = ("action", "image_id", "instance_id", "category")
        return {
            "undone": [{name: getattr(d, name) for name in keep} for d in told],
            "suspects": [asdict(s) for s in again],
            "front": [s.id for s in whole or one_by_one or again],
            "counts": _counts(dataset),
            "message": message,
        }


def _is_about(d: Decision, suspect: Suspect) -> bool:
    if suspect.field == PHOTO:
        whole = suspect.kind in set(PhotoErrorType) or d.action in journal.ON_PHOTOS
        return whole and d.image_id == suspect.image_id
    return d.instance_id == suspect.id


def _was_whole(dataset: store.Dataset, image_id: str, undone: Sequence[Decision]) -> bool:
    """Whether a photo was decided on, or all of its labels at once, and not some of them alone."""
    of_it = [d for d in undone if d.image_id == image_id]
    if any(d.action in journal.ON_PHOTOS for d in of_it):
        return True
    left = {s.id for s in suspects.of_labels(dataset, [image_id], None)}
    mended = {d.instance_id for d in of_it if d.action in ("redraw", "delete")}
    return left <= mended


class Claim(_Question):
    name = "review_claim"

    def answer(self, dataset, asked):
        others = claims.claim(dataset, _text(asked, "reviewer"), _each(asked, "ids", str))
        return {"others": others, "counts": _counts(dataset)}


class Edited(_Question):
    name = "review_edited"

    def answer(self, dataset, asked):
        image_id = _text(asked, "image_id")
        with dataset.locked():
            made = edits.adopt(dataset, [image_id], _text(asked, "reviewer"))
        message = f"{count(len(made), 'edit')} in {image_id} saved." if made else "Nothing changed."
        return {
            "decisions": len(made),
            "message": message,
            "counts": _counts(dataset),
            "suspects": [
                asdict(s) for s in queue.read(dataset, _text(asked, "reviewer"), [image_id])
            ],
        }


def _text(asked: dict[str, Any], name: str) -> str:
    return str(asked.get(name) or "")


def _each(asked: dict[str, Any], name: str, kind: type[T]) -> list[T]:
    """A list that the browser sent; CurateError where it is none, or of something else."""
    sent = asked.get(name)
    if not isinstance(sent, list) or not all(isinstance(one, kind) for one in sent):
        raise CurateError(name, f"what was asked has no list of {kind.__name__} here")
    return sent


def _seconds(spent: Any) -> str:
    """For the journal; empty where it is no time that anybody spent."""
    try:
        seconds = float(spent)
    except (TypeError, ValueError):
        return ""
    return f"{seconds:.1f}" if 0 <= seconds <= 86_400 else ""


def _counts(dataset: store.Dataset) -> dict[str, int]:
    """With the answers to checks, or a count would tell which they are."""
    review, answered = dataset.review(), len(checks.answers(dataset))
    return {"decided": len(review.decided) + answered, "decisions": len(review.active) + answered}


QUESTIONS = (Queue, Outlines, Decide, Undo, Claim, Edited)
