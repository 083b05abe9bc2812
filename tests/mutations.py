"""What happens to files: a disk, a sync, a spreadsheet or an editor damaged them."""

from __future__ import annotations

import random
import re

TOKENS = (b"", b"-1", b"NaN", b"1e999", b"9" * 40, b"x", b'"', b"null", b"[]", b"true", b"\0",
          "\u00e9".encode(), b"\xff", b"0.5", b"{}", b"train")  # fmt: skip


def mutated(content: bytes, dice: random.Random) -> bytes:
    """A damaged copy of a file's content: in one place, or in a few."""
    kind = dice.choice((_cut, _flip, _token, _token, _line, _swap, _whole))
    for _ in range(dice.choice((1, 1, 1, 3))):
        content = kind(content, dice)
    return content


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _flip(content: bytes, dice: random.Random) -> bytes:
    if not content:
        return content
    at = dice.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :]


def _token(content: bytes, dice: random.Random) -> bytes:
    """A word, a number or a text is another one."""
    tokens = list(re.finditer(rb'"[^"\n]*"|[\w.+-]+', content))
    if not tokens:
        return content
    found = dice.choice(tokens)
    return content[: found.start()] + dice.choice(TOKENS) + content[found.end() :]


def _line(content: bytes, dice: random.Random) -> bytes:
    """A line is gone, there twice, or somewhere else."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    taken = lines.pop(dice.randrange(len(lines)))
    for _ in range(dice.randrange(3)):
        lines.insert(dice.randrange(len(lines) + 1), taken)
    return b"".join(lines)


def _swap(content: bytes, dice: random.Random) -> bytes:
    """A piece of it stands in another place, too."""
    start, end, at = sorted(dice.randrange(len(content) + 1) for _ in range(3))
    return content[:at] + content[start:end] + content[at:]


def _whole(content: bytes, dice: random.Random) -> bytes:
    return dice.choice(
        (
            b"",
            b"\0" * len(content),
            dice.randbytes(len(content)),
            content.replace(b"\n", b"\r\n"),
            content.removesuffix(b"\n"),
            content * 2,
            content.decode("latin-1").encode("utf-16"),
            b"\xef\xbb\xbf" + content,
            b"[" * 100_000,
        )
    )
