"""Keys of the review panel, and the file in which a reviewer changes them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

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


def load(folder: Path) -> dict[str, str]:
    """The keys, with those of ``review.toml`` in a folder in place of the usual ones.

    Raises:
        FormatError: it is no TOML, names what no key does, or gives two one key
    """
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return dict(KEYS)
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is one, and what is no UTF-8
        raise FormatError(path, f"is no TOML: {error}") from None
    changed = table.pop("keys", {})
    if table:
        raise FormatError(path, f"knows [keys] alone, and not {', '.join(sorted(table))}")
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
