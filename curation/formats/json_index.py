"""The elements of a large JSON file one by one, with their places, so that each can be read again.

Fashionpedia's annotations are one JSON object of 600 MB. It is read through a window: no more
of it than one element is ever held. Syntax: RFC 8259, without a key twice, and with NaN, which
Python writes where a table has a gap.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from curation.core.errors import FormatError
from curation.formats.messages import explain_bytes, quoted

WINDOW = 2**20
"""Bytes read at a time."""

MAX_ELEMENT = 256 * 2**20
"""Bytes: no label, nor all labels of a photo in a list of Label Studio's, comes near it."""

_LONGEST_TOKEN = 16
"""Characters, but for strings: ``-Infinity`` and an escaped pair ``\\ud83d\\udc57`` are less."""

_NO_SPACE = re.compile(r"[^ \t\n\r]")


class Element(NamedTuple):
    """One element of a list in the top-level object, or of a list in its place.

    Attributes:
        key: of the list, e.g. ``annotations``; empty where the file is one list
        start, stop: the bytes it takes in the file
        value: what :func:`decode` makes of them
    """

    key: str
    start: int
    stop: int
    value: Any


def elements(path: Path) -> Iterator[Element]:
    """Each element of each list in the file's top-level object, in the file's order.

    What is no list is checked and passed over; so is a BOM. A file that is a list instead
    gives its elements, too.

    Raises:
        FormatError: not JSON in UTF-8, or a value in it larger than MAX_ELEMENT
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            if what := explain_bytes(start):
                raise FormatError(path, what)
            file.seek(len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0)
            cursor = _Cursor(path, file)
            if cursor.peek() == "[":
                for _ in cursor.parts("[", "]"):
                    yield Element("", *cursor.value())
            else:
                yield from _of_object(cursor)
            if cursor.peek():
                raise cursor.error("not JSON: something follows its end")
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None


def _of_object(cursor: _Cursor) -> Iterator[Element]:
    keys: set[str] = set()
    for _ in cursor.parts("{", "}"):
        key = cursor.key()
        if key in keys:
            raise cursor.error(f"{quoted(key)} stands twice in the file")
        keys.add(key)
        if cursor.peek() == "[":
            for _ in cursor.parts("[", "]"):
                yield Element(key, *cursor.value())
        else:
            cursor.value()


def decode(data: bytes) -> Any:
    """The value of the bytes of an :class:`Element`.

    Raises:
        ValueError: not JSON in UTF-8
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"byte {data[error.start]:#04x} is none of UTF-8: save it as UTF-8"
        raise ValueError(reason) from None
    return _DECODER.decode(text)


class _Cursor:
    """A place in a JSON file, and a window on what follows.

    The window is decoded as Latin-1, one character for each byte, so that its places are the
    file's; UTF-8 never uses the bytes of JSON's own characters for anything else.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file = file
        self.window = ""
        self.base = file.tell()  # where the window begins in the file
        self.at = 0  # in the window
        self.ended = False  # nothing follows the window

    def error(self, reason: str, ahead: int = 0) -> FormatError:
        return FormatError(self.path, reason, where=f"byte {self.base + self.at + ahead}")

    def peek(self) -> str:
        """The next character that is no space; empty at the end of the file."""
        while True:
            if found := _NO_SPACE.search(self.window, self.at):
                self.at = found.start()
                return found[0]
            self.at = len(self.window)
            if self.ended:
                return ""
            self._read_on()

    def take(self, expected: str) -> str:
        """Passes over the next character, which must be one of ``expected``."""
        found = self.peek()
        if not found or found not in expected:
            there = f"{found!a} stands" if found else "the file ends"
            raise self.error(f"not JSON: {there} in the place of {' or '.join(expected)}")
        self.at += 1
        return found

    def parts(self, opening: str, closing: str) -> Iterator[None]:
        """Passes over a list or an object, and stops for the caller to pass over each part."""
        self.take(opening)
        if self.peek() == closing:
            self.take(closing)
            return
        while True:
            yield
            if self.take("," + closing) == closing:
                return

    def key(self) -> str:
        if self.peek() != '"':
            raise self.error("not JSON: no key in quotes")
        _, _, key = self.value()
        self.take(":")
        return key

    def value(self) -> tuple[int, int, Any]:
        """Start, stop and what :func:`decode` says of the value that begins here."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.window, self.at)
                if self.ended or len(self.window) - end >= _LONGEST_TOKEN:  # else 1 may be 1.5
                    piece = self.window[self.at : end]
                    if not piece.isascii():
                        value = decode(piece.encode("latin-1"))
                    start, self.at = self.at, end
                    return self.base + start, self.base + end, value
            except RecursionError:
                raise self.error("nested too deep") from None
            except json.JSONDecodeError as error:
                # What the window cuts off fails at its end, or as a string without one.
                cut = len(self.window) - error.pos < _LONGEST_TOKEN
                cut = cut or error.msg.startswith("Unterminated string")
                if self.ended or not cut:
                    raise self.error(f"not JSON: {error.msg}", error.pos - self.at) from None
            except ValueError as error:
                raise self.error(f"not JSON: {error}") from None
            if len(self.window) - self.at > MAX_ELEMENT:
                raise self.error(f"a value larger than {MAX_ELEMENT >> 20} MiB")
            self._read_on()

    def _read_on(self) -> None:
        """Moves the window on to this place and doubles what lies ahead, up to MAX_ELEMENT."""
        ahead = self.window[self.at :]
        more = self.file.read(min(max(WINDOW, len(ahead)), MAX_ELEMENT + 1 - len(ahead)))
        self.window = ahead + more.decode("latin-1")
        self.base, self.at = self.base + self.at, 0
        self.ended = not more


def table_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members as a table, for ``object_pairs_hook``.

    Raises:
        ValueError: a key stands twice in it: one of two values would be lost
    """
    table = dict(pairs)
    if len(table) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"an object has the key {quoted(twice)} twice")
    return table


_DECODER = json.JSONDecoder(object_pairs_hook=table_of)
