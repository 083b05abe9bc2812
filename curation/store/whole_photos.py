"""What is doubted of a photo as a whole: by an audit, or by a model of all its labels together."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from curation.issues.issue import SUSPECT
from curation.review import Decision

FIELDS = ("photo_faults", "photo_doubt", "photo_error_score", "photo_error_type", "photo_reason",
          "suggested_transform", "at_odds_with")  # fmt: skip
"""Of a photo's document: all that this module reads."""


def doubt(document: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    """What the flagged run doubts of all labels together: the type of error. Empty where it doubts
    nothing, or where no label is left that it speaks of.

    Args:
        labels: Detections of the working copy, a document
    """
    left = (d["error_score"] is not None and not d["review_status"] for d in labels["detections"])
    doubted = (document.get("photo_error_score") or 0) >= SUSPECT and any(left)
    return document["photo_error_type"] if doubted else ""


def in_short(document: Mapping[str, Any]) -> str:
    """What is doubted, in one line, empty where nothing is: a decision to keep the photo speaks of
    it. The figures of a run are not in it, since the next one has others."""
    return "; ".join(filter(None, [document.get("photo_doubt"), *_faults(document)]))


def reason(document: Mapping[str, Any]) -> str:
    """The same for the reviewer, with the figures."""
    why = document.get("photo_reason") if document.get("photo_doubt") else ""
    return "; ".join(filter(None, [why, *_faults(document)]))


def is_open(document: Mapping[str, Any], said: Decision | None) -> bool:
    """Whether something is doubted that nobody decided on.

    Args:
        said: what was decided last about the photo as a whole
    """
    about = in_short(document)
    return bool(about) and (said is None or said.before != about)


def is_open_doubt(document: Mapping[str, Any], said: Decision | None) -> bool:
    """Whether that is what a model doubts, and not an audit alone."""
    return bool(document.get("photo_doubt")) and is_open(document, said)


def seen(document: Mapping[str, Any], said: Decision | None) -> str:
    """A hash of what a reviewer sees of the photo as a whole; ``said`` as for :func:`is_open`."""
    how = document.get("suggested_transform") if document.get("photo_doubt") else ""
    text = f"{in_short(document)}\0{said.decision_id if said else ''}\0{how}"
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _faults(document: Mapping[str, Any]) -> list[str]:
    return list(document.get("photo_faults") or ())
