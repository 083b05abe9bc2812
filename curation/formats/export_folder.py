"""The folder of an export: there whole or not at all, and never in the place of something else.

DIR/splits.csv       image_id,split,photo_hash
DIR/manifest.json    format, classes, photos of each split, every file of the export
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from curation.core.errors import CurateError

MANIFEST = "manifest.json"
SKIPPED = "skipped.csv"
"""What the command line adds when something was skipped."""


@contextmanager
def replacing_export(folder: Path, format_: str) -> Iterator[Path]:
    """Yields an empty folder that takes the place of ``folder`` at the end.

    Raises:
        CurateError: ``folder`` holds something that is not of an earlier export in this format
    """
    folder = folder.resolve()  # "." has no name to put anything beside
    _check_replaceable(folder, format_)
    # Hidden, so that no folder of the user's has these names: what a kill left there may go.
    part, earlier = (folder.with_name(f".{folder.name}.{which}") for which in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        # Not before: a kill between the two renames leaves the earlier export here alone.
        shutil.rmtree(earlier, ignore_errors=True)
        if folder.exists():
            folder.rename(earlier)
        part.rename(folder)
        shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def finish(
    part: Path,
    manifest: dict,
    image_ids: Iterable[str],
    splits: Mapping[str, str],
    groups: Mapping[str, str],
) -> dict:
    """Writes ``splits.csv`` and the manifest of an export whose other files are there.

    Returns:
        the manifest with its list of files
    """
    rows = [(i, splits[i], groups[i]) for i in sorted(image_ids)]
    write_csv(part / "splits.csv", ("image_id", "split", "photo_hash"), rows)
    files = sorted(p.relative_to(part).as_posix() for p in part.rglob("*") if p.is_file())
    whole = {**manifest, "files": files}
    (part / MANIFEST).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return whole


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _check_replaceable(folder: Path, format_: str) -> None:
    """Raises CurateError unless all that would be removed is of an earlier export."""
    if folder.exists() and not folder.is_dir():
        raise CurateError(folder, "is not a folder; name another")
    entries = sorted(folder.rglob("*")) if folder.exists() else []
    if not entries:
        return
    # Many programs write a manifest.json, so its content counts.
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        ours = manifest["format"] == format_
        files = {Path(file) for file in manifest["files"]}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        ours = False
    if not ours:
        reason = f"is not empty and not an earlier export of {format_}; name another folder"
        raise CurateError(folder, reason)
    files |= {Path(MANIFEST), Path(SKIPPED)}
    folders = {parent for file in files for parent in file.parents}
    for entry in entries:
        if entry.relative_to(folder) not in (folders if entry.is_dir() else files):
            reason = "is not part of the earlier export here; move it, or name another folder"
            raise CurateError(entry, reason)
