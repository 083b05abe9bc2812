"""No model learns from the photos of a frozen test set."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from curation.core.errors import RunError
from training.folder import Parts

_NAMED = 5
"""Photos that an error names."""


def check_unseen(where: str | Path, hashes: Collection[str], parts: Parts) -> None:
    """Refuses to learn from photos of a frozen test set.

    Args:
        where: the run or the export
        hashes: of the photos that are frozen

    Raises:
        RunError: with the photos that a model would learn from
    """
    taught = [
        image_id
        for key, image_id, of in zip(parts.keys, parts.image_ids, parts.of, strict=True)
        if key in hashes and of != "test"
    ]
    if taught:
        more = f" and {len(taught) - _NAMED:,} more" if len(taught) > _NAMED else ""
        raise RunError(
            where,
            f"would train on photos of the frozen test set: {', '.join(taught[:_NAMED])}{more}; "
            "they are for testing alone: export again, or train under another name",
        )
