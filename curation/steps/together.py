"""Which images go together: by looks, by what they were made of, or as ``--group-by`` says."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from curation.core import splits
from curation.core.progress import Progress, silent
from curation.core.text import count
from curation.steps import alike, augmented, dealing
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset, frozen, image_hashes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Together:
    """The groups of images.

    Attributes:
        of: the group of each image, by image_id: the content hash of one of them
        held: those that the frozen test set has, and those that go together with one it has,
            wherever that is by now
    """

    of: Mapping[str, str]
    held: frozenset[str]


def groups(
    dataset: Dataset,
    work: WorkingCopy,
    group_by: str,
    largest: int,
    progress: Progress = silent,
) -> Together:
    """Puts images together; their hashes are kept.

    Args:
        group_by: as :attr:`curation.steps.dealing.Dealing.group_by`
        largest: as for :func:`curation.steps.alike.groups`

    Raises:
        DatasetError: as :func:`curation.steps.dealing.keys`
        FormatError: the file of the frozen test set is damaged
    """
    hashes = list(image_hashes.perceptual(dataset, work.records, progress).values())
    test_set = frozen.read(dataset.folder)
    if test_set:
        _log.info("The %s: %s.", test_set.sentence, count(len(test_set.photos), "photo"))
    contents = dict(work.groups)
    kept = test_set.photos if test_set else {}
    gone = kept.keys() - set(work.groups.values())
    for content in gone:  # a copy of it may be here
        contents[f"\0{content}"] = content
    hashes += [
        h.under(f"\0{h.content}") for h in (test_set.shown if test_set else ()) if h.content in gone
    ]
    of = alike.groups(contents, hashes, largest)
    names = {image_id: record.path.name for image_id, record in work.records.items()}
    names |= {f"\0{content}": kept[content].rpartition("/")[2] for content in gone}
    of = splits.joined(of, augmented.sources(names, largest))
    if group_by:
        of = splits.joined(of, _keys(dataset, work, group_by))
    held = {of[image_id] for image_id, content in contents.items() if content in kept}
    return Together(
        {image_id: of[image_id] for image_id in work.records},
        frozenset(image_id for image_id in work.records if of[image_id] in held),
    )


def _keys(dataset: Dataset, work: WorkingCopy, group_by: str) -> dict[str, str]:
    """What each image shares with others; how many there are, and how many have none, is said."""
    keys = dealing.keys(dataset, work, group_by)
    sizes = Counter(keys.values())
    _log.info(
        "Grouped by %s: %s with %s, %s at most with one; %s without stay by themselves.",
        group_by, count(len(keys), "photo"), count(len(sizes), "key"),
        f"{max(sizes.values(), default=0):,}", count(len(work.records) - len(keys), "photo"),
    )  # fmt: skip
    return keys
