"""What a round came to: whether the models became better, and what reviewers did for it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from curation.core.atomic import replacing
from curation.core.errors import FormatError
from curation.review.journal import Decision
from curation.review.statistics import PAUSE, answers, is_dismissal, last
from curation.rounds.comparison import Change, Comparison, Interval

FILE = "proof.json"
"""In the round's folder."""


@dataclass(frozen=True)
class Proof:
    """What a round came to.

    Attributes:
        comparison: of its models before and after
        precision: of the suspects that were decided on, by what was doubted: those at which
            something was wrong, and all of them
        changed: labels, missing garments and photos, by what was decided last of each
        minutes: that each reviewer spent
    """

    comparison: Comparison
    precision: Mapping[str, tuple[int, int]]
    changed: Mapping[str, int]
    minutes: Mapping[str, float]


def write(folder: Path, proof: Proof) -> None:
    """Writes ``proof.json`` into a round's folder, whole or not at all."""
    with replacing(folder / FILE) as part:
        part.write_text(json.dumps(asdict(proof), indent=1) + "\n", "utf-8")


def read(folder: Path) -> Proof | None:
    """The proof of a round; None where there is none.

    Raises:
        FormatError: its file is damaged
    """
    path = folder / FILE
    try:
        return _parse(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}") from None
    except (
        ValueError, TypeError, KeyError, AttributeError, RecursionError,
        OverflowError,  # Infinity, which JSON has not and Python reads
    ):  # fmt: skip
        reason = "is no proof of a round any more: restore it, or move it away"
        raise FormatError(path, reason) from None


def _parse(table: Any) -> Proof:
    found = table["comparison"]
    iou = {str(name): _change(change) for name, change in found["iou"].items()}
    return Proof(
        Comparison(int(found["photos"]), _change(found["miou"]), iou, found["frozen"] is True),
        {str(kind): (int(wrong), int(of)) for kind, (wrong, of) in table["precision"].items()},
        {str(action): int(n) for action, n in table["changed"].items()},
        {str(who): float(n) for who, n in table["minutes"].items()},
    )


def _change(table: Any) -> Change:
    between = (float(table["difference"][name]) for name in ("value", "low", "high"))
    return Change(float(table["before"]), float(table["after"]), Interval(*between))


def what_changed(decisions: Sequence[Decision]) -> dict[str, int]:
    """How many labels and photos were decided on, by what was said last of each; a missing
    garment that was dismissed is no label that was deleted."""
    said = last(answers(decisions)).values()
    return dict(Counter("dismiss" if is_dismissal(d) else d.action for d in said).most_common())


def minutes(decisions: Iterable[Decision]) -> dict[str, float]:
    """Minutes that each reviewer sat there, by the times of what they decided.

    Between two decisions, up to a pause; what a file brought along at once took nobody's time.
    The first after a pause counts as long as was measured.
    """
    by_reviewer: dict[str, list[Decision]] = defaultdict(list)
    for d in decisions:
        if d.seconds or not d.batch:
            by_reviewer[d.reviewer].append(d)
    return {who: _seconds(decided) / 60 for who, decided in sorted(by_reviewer.items())}


def _seconds(decided: Sequence[Decision]) -> float:
    at_once: dict[str, list[Decision]] = defaultdict(list)
    for d in sorted(decided, key=lambda d: d.time):
        at_once[d.batch or d.decision_id].append(d)
    times = [datetime.fromisoformat(first.time) for first, *_ in at_once.values()]
    gaps = [None, *((b - a).total_seconds() for a, b in pairwise(times))]
    return sum(
        gap
        if gap is not None and gap <= PAUSE
        else sum(min(float(d.seconds or 0), PAUSE) for d in its)  # a wall's are shared out
        for gap, its in zip(gaps, at_once.values(), strict=True)
    )
