"""The verb ``freeze``: the test split as it is now, kept from every training."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from curation.core.errors import DatasetError
from curation.core.progress import Progress, silent
from curation.review import journal
from curation.steps import parts, working_copy
from curation.store import Dataset, frozen, image_hashes
from curation.store.frozen import FrozenSet


def freeze(dataset: Dataset, by: str = "", *, progress: Progress = silent) -> FrozenSet:
    """Freezes the photos that are in the test split, and what looks like them.

    Again, it takes in those that came since, and notes the labels and decisions of now. It lets
    none go: that is what :func:`unfreeze` is for.

    Args:
        by: who does; the user of this machine where it is empty

    Raises:
        DatasetError: as :func:`working_copy.load_labelled`, or no photo is in the test split
        FormatError: as :func:`parts.dealt`
    """
    work = working_copy.load_labelled(dataset)
    split = parts.split(dataset, work, progress=progress)
    tested = work.only({i for i, name in split.items() if name == "test"})
    if not tested.records:
        raise DatasetError(dataset.name, "has no photo in its test split: there are too few photos")
    decided = dataset.review().decided
    labels = [x.instance_id for record in tested.records.values() for x in record.instances]
    photos = {group: i for i, group in tested.groups.items()}
    hashes = image_hashes.perceptual(dataset, tested.records, progress).values()
    shown = {image.content: image for image in hashes}
    with dataset.locked():  # of two at once, none takes back what the other one froze
        if earlier := frozen.read(dataset.folder):
            photos = {**earlier.photos, **photos}
            shown = {image.content: image for image in earlier.shown} | shown
        frozen_set = FrozenSet(
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            journal.one_line(by or journal.user()),
            labels_digest(tested),
            sum(instance_id in decided for instance_id in labels),
            len(labels),
            photos,
            tuple(image for _, image in sorted(shown.items())),
        )
        frozen.write(dataset.folder, frozen_set)
    return frozen_set


def unfreeze(dataset: Dataset) -> None:
    """Takes a freeze back: the photos keep their split, and nothing else guards them.

    Raises:
        DatasetError: the test set is not frozen
    """
    try:
        (dataset.folder / frozen.FILE).unlink()
    except FileNotFoundError:
        raise DatasetError(dataset.name, "its test set is not frozen") from None


def labels_digest(work: working_copy.WorkingCopy) -> str:
    """A hash of the labels of some photos; what the photos are called is no part of it."""
    said = sorted(
        (work.groups[i], sorted((x.category, x.mask.counts) for x in record.instances))
        for i, record in work.records.items()
    )
    return sha256(repr(said).encode()).hexdigest()
