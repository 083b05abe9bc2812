"""Checks: labels of which it is known what is right, among those that a reviewer is asked about.

What is answered is kept in a file of its own: it is no decision, and changes no label.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from curation.core import appended
from curation.core.errors import FormatError
from curation.review.journal import decision
from curation.review.resolve import Review

FILE = "checks.jsonl"
"""In the dataset's folder."""


class Check(StrEnum):
    """What is shown, and so what is right."""

    KEPT = "kept"
    """As it is: two people kept it, and it is to be kept."""
    CLASS = "class"
    """A label that was kept, under another class: not to be kept."""
    SHIFTED = "shifted"
    """One that was kept, beside its place: not to be kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer answered to a check, or took back.

    Attributes:
        answer_id: unique
        time, reviewer, action, image_id, instance_id, category, seconds, batch: as of
            :class:`curation.review.Decision`; action is ``undo`` where an answer is taken back
        check: a :class:`Check`
        after: the reviewer's last decision that stood then; empty where there was none
        undoes: the answer that is taken back
    """

    answer_id: str
    time: str
    reviewer: str
    action: str
    image_id: str
    instance_id: str
    check: str
    category: str = ""
    seconds: str = ""
    batch: str = ""
    after: str = ""
    undoes: str = ""

    @property
    def right(self) -> bool:
        return (self.action == "keep") == (self.check == Check.KEPT)


@dataclass(frozen=True, slots=True)
class Hits:
    """How many checks a reviewer answered, and how many of them rightly; planted errors, and
    labels that are right."""

    planted: int = 0
    caught: int = 0
    kept: int = 0
    left_alone: int = 0

    @property
    def sentence(self) -> str:
        """How many were answered rightly.

        >>> Hits(planted=4, caught=3, kept=2, left_alone=2).sentence
        '5 of 6 (83 %)'
        """
        right, every = self.caught + self.left_alone, self.planted + self.kept
        return f"{right} of {every} ({right / every:.0%})".replace("%", " %")


class Planned(NamedTuple):
    """A check that a reviewer can be asked."""

    instance_id: str
    image_id: str
    check: Check


class Answers:
    """The answers of all reviewers on disk, oldest first. Who appends holds the journal's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Answer]:
        """Those that nobody took back; FormatError as :meth:`every`."""
        every = self.every()
        gone = {answer.undoes for answer in every}
        return [a for a in every if not a.undoes and a.answer_id not in gone]

    def every(self) -> list[Answer]:
        """All lines; a last one that a power cut tore is none.

        Raises:
            FormatError: with the line that is wrong
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FormatError(self.path, f"cannot be read: {error.strerror}") from None
        lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
        return [self._parsed(line, number) for number, line in enumerate(lines, 1)]

    def append(self, answers: Sequence[Answer]) -> None:
        """All of them with one write; on disk before it returns."""
        lines = "".join(f"{json.dumps(asdict(answer))}\n" for answer in answers)
        appended.append(self.path, lines.encode())

    def _parsed(self, line: bytes, number: int) -> Answer:
        try:
            answer = Answer(**json.loads(line))
            if not all(isinstance(getattr(answer, f.name), str) for f in fields(answer)):
                raise ValueError("a value is no text")
            Check(answer.check)
        except (ValueError, TypeError, RecursionError) as error:
            reason = f"is no answer to a check: {error}; restore the file, or delete it"
            raise FormatError(self.path, reason, where=str(number)) from None
        return answer


def answer(action: str, image_id: str, reviewer: str, **values: str) -> Answer:
    """A new answer, now; ValueError for text that no file gives back."""
    # Of a decision's making are its id, its time and its name on one line.
    made = decision("keep", image_id, reviewer, instance_id=values["instance_id"])
    return Answer(made.decision_id, made.time, made.reviewer, action, image_id, **values)


def token(check: str, instance_id: str, secret: str) -> str:
    """What a check has in place of a hash of what is seen: by it, its answer is known as one."""
    text = f"{secret}\0{check}\0{instance_id}"
    return blake2b(text.encode(), digest_size=8).hexdigest()


def known_by(seen: str, instance_id: str, secret: str) -> Check | None:
    """The check whose :func:`token` this is; None where it is none."""
    return next((c for c in Check if token(c, instance_id, secret) == seen), None)


def candidates(review: Review, reviewer: str, answers: Iterable[Answer]) -> list[Planned]:
    """The labels that can be checks for a reviewer: each once, in an order that says nothing."""
    done = {a.instance_id for a in answers if a.reviewer == reviewer}
    found = []
    for key, (image_id, people) in keepers(review).items():
        dice = roll(key)
        check = Check.SHIFTED if dice % 3 == 0 else Check.CLASS
        if len(people) >= 2 and dice % 2:
            check = Check.KEPT
        if key not in done:
            found.append(Planned(key, image_id, check))
    return sorted(found, key=lambda planned: roll(f"order {planned.instance_id}"))


def keepers(review: Review) -> dict[str, tuple[str, set[str]]]:
    """Labels that were kept and that nobody changed, by instance_id: the photo, and who did."""
    found: dict[str, tuple[str, set[str]]] = {}
    for d in review.active:
        if d.action == "keep":
            found.setdefault(d.instance_id, (d.image_id, set()))[1].add(d.reviewer)
    changed = {d.instance_id for d in review.active if d.action != "keep"}
    return {key: kept for key, kept in found.items() if key not in changed}


def roll(text: str) -> int:
    """A number that a text always gives, and that says nothing of it."""
    return int(blake2b(text.encode(), digest_size=4).hexdigest(), 16)


def hits(answers: Iterable[Answer]) -> dict[str, Hits]:
    """How each reviewer answered, who answered most first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for a in answers:
        kind = "kept" if a.check == Check.KEPT else "planted"
        counts[a.reviewer][kind] += 1
        if a.right:
            counts[a.reviewer]["left_alone" if kind == "kept" else "caught"] += 1
    most = sorted(counts.items(), key=lambda c: (-c[1]["kept"] - c[1]["planted"], c[0]))
    return {who: Hits(**count) for who, count in most}
