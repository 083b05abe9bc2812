"""Which split and which fold an image is in: dealt once, and kept."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from curation.core import splits
from curation.core.atomic import replacing
from curation.core.errors import FormatError, RunError
from curation.core.progress import Progress, silent
from curation.core.text import count as counted
from curation.formats.messages import quoted
from curation.steps.working_copy import WorkingCopy, near_duplicates
from curation.store import Dataset

_log = logging.getLogger(__name__)

SPLITS = "splits.csv"
"""In the dataset's folder: photo_hash, split."""

_HEADER = "photo_hash,split"
_ROW = re.compile(rf"([0-9a-f]{{32}}),({'|'.join(splits.SPLITS)})")
_RESTORE = "restore it, or delete it: then photos keep the split that the database has"


def split(dataset: Dataset, work: WorkingCopy, *, progress: Progress = silent) -> dict[str, str]:
    """The split of each image. What was dealt before stays, so a test set stays frozen.

    It is kept on disk, by the photo's hash: a lost database deals nothing anew. Nor does a lost
    file, or a line that it lost: what it does not say, the database does. Images that look alike
    go together.

    Returns:
        train, val or test, by image_id

    Raises:
        FormatError: the file is damaged; nothing is dealt then
    """
    path = dataset.folder / SPLITS
    kept = read(path)
    said = len(kept)
    before = dataset.column("split")
    _tell_moved({i: kept[g] for i, g in work.groups.items() if g in kept}, before)
    for image_id, group in work.groups.items():
        if (was := before.get(image_id)) in splits.SPLITS:
            kept.setdefault(group, was)
    lost = len(kept) - said
    if lost:
        _log.warning("%s lacked %s; each keeps its split.", path, counted(lost, "photo"))
    given = {i: kept[group] for i, group in work.groups.items() if group in kept}
    if len(given) < len(work.records):
        smallest = min(splits.SHARES) * len(work.records)
        groups = near_duplicates(dataset, work, max(2, int(smallest)), progress)
        given = splits.assign(groups, work.categories(), given)
        kept |= {work.groups[i]: name for i, name in given.items()}
    if len(kept) > said:
        write(path, kept)
    dataset.write_column("split", given)
    return given


def read(path: Path) -> dict[str, str]:
    """The split of each photo, by its hash; none where there is no file.

    Raises:
        FormatError: with the line that is not as :func:`write` left it: half a file would deal
            photos of the test set to the training
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FormatError(path, f"is not UTF-8 text any more; {_RESTORE}") from None
    header, *rows = text.replace("\r\n", "\n").split("\n")
    if header != _HEADER:
        raise FormatError(path, f"its first line is not {_HEADER}; {_RESTORE}", where="1")
    if not rows or rows.pop():
        reason = f"breaks off in its last line; {_RESTORE}"
        raise FormatError(path, reason, where=str(len(rows) + 2 if rows else 1))
    found: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        if not (parts := _ROW.fullmatch(row)):
            reason = f"{quoted(row)} is no photo_hash and split; {_RESTORE}"
            raise FormatError(path, reason, where=str(line))
        if found.setdefault(parts[1], parts[2]) != parts[2]:
            reason = f"this photo is in {found[parts[1]]} above; {_RESTORE}"
            raise FormatError(path, reason, where=str(line))
    return found


def write(path: Path, kept: dict[str, str]) -> None:
    """The inverse of :func:`read`; the file is there whole or as it was."""
    with replacing(path) as part:
        rows = (f"{group},{name}" for group, name in sorted(kept.items()))
        part.write_text("\n".join([_HEADER, *rows, ""]), "utf-8", newline="")


def _tell_moved(said: dict[str, str], before: dict[str, str]) -> None:
    """The file decides, since a team may share one; but no photo leaves the test set unsaid."""
    moved = [i for i, name in said.items() if before.get(i, name) != name]
    if moved:
        i = moved[0]
        _log.warning(
            "%s says another split than before of %s: %s goes from %s to %s.",
            SPLITS, counted(len(moved), "photo"), i, before[i], said[i],
        )  # fmt: skip


def folds(
    dataset: Dataset, work: WorkingCopy, run: str, count: int, *, progress: Progress = silent
) -> dict[str, int]:
    """K folds of equal size, images that look alike in one.

    Returns:
        0 to count - 1, by image_id

    Raises:
        RunError: there are too few images
    """
    groups = near_duplicates(dataset, work, len(work.records) // max(count, 1), progress)
    try:
        dealt = splits.folds(groups, work.categories(), count)
    except ValueError as error:
        raise RunError(run, str(error), where="--folds") from None
    dataset.write_column("fold", dealt)
    return dealt
