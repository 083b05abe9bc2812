"""How photos are dealt to splits and folds: their shares, and what keeps them together.

Kept in the dataset's folder, so that every verb and every colleague deals alike.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import tomli_w

from curation.core.atomic import replacing
from curation.core.errors import DatasetError, FormatError
from curation.core.splits import SHARES
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset

FILE = "splits.toml"
"""In the dataset's folder."""

MAX_PATTERN = 200
"""Characters of a regular expression."""

SECONDS = 10
"""That a regular expression may take for all photos: one with nested repetitions never ends."""

_FIELD = re.compile(r"[A-Za-z_]\w*")

_SEARCH = """
import json, re, sys
pattern, names = json.load(sys.stdin)
try:
    search = re.compile(pattern).search
except (re.error, OverflowError, RecursionError) as error:
    sys.exit(str(error))
found = [next(filter(None, map(search, texts)), None) for texts in names]
json.dump([m and (m[1] if m.re.groups else m[0]) for m in found], sys.stdout)
"""
"""A process of its own, since nothing else stops Python's ``re``."""


@dataclass(frozen=True, slots=True)
class Dealing:
    """How photos are dealt.

    Attributes:
        group_by: a field of the samples, or a regular expression on their names, whose first
            group (or whole match) photos that stay together share; empty for neither
        shares: of train, val and test
    """

    group_by: str = ""
    shares: tuple[float, ...] = SHARES

    def __post_init__(self) -> None:
        if not isinstance(self.group_by, str) or len(self.group_by) > MAX_PATTERN:
            raise ValueError(f"group_by is no text of at most {MAX_PATTERN} characters")
        train, val, test = self.shares
        if not (train > 0 and val >= 0 and test > 0 and math.isclose(train + val + test, 1)):
            raise ValueError("the shares of train, val and test are not three that make 1")


def load(folder: Path) -> Dealing:
    """How the photos of a dataset are dealt, whose folder this is.

    Raises:
        FormatError: the file is damaged
    """
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_bytes().decode())
        if set(table) != {"group_by", "shares"}:
            raise ValueError("its keys are not group_by and shares")
        return Dealing(table["group_by"], tuple(table["shares"]))
    except FileNotFoundError:
        return Dealing()
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise FormatError(path, f"cannot be read: {error}; restore it") from None


def save(folder: Path, dealing: Dealing) -> None:
    """The inverse of :func:`load`; the file is there whole or as it was."""
    with replacing(folder / FILE) as part:
        part.write_text(tomli_w.dumps(asdict(dealing)), "utf-8")


def keys(dataset: Dataset, work: WorkingCopy, group_by: str) -> dict[str, str]:
    """What photos share that stay together, by image_id; those without are left out.

    Raises:
        DatasetError: there is no such field, it holds no texts, or the expression is none, or
            takes too long
    """
    if dataset.has(group_by):
        return _in_field(dataset, work, group_by)
    if _FIELD.fullmatch(group_by):
        reason = (
            f"there is no field {group_by}; a regular expression has a group, as in "
            "'^([^_]+)_', which is what comes before the first '_' in a photo's name"
        )
        raise DatasetError(dataset.name, reason, where="--group-by")
    names = [(i, record.path.name) for i, record in work.records.items()]
    try:
        done = subprocess.run(  # noqa: S603 - this Python, and a program that stands above
            [sys.executable, "-I", "-S", "-c", _SEARCH], input=json.dumps([group_by, names]),
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        reason = (
            f"{group_by!r} is not through the names of {len(names):,} photos after {SECONDS} "
            "seconds: write it without a repetition of a repetition"
        )
        raise DatasetError(dataset.name, reason, where="--group-by") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it stopped"])[-1]
        reason = f"{group_by!r} is no regular expression: {said}"
        raise DatasetError(dataset.name, reason, where="--group-by")
    found: list[str | None] = json.loads(done.stdout)
    return {i: key for i, key in zip(work.records, found, strict=True) if key}


def _in_field(dataset: Dataset, work: WorkingCopy, field: str) -> dict[str, str]:
    values: Mapping[str, object] = dataset.column(field)
    if odd := next((v for v in values.values() if not isinstance(v, str | int)), None):
        reason = f"the field {field} holds no texts or whole numbers: {type(odd).__name__}"
        raise DatasetError(dataset.name, reason, where="--group-by")
    return {i: str(values[i]) for i in work.records if values.get(i) not in (None, "")}
