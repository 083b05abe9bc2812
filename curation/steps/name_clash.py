"""Whether an import would take its photos for others of the dataset, which have their names.

``0001.jpg`` of a folder ``train`` and ``0001.jpg`` of ``val`` are two photos: by the name alone,
the labels of one would be taken for a correction of the other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from filecmp import cmp
from pathlib import Path

from curation.core import image_io
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent
from curation.core.text import count
from curation.formats.messages import shown
from curation.formats.source import Prefixed, Source
from curation.store import Dataset


def refuse(dataset: Dataset, source: Source, progress: Progress = silent) -> None:
    """Raises CurateError where a photo of the source would be taken for another one, or would
    stand in the dataset twice, under two names.

    A photo that was moved or copied is the same: their bytes are compared. Of one that is no
    longer where it was, its hash, where the dataset has it.
    """
    clashing = _clashing(dataset, source, progress)
    if not (first := next(clashing, None)):
        return
    more = sum(1 for _ in clashing)
    so_too = f", and so are {count(more, 'more photo')}" if more > 1 else ", and so is one more"
    image_id, there, here = first
    if isinstance(there, str):
        reason = (
            f"{shown(image_id)} is in {dataset.name} already, as {shown(there)}"
            f"{so_too if more else ''}: each would stand there twice; import into another dataset, "
            "or with --prefix NAME to have both"
        )
    else:
        reason = (
            f"{shown(image_id)} is another photo than the one of this name in {dataset.name}: "
            f"{here}, there {there}{so_too if more else ''}; --prefix {source.images.name} keeps "
            "both, or import into another dataset"
        )
    raise CurateError(source.path, reason)


def _clashing(
    dataset: Dataset, source: Source, progress: Progress
) -> Iterator[tuple[str, Path | str, Path]]:
    """image_id, the dataset's photo or what it calls this very one, and the source's."""
    fields = ["image_id", "filepath", *(["photo_hash"] if dataset.has("photo_hash") else [])]
    known = {row[0]: row[1:] for row in zip(*dataset.samples.values(fields), strict=True)}
    if not known:
        return
    # What the file, too, calls by that name is listed there twice, and joined.
    ours = {source.image_id(number) for number in range(len(source.names))}
    names = {path: image_id for image_id, (path, *_) in known.items() if image_id not in ours}
    total = len(source.names)
    for number, name in enumerate(source.names):
        if (number + 1) % 1000 == 0 or number + 1 == total:
            progress("compare photos", number + 1, total)
        image_id = source.image_id(number)
        try:
            here = image_io.find(source.images, name)
        except (FileNotFoundError, ValueError):  # whoever reads it says why
            continue
        if image_id not in known:
            # With a prefix somebody asked for another name, say for another annotator's labels.
            if not isinstance(source, Prefixed) and (called := names.get(str(here))):
                yield image_id, called, here
            continue
        path, *hashes = known[image_id]
        there = Path(path)
        if here != there and not _same(there, here, hashes[0] if hashes else None):
            yield image_id, there, here


def _same(there: Path, here: Path, known_hash: str | None) -> bool:
    try:
        return cmp(there, here, shallow=False)
    except OSError:  # it was moved away
        return known_hash in (None, image_io.content_hash(here))
