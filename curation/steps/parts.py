"""Which split and which fold an image is in: dealt once, and kept."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from curation.core import splits
from curation.core.atomic import replacing
from curation.core.errors import DatasetError, FormatError, RunError
from curation.core.progress import Progress, silent
from curation.core.text import count as counted
from curation.formats.messages import quoted
from curation.steps import dealing, working_copy
from curation.steps.dealing import Dealing
from curation.steps.together import Together, groups
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset

_log = logging.getLogger(__name__)

SPLITS = "splits.csv"
"""In the dataset's folder: photo_hash, split."""

_HEADER = "photo_hash,split"
_ROW = re.compile(rf"([0-9a-f]{{32}}),({'|'.join(splits.SPLITS)})")
_RESTORE = "restore it, or delete it: then photos keep the split that the database has"


@dataclass(frozen=True, slots=True)
class Dealt:
    """What came of dealing.

    Attributes:
        split: train, val or test, by image_id
        together: the images that are kept together
        moved: where those were before that changed their split, by image_id
    """

    split: dict[str, str]
    together: Together
    moved: Mapping[str, str]


def split(dataset: Dataset, work: WorkingCopy, *, progress: Progress = silent) -> dict[str, str]:
    """The split of each image: train, val or test, by image_id; see :func:`dealt`."""
    return dealt(dataset, work, progress=progress).split


def dealt(dataset: Dataset, work: WorkingCopy, *, progress: Progress = silent) -> Dealt:
    """Deals images to splits. What was dealt before stays, and no image leaves the test set.

    It is kept on disk, by the photo's hash: a lost database deals nothing anew. Nor does a lost
    file, or a line that it lost: what it does not say, the database does. Images that go together
    (:mod:`curation.steps.together`) are in one split, and with one of the frozen test set in test.

    Raises:
        FormatError: a file is damaged; nothing is dealt then
        DatasetError: as :func:`curation.steps.dealing.keys`, or more images than fill the smallest
            split would change theirs
    """
    return _dealt(dataset, work, dealing.load(dataset.folder), progress)


def together(
    dataset: Dataset, work: WorkingCopy, *, progress: Progress = silent
) -> Mapping[str, str]:
    """The group of each image, of those that go together when they are dealt; deals none."""
    how = dealing.load(dataset.folder)
    return groups(dataset, work, how.group_by, largest(len(work.records), how), progress).of


def deal(
    dataset: Dataset, *, group_by: str | None = None,
    shares: tuple[float, ...] | None = None, progress: Progress = silent,
) -> Mapping[tuple[str, str], int]:  # fmt: skip
    """Says how photos are dealt from now on, and deals them so.

    Where ``group_by`` is given, photos that go together by it, and were in several splits, are
    dealt anew.

    Args:
        group_by, shares: as in :class:`curation.steps.dealing.Dealing`; None for as it was

    Returns:
        how many photos went from one split to another, by these two

    Raises:
        DatasetError: as :func:`working_copy.load` and :func:`curation.steps.dealing.keys`; photos
            were dealt in other shares; no photo has what ``group_by`` says; or some would go
            together with frozen ones
        FormatError: as :func:`dealt`
    """
    old = dealing.load(dataset.folder)
    if group_by is not None and len(group_by) > dealing.MAX_PATTERN:
        reason = f"has more than {dealing.MAX_PATTERN} characters"
        raise DatasetError(dataset.name, reason, where="--group-by")
    new = dealing.Dealing(
        old.group_by if group_by is None else group_by, old.shares if shares is None else shares
    )
    work = working_copy.load(dataset)
    before = dataset.column("split")
    if new.shares != old.shares and (before or read(dataset.folder / SPLITS)):
        there = "/".join(f"{share:g}" for share in old.shares)
        reason = (
            f"its photos were dealt {there}, and keep their split: leave --split out, or import "
            "them under another name"
        )
        raise DatasetError(dataset.name, reason, where="--split")
    if new.group_by and not dealing.keys(dataset, work, new.group_by):
        reason = f"no photo has what {new.group_by!r} asks for"
        raise DatasetError(dataset.name, reason, where="--group-by")
    found = _dealt(dataset, work, new, progress, anew=group_by is not None)
    dealing.save(dataset.folder, new)
    return Counter((was, found.split[image_id]) for image_id, was in found.moved.items())


def _dealt(
    dataset: Dataset, work: WorkingCopy, how: Dealing, progress: Progress, *, anew: bool = False
) -> Dealt:
    """Deals images, and keeps what came of it.

    Args:
        anew: whether images that go together, and were in several splits, are dealt again
    """
    path = dataset.folder / SPLITS
    said = read(path)
    most = largest(len(work.records), how)
    there = groups(dataset, work, how.group_by, most, progress)
    before = dataset.column("split")
    free = {i: group for i, group in work.groups.items() if i not in there.held}
    _tell_moved({i: said[g] for i, g in free.items() if g in said}, before)
    kept = dict(said)
    for image_id, group in work.groups.items():
        if (was := before.get(image_id)) in splits.SPLITS:
            kept.setdefault(group, was)
    if lost := len(kept) - len(said):
        _log.warning("%s lacked %s; each keeps its split.", path, counted(lost, "photo"))
    given = {i: kept[group] for i, group in work.groups.items() if group in kept}
    if anew:
        _check_apart(dataset, {i for i in there.held if given.get(i, "test") != "test"})
    settled = _settled(given, there, anew=anew)
    dealt = splits.assign(there.of, work.categories(), settled, shares=how.shares)
    moved = {i: was for i, was in given.items() if dealt[i] != was}
    if moved and not anew:
        first = next(iter(moved))
        if len(moved) > most:
            reason = (
                f"{counted(len(moved), 'photo')} would change their split, as they go together "
                f"with photos of another one by now: deal them anew with --group-by "
                f"{how.group_by!r}"
            )
            raise DatasetError(dataset.name, reason)
        _log.warning(
            "%s to %s, where a photo is that goes together with it: %s was in %s.",
            f"{counted(len(moved), 'photo')} went", dealt[first], first, moved[first],
        )  # fmt: skip
    kept |= {work.groups[i]: name for i, name in dealt.items()}
    if kept != said:
        write(path, kept)
    dataset.write_column("split", dealt)
    return Dealt(dealt, there, moved)


def _check_apart(dataset: Dataset, taken: Collection[str]) -> None:
    """Refuses keys by which photos that are trained on go together with frozen ones."""
    if taken:
        reason = (
            f"{counted(len(taken), 'photo')} of train and val, {min(taken)} for one, would go "
            "together with the frozen test set, and be lost to the training: take finer keys, or "
            f"run `curate freeze {dataset.name} --undo`, this again, then freeze"
        )
        raise DatasetError(dataset.name, reason, where="--group-by")


def _settled(given: Mapping[str, str], groups: Together, *, anew: bool) -> dict[str, str]:
    """The splits that are decided on: the given ones but where these would leak.

    Images that turn out to go together, now that there are more, go to the test set where one
    of them is in it: no image leaves it.
    """
    there: dict[str, set[str]] = {}
    for image_id, name in given.items():
        there.setdefault(groups.of[image_id], set()).add(name)
    found = {
        image_id: min(there[groups.of[image_id]], key=("test", "train", "val").index)
        for image_id in given
        if not anew or len(there[groups.of[image_id]]) == 1
    }
    return found | dict.fromkeys(groups.held, "test")


def largest(images: int, how: Dealing) -> int:
    """How many images that look alike are kept together: they must not fill the smallest split."""
    return max(2, int(min(share for share in how.shares if share) * images))


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
    """K folds of equal size, images that go together in one; the frozen test set is in none.

    Returns:
        0 to count - 1, by image_id, without those that no model may learn from

    Raises:
        RunError: there are too few images
        DatasetError, FormatError: as :func:`dealt`
    """
    how = dealing.load(dataset.folder)
    there = groups(dataset, work, how.group_by, len(work.records) // max(count, 1), progress)
    if there.held:
        _log.info(
            "%s in no fold: they are of the frozen test set, or go together with one of it.",
            f"{counted(len(there.held), 'photo')} {'is' if len(there.held) == 1 else 'are'}",
        )
    free = {i: group for i, group in there.of.items() if i not in there.held}
    try:
        dealt = splits.folds(free, work.categories(), count)
    except ValueError as error:
        raise RunError(run, str(error), where="--folds") from None
    return dealt
