"""Words for messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from curation.core.finding import Finding


def count(n: int, what: str, several: str = "") -> str:
    """A number and what it counts.

    Args:
        several: what more than one of it are called, where that is not ``what`` and an s

    >>> count(1, "photo"), count(2000, "photo"), count(2, "class", "classes")
    ('1 photo', '2,000 photos', '2 classes')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {several or what + 's'}"


def count_kinds(found: Iterable[Finding]) -> str:
    """``row that cannot be decoded (3), photo without a file (1)``."""
    kinds = Counter(finding.kind for finding in found)
    return ", ".join(f"{kind} ({n:,})" for kind, n in kinds.most_common())
