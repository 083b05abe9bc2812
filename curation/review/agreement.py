"""How far reviewers agree: labels on which two of them said different things, and alpha.

It is told by the journal's whole history: who was overruled said something, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from curation.review.journal import ON_LABELS, Decision

Verdict = tuple[str, str]
"""What a label is, as a reviewer has it: an action, and the class that it names; a label that was
kept is of the class that it had."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A label on which reviewers said different things.

    Attributes:
        image_id, instance_id: which
        category: its class as it was before anybody decided
        said: what each said of it, as one says it, in the order in which they did
    """

    image_id: str
    instance_id: str
    category: str
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of the labels that two or more reviewers decided on.

    Attributes:
        labels: how many they are
        agreed: those of which all said the same
        alpha: Krippendorff's, nominal; None where it is undefined
    """

    labels: int
    agreed: int
    alpha: float | None


@dataclass(frozen=True, slots=True)
class Agreements:
    """What reviewers agree on.

    Attributes:
        whole: of all labels
        by_class: of each class as it was before anybody decided, most labels first
        disagreements: in the order in which they came about
    """

    whole: Agreement
    by_class: Mapping[str, Agreement]
    disagreements: Sequence[Disagreement]


def compare(entries: Iterable[Decision]) -> Agreements:
    """What reviewers agree on, by a journal's entries, oldest first.

    What its own reviewer took back was never meant; what another one took back was. Of a reviewer
    who decided on a label twice, the last word counts.
    """
    every = list(entries)
    by_id = {d.decision_id: d for d in every}
    slips = {
        d.undoes for d in every if d.undoes in by_id and by_id[d.undoes].reviewer == d.reviewer
    }
    given: dict[str, str] = {}
    said: dict[str, dict[str, list[Decision]]] = defaultdict(lambda: defaultdict(list))
    for d in every:
        # A missing garment that is dismissed has a mask, and was no label.
        label = d.action in ON_LABELS and not (d.action == "delete" and d.mask)
        if label and d.decision_id not in slips:
            given.setdefault(d.instance_id, d.before)
            said[d.instance_id][d.reviewer].append(d)
    shared = {key: people for key, people in said.items() if len(people) > 1}
    verdicts = {
        key: [_verdict(own, given[key]) for own in people.values()]
        for key, people in shared.items()
    }
    classes = Counter(given[key] for key in shared)
    return Agreements(
        whole=_agreement(verdicts.values()),
        by_class={
            name: _agreement(v for key, v in verdicts.items() if given[key] == name)
            for name, _ in classes.most_common()
        },
        disagreements=[
            _disagreement(key, given[key], people)
            for key, people in shared.items()
            if len(set(verdicts[key])) > 1
        ],
    )


def alpha(units: Iterable[Sequence[object]]) -> float | None:
    """Krippendorff's alpha for nominal data: 1 is agreement, 0 is chance.

    Of K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): with o the observed
    and e the expected disagreement of pairable values, alpha = 1 - o / e.

    Args:
        units: what was said of each, by however many; a missing value is left out

    Returns:
        None where nothing can be paired, or all say one and the same: it is undefined

    >>> alpha([["a", "a"], ["b", "b"], ["a", "b"], ["b", "b"]])
    0.5333333333333333
    """
    pairable = [list(values) for values in units if len(values) > 1]
    totals = Counter(value for values in pairable for value in values)
    n = sum(totals.values())
    observed = sum(
        2 * sum(a != b for a, b in combinations(values, 2)) / (len(values) - 1)
        for values in pairable
    )
    expected = n * n - sum(count * count for count in totals.values())
    return 1 - (n - 1) * observed / expected if expected else None


def _verdict(own: Sequence[Decision], given: str) -> Verdict:
    """What one reviewer makes of a label, at last: to keep what was changed changes nothing, and
    to keep what was deleted brings it back.

    Args:
        given: its class as it was before anybody decided
    """
    last = own[0]
    for d in own:
        if d.action != "keep" or last.action in ("keep", "delete"):
            last = d
    if last.action in ("keep", "relabel"):
        return "is", last.category or last.before or given
    return last.action, ""


def _agreement(verdicts: Iterable[Sequence[Verdict]]) -> Agreement:
    units = list(verdicts)
    return Agreement(len(units), sum(len(set(unit)) == 1 for unit in units), alpha(units))


def _disagreement(
    key: str, category: str, people: Mapping[str, Sequence[Decision]]
) -> Disagreement:
    said = {}
    for who, own in people.items():
        kind, name = _verdict(own, category)
        said[who] = {"is": f"it is {name}", "delete": "deleted it", "redraw": "redrew it"}[kind]
    image_id = next(iter(people.values()))[0].image_id
    return Disagreement(image_id, key, category, said)
