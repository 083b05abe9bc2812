"""The parts of a JSON text with their places, so that some are changed and no other byte is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Part(NamedTuple):
    """A member of an object, or an element of a list.

    Attributes:
        key: of a member; of an element its number
        start, value, stop: where it begins, its value begins, and both end
    """

    key: str
    start: int
    value: int
    stop: int


def parts(text: str, at: int) -> list[Part]:
    """The parts of the object or list that begins at a place of a text that is JSON."""
    closing = {"{": "}", "[": "]"}[text[at]]
    found: list[Part] = []
    at = _skip(text, at + 1)
    while text[at] != closing:
        start, key = at, str(len(found))
        if closing == "}":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        _, stop = _DECODER.raw_decode(text, at)
        found.append(Part(key, start, at, stop))
        at = _skip(text, stop)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def rebuilt(
    text: str, start: int, stop: int, pieces: Sequence[Sequence[str]], more: Sequence[str] = ()
) -> str:
    """An object or a list with other texts in the places of its parts.

    What stands between parts stays; a part that is gone takes what stood before it along.

    Args:
        start, stop: where it begins and ends
        pieces: what stands in the place of each part: nothing, one text or several
        more: what comes behind the last

    >>> text = '[1,  2, 3 ]'
    >>> rebuilt(text, 0, len(text), [["1"], [], ["3", "4"]], ["5"])
    '[1, 3,  4,  5 ]'
    """
    there = parts(text, start)
    gaps = [text[a.stop : b.start] for a, b in pairwise(there)]
    usual = gaps[0] if gaps else ", "
    placed = [
        (gaps[i - 1] if i and not n else usual, piece)
        for i, of_part in enumerate(pieces)
        for n, piece in enumerate(of_part)
    ]
    placed += [(usual, piece) for piece in more]
    if not placed:
        return text[start] + text[stop - 1] if there else text[start:stop]
    lead = text[start : there[0].start] if there else text[start]
    tail = text[there[-1].stop : stop] if there else text[stop - 1]
    first, *others = placed
    return lead + first[1] + "".join(gap + piece for gap, piece in others) + tail


def replaced(text: str, start: int, stop: int, values: dict[str, str]) -> str:
    """An object with other values, as text, of some of its members."""
    pieces = [
        [text[p.start : p.value] + values.get(p.key, text[p.value : p.stop])]
        for p in parts(text, start)
    ]
    return rebuilt(text, start, stop, pieces)


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
