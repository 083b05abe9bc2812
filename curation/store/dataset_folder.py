"""A dataset and its folder on disk know each other.

Decisions, splits and runs are on disk. A second machine on the same database with a ``CURATE_HOME``
of its own would start other ones: labels would be without the first one's decisions, and photos of
its test set in the other's training set.
"""

from __future__ import annotations

import platform
import uuid
from pathlib import Path

from curation.core.atomic import replacing
from curation.core.errors import DatasetError
from curation.review import Journal
from curation.store import bulk
from curation.store.lazy import fo

FILE = "folder.id"
"""In the folder: 32 hex digits that the database has, too."""

_KEY = "folder"


def check(samples: fo.Dataset, journal: Journal, mark: str) -> None:
    """Sees to it that a folder is the dataset's: the first that is asked about becomes it.

    Args:
        journal: it lies in the folder
        mark: key of FiftyOne's ``info`` under which the dataset knows its folder

    Raises:
        DatasetError: the dataset has another one
    """
    folder = journal.path.parent
    if _KEY not in samples.info[mark]:
        told = {"id": _made(journal), "path": str(folder), "machine": platform.node()}
        key = f"info.{mark}.{_KEY}"
        bulk.update_dataset(samples, {"$set": {key: told}}, unless=key)
    known, here = samples.info[mark][_KEY], _read(folder)
    if known["id"] == here:
        return
    found = "is another one" if here else "has none of it"
    raise DatasetError(
        samples.name,
        f"its decisions, splits and runs are in {known['path']} on {known['machine']}, and "
        f"{folder} here {found}: set CURATE_HOME to a place that both see, or move the folder "
        "here. Where it is lost, remove the dataset with `fiftyone datasets delete "
        f"{samples.name}`, and import it again",
    )


def _read(folder: Path) -> str:
    try:
        return (folder / FILE).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _made(journal: Journal) -> str:
    """The folder's id, made where it has none."""
    folder = journal.path.parent
    with journal.locked():
        if not _read(folder):
            with replacing(folder / FILE) as part:
                part.write_text(f"{uuid.uuid4().hex}\n", "ascii")
    return _read(folder)
