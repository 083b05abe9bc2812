"""Keys of the review panel, the share of checks in its queue, and the file that changes them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.core.errors import FormatError

KEYS: Mapping[str, str] = {
    "keep": "k",
    "suggest": "Enter",
    "relabel": "r",
    "delete": "d",
    "add": "a",
    "redraw": "p",
    "edit": "e",
    "exclude": "x",
    "skip": "n",
    "undo": "u",
    "open": "o",
    "wall": "w",
    "outlines": " ",
    "help": "?",
}
"""What does what, as ``KeyboardEvent.key`` calls it: a character, or a name like ``Enter``."""

FILE = "review.toml"


MOST_CHECKS = 0.5


def load(folder: Path) -> dict[str, str]:
    """The keys, with those of ``review.toml`` in a folder in place of the usual ones.

    Raises:
        FormatError: it is no TOML, names what no key does, or gives two one key
    """
    path = folder / FILE
    changed = _table(path).get("keys", {})
    if not isinstance(changed, dict) or not all(isinstance(k, str) and k for k in changed.values()):
        raise FormatError(path, '[keys] has lines such as `keep = "k"`')
    if unknown := sorted(set(changed) - set(KEYS)):
        there = ", ".join(KEYS)
        raise FormatError(path, f"no key does {', '.join(unknown)}; there are: {there}")
    keys = {**KEYS, **changed}
    if "Escape" in keys.values():
        raise FormatError(path, "Escape always goes back; choose another key")
    twice = [f"{a} and {b}" for a in keys for b in keys if a < b and keys[a] == keys[b]]
    if twice:
        raise FormatError(path, f"{', '.join(twice)} have the same key; give each its own")
    return keys


def checks(folder: Path) -> float:
    """The share of the queue that are checks, by ``review.toml``; 0 where it says nothing.

    Raises:
        FormatError: as :func:`load`, or it is no such share
    """
    share = _table(folder / FILE).get("checks", 0)
    if isinstance(share, bool) or not isinstance(share, int | float):
        share = -1
    if not 0 <= share <= MOST_CHECKS:
        reason = f"checks is a share of the queue, 0 to {MOST_CHECKS}, such as `checks = 0.05`"
        raise FormatError(folder / FILE, reason)
    return float(share)


def _table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is one, and what is no UTF-8
        raise FormatError(path, f"is no TOML: {error}") from None
    if unknown := sorted(set(table) - {"keys", "checks"}):
        raise FormatError(path, f"knows checks and [keys], and not {', '.join(unknown)}")
    return table
