"""What annotation files hold, said in messages: on one line, bounded, and printable."""

from __future__ import annotations

import codecs
import reprlib
from collections import Counter
from collections.abc import Collection
from difflib import get_close_matches

MAX_SHOWN = 200
"""Characters of the file's own that a message quotes; no label is longer."""

SAVE_TURNED = (
    "what was labelled in a browser lies otherwise; save the photo turned, without an orientation"
)
"""The way out for a photo that browsers do not turn."""

_REPR = reprlib.Repr()
_REPR.maxstring = 100
_REPR.maxlevel = 2


def printable(label: str) -> str:
    """A label as the file writes it, without outer spaces.

    Raises:
        ValueError: empty, longer than MAX_SHOWN, or with a line break or half a
            character in it: no list could show it
    """
    label = label.strip()
    if len(label) > MAX_SHOWN:
        raise ValueError(f"the label {quoted(label)} is longer than {MAX_SHOWN} characters")
    if not label or not label.isprintable():
        raise ValueError(f"the label {quoted(label)} is empty or cannot be printed")
    return label


def shown(text: str) -> str:
    """A text out of the file for a message: what cannot be printed as its escape.

    Of more than MAX_SHOWN characters the middle is left out.
    """
    half = MAX_SHOWN // 2
    if len(text) > MAX_SHOWN:  # before the escapes: it may be megabytes
        text = f"{text[:half]}...{text[-half:]}"
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return escaped if len(escaped) <= MAX_SHOWN else f"{escaped[: half - 3]}...{escaped[-half:]}"


def quoted(value: object) -> str:
    """Any value out of the file for a message, a text in quotes; bounded as :func:`shown`."""
    return shown(_REPR.repr(value))


_UTF_16 = "UTF-16 text, as Windows' PowerShell writes it: save it as UTF-8"
_STARTS = (
    (codecs.BOM_UTF16_LE, _UTF_16),
    (codecs.BOM_UTF16_BE, _UTF_16),
    (b"\x1f\x8b", "a gzip file: unpack it"),
    (b"PK\x03\x04", "a zip file, or a spreadsheet's own: unpack it, or save it as text"),
)
"""What a file begins with that is no text in UTF-8."""


def explain_bytes(start: bytes) -> str:
    """What a file is that is no UTF-8 text, by its first 4 bytes; empty where none of it is known.

    >>> explain_bytes("{}".encode("utf-16"))
    "UTF-16 text, as Windows' PowerShell writes it: save it as UTF-8"
    """
    for sign, what in _STARTS:
        if start.startswith(sign):
            return what
    # Without a byte order mark: each character of ASCII has a zero beside it.
    return _UTF_16 if 0 in start[:2] and any(start[:2]) else ""


SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""What stands in a CSV between columns where no comma does, and its name."""


def explain_separator(header: str, columns: Collection[str]) -> str:
    """Why a CSV seems to lack its columns, where no comma is between them; empty where they lack.

    >>> explain_separator("id;name", ["id", "name"])
    'its columns are separated by semicolons, as some spreadsheets write them: save it with commas'
    """
    for sign, name in SEPARATORS.items():
        if {*columns} <= {cell.strip(' "') for cell in header.split(sign)}:
            return (
                f"its columns are separated by {name}, as some spreadsheets write them: "
                "save it with commas"
            )
    return ""


MAX_NAMED = 10
"""Attributes, or labels, that a message lists."""


def listed(present: Counter[str]) -> str:
    """What there is and how often, the most frequent first.

    >>> listed(Counter("aab"))
    'a (2), b (1)'
    """
    named = [f"{shown(name)} ({n})" for name, n in present.most_common(MAX_NAMED)]
    if len(present) > MAX_NAMED:
        named.append(f"{len(present) - MAX_NAMED} more")
    return ", ".join(named)


def alike(asked: str, present: Collection[str]) -> str:
    """What a misspelt name may mean, as a part of a sentence; empty where nothing is near.

    >>> alike("Stile", ["style", "sleeve"])
    " ('style' may be meant)"
    """
    spelled = {name.casefold(): name for name in present}
    near = [quoted(spelled[n]) for n in get_close_matches(asked.casefold(), spelled)]
    return f" ({' or '.join(near)} may be meant)" if near else ""


def explain_mismatch(given: tuple[int, int], found: tuple[int, int]) -> str:
    """Why an annotation's size is not the photo's: turned, scaled or another photo.

    Args:
        given, found: (height, width) in pixels of the annotation and of the photo as displayed
    """
    says = f"the labels are for {given[1]}x{given[0]}, the photo is {found[1]}x{found[0]}"
    if given == found[::-1]:
        return f"{says}: turned by 90 degrees"
    # The smaller copy's sides are rounded, up or down, by less than a pixel.
    off = abs(given[1] * found[0] - given[0] * found[1])
    if min(given) > 0 and off <= max(*given, *found):
        return f"{says}: a copy scaled by {found[0] / given[0]:.3g}"
    return f"{says}: another photo, or a crop"
