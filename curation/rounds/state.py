"""A round on disk: ``rounds/r003/round.toml`` in the dataset's folder, written anew at each step.

state = "flagged"       the last step that is done, see :class:`State`
parent = "r002"         the round before; empty for the first
run, after              the runs whose models are compared
folds, [settings]       how both are trained
since                   the last decision that was taken before the round
[trained] [predicted] [flagged] [retrained]     what each step was made of
[begun]                 what the training that is under way was begun with
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import tomli_w

from curation.core.alone import held_by
from curation.core.atomic import replacing
from curation.core.errors import FormatError

FILE = "round.toml"
LOCK = ".lock"
"""Beside the rounds: who works on one holds it."""
_NAME = re.compile(r"r[0-9]{3,6}")
_MOST = 2**20
_WAY_OUT = "restore it, or move the folder of this round away: decisions and labels are elsewhere"


class State(StrEnum):
    """The last step of a round that is done, in their order; an abandoned one goes no further."""

    STARTED = "started"
    TRAINED = "trained"
    PREDICTED = "predicted"
    FLAGGED = "flagged"
    REVIEWED = "reviewed"
    RETRAINED = "retrained"
    CLOSED = "closed"
    ABANDONED = "abandoned"

    @property
    def is_over(self) -> bool:
        return self in (State.CLOSED, State.ABANDONED)


@dataclass(frozen=True)
class Basis:
    """What a step is made of, as hashes: two that are equal were made of the same.

    Attributes:
        taxonomy: of its text
        photos: of which there are
        sources: of what the annotation files say of them
        decisions: the id of the last decision; empty where there was none
    """

    taxonomy: str
    photos: str
    sources: str
    decisions: str


@dataclass(frozen=True)
class Round:
    """One round of cleaning.

    Attributes:
        name: r001, r002, ...
        state: the last step that is done
        parent: the round before; empty for the first
        run: whose predictions the labels are held against
        after: the run on the labels as reviewers left them
        folds: of both
        settings: of both, as a table of ``TrainConfig``
        since: the last decision before the round; empty where there was none
        reviewed: the last decision that closing took in; empty until then
        made_of: what each step was made of, by the state that it led to
        begun: what the training that is under way was begun with: killed, it goes on with that;
            None where none is
    """

    name: str
    state: State
    parent: str
    run: str
    after: str
    folds: int
    settings: Mapping[str, Any]
    since: str
    reviewed: str = ""
    made_of: Mapping[State, Basis] = field(default_factory=dict)
    begun: Basis | None = None


_STEPS = (State.TRAINED, State.PREDICTED, State.FLAGGED, State.RETRAINED)
_TEXTS = ("parent", "run", "after", "since", "reviewed")


def write(folder: Path, round_: Round) -> None:
    """Writes ``round.toml`` into the round's folder, whole or not at all."""
    made_of = {str(step): asdict(basis) for step, basis in round_.made_of.items()}
    table = {
        "state": str(round_.state),
        **{name: getattr(round_, name) for name in _TEXTS},
        "folds": round_.folds,
        "settings": dict(round_.settings),
        **made_of,
        **({"begun": asdict(round_.begun)} if round_.begun else {}),
    }
    with replacing(folder / FILE) as part:
        part.write_text(tomli_w.dumps(table), "utf-8")


def read(folder: Path) -> Round:
    """The round of a folder.

    Raises:
        FormatError: its ``round.toml`` is damaged
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            text = file.read(_MOST + 1)
        if len(text) > _MOST:
            raise FormatError(path, f"is larger than {_MOST >> 20} MiB; {_WAY_OUT}")
        table = tomllib.loads(text.decode())
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}; {_WAY_OUT}") from None
    except (ValueError, RecursionError) as error:
        raise FormatError(path, f"is no TOML any more: {error}; {_WAY_OUT}") from None
    for key, kind in {**dict.fromkeys(("state", *_TEXTS), str), "folds": int}.items():
        if type(table.get(key)) is not kind:
            raise FormatError(path, f"is {table.get(key)!r}; {_WAY_OUT}", where=key)
    if table["state"] not in list(State):
        reason = f"{table['state']!r} is none of {', '.join(State)}; {_WAY_OUT}"
        raise FormatError(path, reason, where="state")
    if not isinstance(table.get("settings"), dict):
        raise FormatError(path, f"has no settings; {_WAY_OUT}", where="settings")
    texts = {name: table[name] for name in _TEXTS}
    made_of = {step: _basis(path, step, table[step]) for step in _STEPS if step in table}
    return Round(
        folder.name, State(table["state"]), **texts, folds=table["folds"],
        settings=table["settings"],
        begun=_basis(path, "begun", table["begun"]) if "begun" in table else None, made_of=made_of,
    )  # fmt: skip


def _basis(path: Path, step: str, table: object) -> Basis:
    names = {f.name for f in fields(Basis)}
    if not isinstance(table, dict) or set(table) != names:
        raise FormatError(path, f"does not name {', '.join(sorted(names))}; {_WAY_OUT}", where=step)
    if odd := [name for name in names if not isinstance(table[name], str)]:
        raise FormatError(path, f"is no text; {_WAY_OUT}", where=f"{step}.{odd[0]}")
    return Basis(**table)


def list_rounds(folder: Path) -> list[Round]:
    """All rounds of a dataset, oldest first; raises as :func:`read`.

    Args:
        folder: ``rounds`` of the dataset; it need not be there
    """
    if not folder.is_dir():
        return []
    names = sorted(p.name for p in folder.iterdir() if _NAME.fullmatch(p.name))
    # A folder without the file is what a kill left of a start.
    return [read(folder / name) for name in names if (folder / name / FILE).exists()]


_BUSY = {
    State.STARTED: "trains",
    State.TRAINED: "predicts",
    State.PREDICTED: "flags",
    State.FLAGGED: "trains again",
    State.REVIEWED: "trains again",
    State.RETRAINED: "compares",
}


def at_work(folder: Path) -> str:
    """What is done to a round just now and by whom, in a sentence; empty where nothing is.

    Args:
        folder: as for :func:`list_rounds`, and raises as that
    """
    by = held_by(folder / LOCK)
    rounds = list_rounds(folder) if by else []
    if not rounds or rounds[-1].state.is_over:
        return ""
    return f"{rounds[-1].name} {_BUSY[rounds[-1].state]}, by {by}"
