"""What training raises that a caller may want to catch by itself."""

from __future__ import annotations

from curation.core.errors import CurateError


class DivergedError(CurateError):
    """The loss of a training is no number any more."""
