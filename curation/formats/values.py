"""Numbers, ids and sizes as tools write them into JSON, COCO above all, in several ways.

Python's and pandas' writers make 160.0 or "160.0" of 160 where a column has a gap, and NaN of the
gap; VIA writes the id 0 as "0".
"""

from __future__ import annotations

import math
import re

from curation.core import rle

MAX_ID = 100
"""Characters."""

Id = int | str

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.0+)?")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e-?[0-9]{1,2})?")


def table(value: object) -> dict:
    """The value where it is a table, as it should be; else an empty one."""
    return value if isinstance(value, dict) else {}


def is_number(value: object) -> bool:
    """Whether it is a number, or the text of one."""
    return type(value) in (int, float) or (type(value) is str and bool(_NUMBER.fullmatch(value)))


def whole(value: object) -> int | None:
    """A whole number as JSON has it, with a point, or as text; else None.

    >>> whole(160), whole(160.0), whole("160"), whole("160.0"), whole("0160"), whole(0.5)
    (160, 160, 160, 160, None, None)
    """
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and _WHOLE.fullmatch(value):
        return int(value.partition(".")[0])
    return value if type(value) is int else None


def is_gap(value: object) -> bool:
    """Whether nothing is said: null, or the NaN that pandas has for it."""
    return value is None or (type(value) is float and math.isnan(value))


def id_of(value: object) -> Id | None:
    """An id that can be shown: a number, also where it is written as text, or a short text."""
    if (number := whole(value)) is not None:
        return number
    short = type(value) is str and value.isprintable() and len(value) <= MAX_ID
    return str(value) if short else None


def size(height: object, width: object) -> tuple[int, int] | None:
    """A size that a photo can have; else None."""
    h, w = whole(height), whole(width)
    if h is None or w is None or min(h, w) <= 0:
        return None
    return (h, w) if h * w <= rle.MAX_PIXELS else None
