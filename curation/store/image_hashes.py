"""Hashes of photos, computed once and kept on the samples: of bytes, and of what is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from curation.audit.image_hash import ImageHash, hash_images
from curation.core import image_io, parallel
from curation.core.errors import DatasetError
from curation.core.progress import Progress, silent
from curation.core.records import ImageRecord
from curation.store.dataset import Dataset, batches

_SHOWN = ("perceptual_hash", "thumbnail", "crop_hashes")
"""The fields of what a photo shows, in the order of :meth:`ImageHash.to_text`."""

_SLICE = 32
"""Images that a worker hashes in one go."""


def content_groups(dataset: Dataset) -> dict[str, str]:
    """The content hash of each photo, by image_id: duplicates share one. Kept on the samples.

    Raises:
        DatasetError: a photo is not where it was imported from
    """
    ids, paths, hashes = dataset.samples.values(["image_id", "filepath", "photo_hash"])
    try:
        fresh = {
            image_id: image_io.content_hash(Path(path))
            for image_id, path, known in zip(ids, paths, hashes, strict=True)
            if not known
        }
    except OSError as error:
        raise DatasetError(
            dataset.name,
            f"{error.filename} cannot be read ({error.strerror}); if the photos have moved, "
            "import the annotation file again with their new --images",
        ) from None
    if fresh:
        dataset.write_column("photo_hash", fresh)
    return {i: known or fresh[i] for i, known in sorted(zip(ids, hashes, strict=True))}


def perceptual(
    dataset: Dataset, records: Mapping[str, ImageRecord], progress: Progress = silent
) -> dict[str, ImageHash]:
    """What each image shows, as hashes; computed where that was not done yet, and kept.

    Args:
        records: by image_id: the images that are wanted

    Returns:
        by image_id; an image that cannot be read is not in it
    """
    known = kept(dataset)
    missing = [(i, record.path) for i, record in records.items() if i not in known]
    done, fresh = 0, []
    for hashes in parallel.ordered(
        hash_images, None, batches(missing, _SLICE), images=len(missing)
    ):
        fresh += [one for one in hashes if one]
        done += len(hashes)
        progress("photos that look alike", done, len(missing))
    keep(dataset, fresh)
    known |= {one.image_id: one for one in fresh}
    return {image_id: known[image_id] for image_id in records if image_id in known}


def keep(dataset: Dataset, hashes: Collection[ImageHash]) -> None:
    """Stores hashes on the samples, where :func:`perceptual` finds them."""
    if hashes:
        dataset.write_column("photo_hash", {h.image_id: h.content for h in hashes})
        texts = {h.image_id: h.to_text() for h in hashes}
        for column, name in enumerate(_SHOWN):
            dataset.write_column(name, {i: text[column] for i, text in texts.items()})


def kept(dataset: Dataset) -> dict[str, ImageHash]:
    """The hashes that are on the samples, by image_id."""
    names = ["image_id", "photo_hash", *_SHOWN]
    return {
        row[0]: ImageHash.from_text(*row)
        for row in zip(*dataset.samples.values(names), strict=True)
        if all(row)
    }
