"""What stops a verb from outside, as one sentence: the database, the disk, the photos' folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from curation.core import console
from curation.store import database, lazy

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OURS = (errno.EPIPE, errno.EINTR)
"""Nobody reads our output any more, which click says; or a signal came, which Python does."""


def sentence(error: Exception) -> str:
    """What was reached, what is safe and what to do; empty for an error that is curate's fault."""
    if reason := next(filter(None, map(database.lost, _causes(error))), ""):
        lazy.let_go()
        return (
            f"database: {reason}{_reached()}; the journal is on disk, and each photo is as it "
            "was or as it is to be: start the database, and run the same command again"
        )
    # Not its causes: what was raised while a file was not there may be a fault of curate's.
    return _of_file(error) if isinstance(error, OSError) else ""


def _of_file(error: OSError) -> str:
    if error.errno in (None, *_OURS) and not _is_full(error):
        return ""
    where = f"{error.filename}: " if error.filename else ""
    if _is_full(error):
        return (
            f"{where}cannot be written ({error.strerror or error}){_reached()}; what was there "
            "before is as it was: make room, and run the same command again"
        )
    return (
        f"{where}{error.strerror}{_reached()}; nothing of it was changed: see that its disk and "
        "its folder are there, and run the same command again"
    )


def _is_full(error: OSError) -> bool:
    # HDF5 says it in words alone.
    return error.errno in _FULL or os.strerror(errno.ENOSPC) in str(error)


def _reached() -> str:
    """How far the verb told that it was."""
    return f", at {reached}" if (reached := console.reached()) else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it was made of: FiftyOne wraps what the database's driver raises."""
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
