"""How a review goes: what is decided and left, how fast, and how often a doubt was right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from statistics import median

from curation.core.taxonomy import SOURCE
from curation.review.journal import ON_PHOTOS, Decision
from curation.review.resolve import Review
from curation.review.simulated import REVIEWER
from curation.review.suspect import FAULT, Suspect

PAUSE = 600
"""Seconds without a decision, beyond which nobody sat there."""


@dataclass(slots=True)
class Tally:
    """Suspects of one kind, or labels of one class.

    Attributes:
        wrong: those of which a reviewer said that something is wrong: the doubt was right
        right: those that were kept, or dismissed: it was not
        left: those that nobody decided on
    """

    wrong: int = 0
    right: int = 0
    left: int = 0

    @property
    def decided(self) -> int:
        return self.wrong + self.right

    @property
    def precision(self) -> float:
        """The share of the decided ones in which something was wrong; 0 where none is decided."""
        return self.wrong / self.decided if self.decided else 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a reviewer decides, or all of them on average.

    Attributes:
        decisions: of theirs that stand
        an_hour: of work: pauses are left out; None where nothing can be reckoned with
        seconds: for one, the median of what was measured; None where nothing was
    """

    decisions: int
    an_hour: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What came of a review so far.

    Attributes:
        decided: labels, missing garments and photos that were decided on
        left: suspects that nobody decided on
        pace: of all reviewers together: decisions an hour of one of them
        by_reviewer: the same of each, who decided most first
        by_hour: decisions of each reviewer, by the hour (UTC) in which they were taken
        by_kind: suspects, by what was doubted of them; most first
        by_class: suspects that are left, and labels and garments decided on, by given class
        confusion: relabelled ones, by the class that was given and the one that was decided
    """

    decided: int
    left: int
    pace: Pace
    by_reviewer: Mapping[str, Pace]
    by_hour: Mapping[datetime, Mapping[str, int]]
    by_kind: Mapping[str, Tally]
    by_class: Mapping[str, Tally]
    confusion: Mapping[tuple[str, str], int]


def compute(review: Review, kinds: Mapping[str, str], left: Iterable[Suspect]) -> Statistics:
    """What a review comes to, of the decisions that stand.

    Args:
        review: under the active taxonomy
        kinds: what was doubted of those that were decided on, by instance_id; of photos by
            image_id
        left: the suspects that nobody decided on
    """
    each, queue = answers(review.active), list(left)
    by_reviewer: dict[str, list[Decision]] = defaultdict(list)
    by_hour: dict[datetime, Counter[str]] = defaultdict(Counter)
    for d in each:
        by_reviewer[d.reviewer].append(d)
        hour = datetime.fromisoformat(d.time).replace(minute=0, second=0)
        by_hour[hour][d.reviewer] += 1
    said = last(each)
    given: dict[str, str] = {}
    for d in each:
        if name := _given(d, review):
            given.setdefault(_about(d), name)
    by_kind: dict[str, Tally] = defaultdict(Tally)
    by_class: dict[str, Tally] = defaultdict(Tally)
    for suspect in queue:
        by_kind[suspect.kind].left += 1
        by_class[suspect.label].left += 1
    for key, d in said.items():
        right = _is_right(d, given.get(key), review)
        if kind := kinds.get(key):
            _count(by_kind[kind], right)
        if name := given.get(key):
            _count(by_class[name], right)
    for image_id in _mended(each) - said.keys():
        if (kind := kinds.get(image_id, FAULT)) != FAULT:
            by_kind[kind].wrong += 1
    busiest = sorted(by_reviewer.items(), key=lambda item: (-len(item[1]), item[0]))
    return Statistics(
        decided=len(said),
        left=len(queue),
        pace=_pace(by_reviewer.values()),
        by_reviewer={who: _pace([decisions]) for who, decisions in busiest},
        by_hour={hour: by_hour[hour] for hour in sorted(by_hour)},
        by_kind=dict(sorted(by_kind.items(), key=lambda k: -(k[1].decided + k[1].left))),
        by_class=by_class,
        confusion=_confusion(said, given, review),
    )


def answers(active: Sequence[Decision]) -> list[Decision]:
    """One decision for each label or photo that a reviewer was asked about.

    A relabelled label whose mask was redrawn at once is one, and a missing garment that was
    dismissed along with the label of the same garment is none. Of what a file brought at once each
    was asked about: only who sits there takes one along, and is measured.
    """
    on_label = {
        (d.batch, d.image_id)
        for d in active
        if d.batch and not is_dismissal(d) and (d.seconds or d.reviewer == REVIEWER)
    }
    found: dict[tuple[str, str, str], Decision] = {}
    for d in active:
        went_along = is_dismissal(d) and (d.batch, d.image_id) in on_label
        if not went_along:
            at_once = (d.batch or d.decision_id, d.image_id, d.instance_id)
            first = found.get(at_once, d)
            found[at_once] = replace(first, seconds=first.seconds or d.seconds)
    return list(found.values())


def _mended(each: Iterable[Decision]) -> set[str]:
    """The photos whose labels were mended all at once, as a photo that is doubted as a whole asks
    for; on a wall, where several labels may be of one photo, each is measured."""
    at_once: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for d in each:
        if d.batch and d.action in ("redraw", "delete") and not is_dismissal(d):
            at_once[d.batch, d.image_id].append(d)
    return {
        image_id
        for (_, image_id), labels in at_once.items()
        if len(labels) > 1 and sum(bool(d.seconds) for d in labels) < 2
    }


def last(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """What was said last of each, by instance_id or image_id; to keep what was changed says
    nothing new, to keep what was deleted brings it back."""
    said: dict[str, Decision] = {}
    for d in decisions:
        before = said.get(_about(d))
        if d.action != "keep" or before is None or before.action == "delete":
            said[_about(d)] = d
    return said


def _about(d: Decision) -> str:
    """What was decided on: an instance_id, or an image_id where it is a photo."""
    return d.instance_id or d.image_id


def is_dismissal(d: Decision) -> bool:
    """Whether a missing garment was dismissed: no label is gone."""
    return d.action == "delete" and bool(d.mask)


def _count(tally: Tally, right: bool) -> None:
    if right:
        tally.right += 1
    else:
        tally.wrong += 1


def _is_right(d: Decision, given: str | None, review: Review) -> bool:
    """Whether nothing is wrong with what was decided on, as the last word on it says."""
    if d.action == "relabel" and d.taxonomy != SOURCE and d.instance_id not in review.redrawn:
        return d.category == given  # back to what it was
    return d.action in ("keep", "include") or is_dismissal(d)


def _given(d: Decision, review: Review) -> str | None:
    """The class that a label had, or that the model saw in a missing garment."""
    if d.action == "add" or is_dismissal(d):
        return None if review.deferred(d) else review.category(d)
    return None if d.action in ON_PHOTOS else d.before


def _confusion(
    said: Mapping[str, Decision], given: Mapping[str, str], review: Review
) -> Mapping[tuple[str, str], int]:
    relabelled = {k: d for k, d in said.items() if d.action == "relabel" and not review.deferred(d)}
    pairs = Counter((given.get(k, ""), review.category(d) or "") for k, d in relabelled.items())
    # Within its class a label was relabelled to another source label.
    return {pair: n for pair, n in pairs.items() if all(pair) and pair[0] != pair[1]}


def _pace(of_reviewers: Iterable[Sequence[Decision]]) -> Pace:
    each = list(of_reviewers)
    decided, worked = 0, 0.0
    for decisions in each:
        moments: dict[str, list[str]] = defaultdict(list)
        for d in decisions:
            # What a file brought along at once took nobody's time, nor what nobody decided.
            if d.seconds or (not d.batch and d.reviewer != REVIEWER):
                moments[d.batch or d.decision_id].append(d.time)
        # What was decided at once took the time before it as a whole.
        at_once = sorted((datetime.fromisoformat(min(m)), len(m)) for m in moments.values())
        for (before, _), (time, count) in pairwise(at_once):
            if (gap := (time - before).total_seconds()) <= PAUSE:
                decided, worked = decided + count, worked + gap
    measured = [float(d.seconds) for decisions in each for d in decisions if d.seconds]
    return Pace(
        decisions=sum(map(len, each)),
        an_hour=3600 * decided / worked if worked else None,
        seconds=median(measured) if measured else None,
    )
