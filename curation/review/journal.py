"""Decisions of a reviewer: an append-only journal, applied to labels, undone by another entry.

The labels that a person works on are never stored as the truth. They are
computed: source labels, remapped, with the decisions that stand applied in
order. So every decision can be undone, a remap loses none, and a lost database
is rebuilt from the annotation file and the journal.
"""

from __future__ import annotations

import csv
import fcntl
import getpass
import io
import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from curation.core import rle
from curation.core.errors import FormatError
from curation.core.records import Instance
from curation.core.taxonomy import SOURCE, Taxonomy

ACTIONS = ("keep", "relabel", "delete", "exclude", "add", "undo")
STATUS = {"keep": "kept", "relabel": "relabelled", "add": "added"}
"""``review_status`` that an action leaves on an instance; a deleted one is gone."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the journal.

    Attributes:
        decision_id: unique
        time: UTC, ISO 8601, to the second
        reviewer: who decided
        action: one of ACTIONS
        image_id: the photo
        instance_id: the instance; empty for ``exclude``; for ``add`` the id the
            new instance gets
        category: the new category of ``relabel`` and ``add``; of a missing garment that
            ``delete`` dismisses, what the model saw
        taxonomy: whose vocabulary ``category`` is of; SOURCE for that of the annotation file
        mask: of a missing garment, added or dismissed, see :func:`curation.core.rle.to_text`
        undoes: the decision that ``undo`` takes back
    """

    decision_id: str
    time: str
    reviewer: str
    action: str
    image_id: str
    instance_id: str = ""
    category: str = ""
    taxonomy: str = ""
    mask: str = ""
    undoes: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"{self.action!r} is not one of {', '.join(ACTIONS)}")
        if self.action in ("keep", "relabel", "delete") and not self.instance_id:
            raise ValueError(f"{self.action} needs an instance")
        if self.action in ("relabel", "add") and not self.category:
            raise ValueError(f"{self.action} needs a category")
        if self.action == "add" and not self.mask:
            raise ValueError("add needs a mask")
        if self.action == "undo" and not self.undoes:
            raise ValueError("undo needs the decision it takes back")


COLUMNS = tuple(f.name for f in fields(Decision))
MAX_CELL = 64 * 2**20
"""Bytes: no mask of a real photo comes near it."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An instance of the working copy: its id, and what a reviewer made of it."""

    instance_id: str
    instance: Instance
    status: str = ""


def decide(action: str, image_id: str, reviewer: str = "", **values: str) -> Decision:
    """A new decision, now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Decision(uuid.uuid4().hex[:16], now, reviewer, action, image_id, **values)


def user() -> str:
    """Who sits here, for the journal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user id has no name
        return f"user {os.getuid()}"


def append(journal: Path, decisions: Sequence[Decision]) -> None:
    """Appends to the journal; on disk before it returns.

    Locked, so that two reviewers at once cannot mix their lines. A last line
    that a power cut tore was never confirmed to anybody: it is cut off.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file closes
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        if not whole:
            writer.writeheader()
        writer.writerows(asdict(d) for d in decisions)
        file.write(text.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())


def read(journal: Path) -> list[Decision]:
    """All entries, oldest first; none where there is no journal yet.

    A last line that a power cut tore is left out: it was never confirmed.

    Raises:
        FormatError: with the line that is wrong
    """
    if not journal.is_file():
        return []
    try:
        text = journal.read_text("utf-8")
    except UnicodeDecodeError:
        raise FormatError(journal, "is not UTF-8 text any more; restore it") from None
    whole = text[: text.rfind("\n") + 1]
    csv.field_size_limit(MAX_CELL)  # masks of large photos are long
    reader = csv.DictReader(io.StringIO(whole))
    decisions = []
    for row in reader:
        try:
            if None in row or None in row.values():
                raise ValueError("the line has more or fewer cells than the header")
            decisions.append(Decision(**row))
        except (TypeError, ValueError) as error:
            raise FormatError(journal, str(error), where=str(reader.line_num)) from None
    return decisions


def standing(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that no undo took back, oldest first."""
    entries = list(decisions)
    undone = {d.undoes for d in entries if d.action == "undo"}
    return [d for d in entries if d.action != "undo" and d.decision_id not in undone]


def waits(decision: Decision, active: Taxonomy) -> bool:
    """Whether a decision is in a vocabulary that the active taxonomy does not know."""
    if decision.action not in ("relabel", "add"):
        return False
    if decision.taxonomy == SOURCE:
        return bool(active.unmapped({decision.category: 1}))
    return decision.category not in active.class_names


def apply(
    labels: Sequence[Reviewed], decisions: Sequence[Decision], active: Taxonomy
) -> list[Reviewed]:
    """One photo's labels under a taxonomy, with its standing decisions applied.

    A category that the taxonomy does not know (it was decided under another
    one) leaves the label as it is; it counts again under its own.

    Args:
        labels: the photo's instances as imported
        decisions: standing decisions of this photo, oldest first
    """
    current: dict[str, Reviewed] = {}
    known = {item.instance_id: item for item in labels}
    for item in labels:
        if instance := _called(item.instance, item.instance.category, SOURCE, active):
            known[item.instance_id] = current[item.instance_id] = replace(item, instance=instance)
    for d in decisions:
        if waits(d, active):
            continue
        # What was deleted, or is dropped by the taxonomy, can be brought back.
        old = current.get(d.instance_id) or known.get(d.instance_id)
        if d.action == "add":
            drawn = Instance(d.category, rle.parse(d.mask), f"review:{d.decision_id}",
                             instance_id=d.instance_id)  # fmt: skip
            if added := _called(drawn, d.category, d.taxonomy, active):
                known[d.instance_id] = Reviewed(d.instance_id, added, STATUS["add"])
                current[d.instance_id] = known[d.instance_id]
        elif old is None:
            continue
        elif d.action == "delete":
            current.pop(d.instance_id, None)
        elif d.action == "keep" and old.instance.category in active.class_names:
            current[d.instance_id] = replace(old, status=STATUS["keep"])
        elif d.action == "relabel":
            if instance := _called(old.instance, d.category, d.taxonomy, active):
                current[d.instance_id] = Reviewed(d.instance_id, instance, STATUS["relabel"])
            else:
                current.pop(d.instance_id, None)
    return list(current.values())


def _called(instance: Instance, name: str, vocabulary: str, active: Taxonomy) -> Instance | None:
    """An instance under a name of a vocabulary; None where the taxonomy drops it."""
    if vocabulary == SOURCE:
        target = active.target(name)
        return replace(instance, category=target, source_label=name) if target else None
    known = instance.source_label
    still = known and active.target(known) == name
    return replace(instance, category=name, source_label=known if still else "")


def excluded(decisions: Iterable[Decision]) -> set[str]:
    """The photos that standing decisions exclude."""
    return {d.image_id for d in standing(decisions) if d.action == "exclude"}
