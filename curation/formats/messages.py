"""What annotation files hold, said in messages: on one line, bounded, and printable."""

from __future__ import annotations

import reprlib

MAX_SHOWN = 200
"""Characters of the file's own that a message quotes; no label is longer."""

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
