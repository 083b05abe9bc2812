"""Checks on a dataset's labels: how they are shown, and what was answered to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from curation.issues.issue import ErrorType
from curation.review import Decision, checks, journal
from curation.review.checks import Answer, Answers, Check, Planned
from curation.review.suspect import Suspect
from curation.store import labels, pictures, suspects
from curation.store.dataset import Dataset
from curation.store.fields import LABELS

_KEPT = {"$eq": ["$$d.review_status", "kept"]}

_FAR = 0.3
"""Of the root of its box's area: how far a label is shown beside its place."""


def answers(dataset: Dataset) -> list[Answer]:
    """What was answered so far, and not taken back."""
    return _file(dataset).read()


def asked(
    dataset: Dataset, reviewer: str, count: int | None, image_ids: Collection[str] | None = None
) -> list[Suspect]:
    """The next checks for a reviewer, as suspects.

    Args:
        reviewer: empty for who is logged in
        count: how many, at most; None for all
        image_ids: of these photos; None for all
    """
    planned = checks.candidates(dataset.review(), _who(reviewer), answers(dataset))
    of_photos = [p for p in planned if image_ids is None or p.image_id in image_ids]
    return [shown for _, shown in _as_suspects(dataset, of_photos[:count])]


def check_of(dataset: Dataset, instance_id: str, seen: str) -> Check | None:
    """The check that a reviewer has on screen; None where it is a label to decide on."""
    return checks.known_by(seen, instance_id, dataset.name)


def outlines(dataset: Dataset, wanted: Sequence[Planned]) -> dict[str, dict[str, Any]]:
    """What is drawn of checks, by label id; as :func:`curation.store.pictures.outlines`."""
    both = _as_suspects(dataset, wanted)
    asked_for = [(s.id, s.image_id, LABELS, s.suggested) for _, s in both]
    found: dict[str, dict[str, Any]] = {p.instance_id: {"gone": True} for p in wanted}
    found |= pictures.outlines(dataset, asked_for)
    for label, shown in both:
        drawn = found[label.id]
        if not drawn["gone"]:
            x, y = shown.box[0] - label.box[0], shown.box[1] - label.box[1]
            drawn["own"] = [[(a + x, b + y) for a, b in ring] for ring in drawn["own"]]
            drawn["seen"] = shown.seen
    return found


def take(
    dataset: Dataset,
    given: Sequence[tuple[Planned, Mapping[str, str]]],
    reviewer: str = "",
    batch: str = "",
) -> list[Decision]:
    """Keeps what was answered to checks. No label changes, and the journal has none of it.

    An answer about a label that somebody changed meanwhile is worth nothing, and is not kept.

    Args:
        given: each check, with ``action``, ``category`` and ``seconds`` of the answer
        batch: as for :func:`curation.store.decisions.decide`

    Returns:
        what it would have decided, to be told as a decision is
    """
    who = _who(reviewer)
    with dataset.locked():
        after = _last(dataset, who)
        answered = [
            checks.answer(
                said["action"], planned.image_id, who,
                instance_id=planned.instance_id, check=planned.check, category=said["category"],
                seconds=said["seconds"], batch=batch, after=after,
            )
            for planned, said in given
        ]  # fmt: skip
        kept = checks.keepers(dataset.review())
        there = {(a.batch, a.instance_id) for a in answers(dataset) if a.batch}
        new = [a for a in answered if a.instance_id in kept and (batch, a.instance_id) not in there]
        if new:
            _file(dataset).append(new)
    return as_decisions(dataset, answered)


def as_decisions(dataset: Dataset, answered: Sequence[Answer]) -> list[Decision]:
    """What would have been decided, to be told as a decision is; never for the journal."""
    planned = [Planned(a.instance_id, a.image_id, Check(a.check)) for a in answered]
    shown = {s.id: s.label for _, s in _as_suspects(dataset, planned)}
    return [
        journal.decision(
            a.action, a.image_id, a.reviewer,
            instance_id=a.instance_id, category=a.category, before=shown.get(a.instance_id, ""),
            # Nobody reads it: it is what such a decision cannot be without.
            mask="-" if a.action in ("redraw", "add") else "",
        )
        for a in answered
    ]  # fmt: skip


def undo(dataset: Dataset, reviewer: str = "", batch: str = "") -> list[Answer]:
    """Takes the reviewer's last answer back, and those given at once with it; unless the reviewer
    decided on something since.

    Args:
        batch: an id of the caller's, as for :func:`curation.store.decisions.undo`
    """
    who = _who(reviewer)
    with dataset.locked():
        file = _file(dataset)
        if before := [a.undoes for a in file.every() if batch and a.batch == batch and a.undoes]:
            return [a for a in file.every() if a.answer_id in before]
        own = [a for a in file.read() if a.reviewer == who]
        if not own or own[-1].after != _last(dataset, who):
            return []
        last = own[-1]
        gone = [a for a in own if a is last or (last.batch and a.batch == last.batch)]
        file.append([
            checks.answer(
                "undo", a.image_id, who, instance_id=a.instance_id, check=a.check, batch=batch,
                undoes=a.answer_id,
            )
            for a in gone
        ])  # fmt: skip
    return gone


def _file(dataset: Dataset) -> Answers:
    return Answers(dataset.folder / checks.FILE)


def _who(reviewer: str) -> str:
    return journal.one_line(reviewer) or journal.user()


def _last(dataset: Dataset, who: str) -> str:
    """The reviewer's last decision that stands."""
    own = [d.decision_id for d in dataset.review().active if d.reviewer == who]
    return own[-1] if own else ""


def _as_suspects(dataset: Dataset, wanted: Sequence[Planned]) -> list[tuple[Suspect, Suspect]]:
    """Each label as it is, and as it is shown; those that are gone or changed are left out."""
    photos = {planned.image_id for planned in wanted}
    ids = {planned.instance_id for planned in wanted}
    found = {s.id: s for s in suspects.of_labels(dataset, photos, ids, _KEPT)}
    names = [c.name for c in dataset.taxonomy.classes]
    finer = labels.finer_labels(dataset)
    return [
        (label, _disguised(label, planned.check, names, finer, dataset.name))
        for planned in wanted
        if (label := found.get(planned.instance_id))
    ]


def _disguised(
    label: Suspect, check: Check, names: Sequence[str], finer: Mapping[str, str], secret: str
) -> Suspect:
    """A label as a check shows it.

    Args:
        names: of the classes
        finer: the class of each source label of those that have several
    """
    label = replace(label, seen=checks.token(check, label.id, secret))
    dice = checks.roll(f"shown {label.id}")
    others = [name for name in names if name != label.label]
    if check is Check.CLASS and others:
        shown = others[dice % len(others)]
        called = [source for source, of in finer.items() if of == shown] or [shown]
        return replace(
            label, label=shown, source_label=called[dice % len(called)], suggested=label.label,
            kind=ErrorType.WRONG_CATEGORY,
        )  # fmt: skip
    if check is Check.KEPT:
        return label
    x, y, w, h = label.box
    far = _FAR * (w * h) ** 0.5
    # Towards the roomier side, that it stays in the photo.
    x, y = (x, y + far * (1 if y + h / 2 < 0.5 else -1)) if dice % 2 else (
        x + far * (1 if x + w / 2 < 0.5 else -1), y)  # fmt: skip
    return replace(label, box=(x, y, w, h), suggested=label.label, kind=ErrorType.SHIFTED)
