"""The masks suggested for all suspects of a run, on disk while they are made.

As :mod:`curation.issues.pipeline`: a shard is a few photos in, a file out, and a killed run goes on
at the first shard that is missing. Only photos with a suspect whose outline is in doubt are
predicted and read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.core import image_io, npz, parallel, rle
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent
from curation.core.records import ImageRecord
from curation.core.rle import Rle
from curation.issues.feature_table import AGAIN
from curation.issues.issue import SUSPECT, ErrorType, ImageScore, Issue
from curation.issues.observation import Label, Observation, judged
from curation.issues.pipeline import Observe
from curation.issues.suggestion import PHOTO, SUGGESTED, Suggestion, suggest

SHARD = 4
"""Photos. Few, since at the end all but one processor wait for the last shards."""
_WORK = 8
"""A photo takes as long as so many of those by which workers are thought worth starting."""

Suggestions = dict[str, Suggestion]
"""By the id of the label or of the missing garment."""


@dataclass(frozen=True, slots=True)
class _Doubted:
    """A suspect whose mask is asked for.

    Attributes:
        key: of the label, or of the missing garment
        error_type: what would be wrong
        index: of the label among those of its photo; None of a missing garment
        gap: class and mask of a missing garment; None of a label
    """

    key: str
    error_type: ErrorType
    index: int | None
    gap: Label | None = None


def suggested(
    folder: Path,
    scores: Mapping[str, ImageScore],
    records: Mapping[str, ImageRecord],
    names: Sequence[str],
    observe: Observe,
    *,
    progress: Progress = silent,
) -> Iterator[ImageScore]:
    """The same scores, with a mask suggested for what is doubted; a better one of what is missing.

    Args:
        folder: where the shards go
        scores: by image_id
        records: by image_id, as they were observed
        names: (K,) of the classes, background first
        observe: called with the photos of the missing shards
    """

    def doubted(image_id: str) -> list[_Doubted]:
        return _doubted(scores[image_id], records[image_id], names)

    asked = ((image_id, doubts) for image_id in scores if (doubts := doubted(image_id)))
    slices, paths = [], []
    while some := list(islice(asked, SHARD)):
        slices.append([image_id for image_id, _ in some])
        paths.append(_path(folder, [doubts for _, doubts in some]))
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    again = [image_id for number in missing for image_id in slices[number]]

    def shards() -> Iterator[tuple[Path, list[tuple[Observation, Path, list[_Doubted]]]]]:
        observations = observe(again)
        for number in missing:
            photos = []
            for image_id in slices[number]:
                seen = replace(next(observations), feature_maps=())
                photos.append((seen, records[image_id].path, doubted(image_id)))
            yield paths[number], photos

    total = sum(map(len, slices))
    done = total - len(again)
    progress("suggest masks", done, total)
    for count in parallel.ordered(_suggest_shard, None, shards(), _WORK * len(again)):
        done += count
        progress("suggest masks", done, total)
    shard_of = {each[0]: path for each, path in zip(slices, paths, strict=True)}
    found: Suggestions = {}
    for image_id, image in scores.items():  # in the order in which they were sliced
        if path := shard_of.get(image_id):
            found = load(path)
        yield _with_masks(image, found, names)


def _doubted(image: ImageScore, record: ImageRecord, names: Sequence[str]) -> list[_Doubted]:
    indices = {x.instance_id: number for number, x in enumerate(judged(record))}
    return [
        _Doubted(
            issue.instance_id,
            ErrorType(issue.error_type),
            None if issue.mask else indices[issue.instance_id],
            Label(names.index(issue.suggested_label), issue.mask) if issue.mask else None,
        )
        for issue in image.issues
        if issue.error_score >= SUSPECT and issue.error_type in SUGGESTED
    ]


def _path(folder: Path, doubted: Sequence[Sequence[_Doubted]]) -> Path:
    """Named for what is asked: with other scores, it is another file."""
    return folder / f"suggestions-{sha256(repr(doubted).encode()).hexdigest()[:16]}.npz"


def _suggest_shard(
    shared: None, shard: tuple[Path, list[tuple[Observation, Path, list[_Doubted]]]]
) -> int:
    """One shard, in a worker; how many photos it has."""
    path, photos = shard
    found: Suggestions = {}
    for observation, photo, doubted in photos:
        pixels = _pixels(photo)
        for suspect in doubted:
            labels = list(observation.labels)
            given = suspect.gap or labels.pop(suspect.index or 0)
            right = suggest(suspect.error_type, given, labels, observation.p, pixels)
            if right:
                found[suspect.key] = right
    save(path, found)
    return len(photos)


def _pixels(path: Path) -> NDArray[np.uint8] | None:
    """A photo as :func:`suggest` takes it; None where it cannot be read any more."""
    try:
        return image_io.read(path, PHOTO)
    except ValueError:
        return None


def save(path: Path, found: Suggestions) -> None:
    """Writes a shard."""
    seconds = [right.second or (0, None) for right in found.values()]
    with replacing(path) as part:
        np.savez_compressed(
            part,
            key=np.array(list(found), np.str_),
            mask=np.array([rle.to_text(right.mask) for right in found.values()], np.str_),
            second_class=np.array([class_id for class_id, _ in seconds], np.int64),
            second=np.array([rle.to_text(mask) if mask else "" for _, mask in seconds], np.str_),
        )


def load(path: Path) -> Suggestions:
    """A shard that :func:`save` wrote.

    Raises:
        CurateError: it cannot be read
    """
    arrays = npz.read(path, AGAIN)
    try:
        rows = zip(
            *(arrays[name].tolist() for name in ("key", "mask", "second_class", "second")),
            strict=True,
        )
        return {
            str(key): Suggestion(
                rle.parse(mask), (int(class_id), rle.parse(second)) if second else None
            )
            for key, mask, class_id, second in rows
        }
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CurateError(path, f"is damaged: {error}; {AGAIN}") from None


def _with_masks(image: ImageScore, found: Suggestions, names: Sequence[str]) -> ImageScore:
    issues = tuple(_with_mask(issue, found.get(issue.instance_id), names) for issue in image.issues)
    return replace(image, issues=issues)


def _with_mask(issue: Issue, right: Suggestion | None, names: Sequence[str]) -> Issue:
    if right is None:
        return issue
    if issue.mask is not None:  # its id stays: it is that of what the model saw
        return replace(issue, mask=right.mask)
    second: tuple[str, Rle | None] = ("", None)
    if right.second:
        second = names[right.second[0]], right.second[1]
    return replace(issue, suggested_mask=right.mask, second_label=second[0], second_mask=second[1])
