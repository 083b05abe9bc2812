"""A dataset as the trainer, the flagger and the exporter want it: records and groups of images."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from curation.core.errors import DatasetError
from curation.core.records import ImageRecord
from curation.core.spool import Spool
from curation.core.taxonomy import IGNORE, ClassIndex, Taxonomy, label_map
from curation.core.text import count
from curation.review import Review
from curation.steps import classes
from curation.store import Dataset, edits, image_hashes
from curation.store.fields import LABELS

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkingCopy:
    """The labels of all images that are not excluded, under the active taxonomy.

    Attributes:
        records: by image_id, in that order, as they were when it was loaded
        groups: the content hash of each image, by image_id: copies share one
        review: the decisions that the labels have, and no later ones
        last_decision: the id of the journal's last line then; empty where it had none
    """

    taxonomy: Taxonomy
    records: Spool[ImageRecord]
    groups: Mapping[str, str]
    review: Review
    last_decision: str

    @property
    def channels(self) -> ClassIndex:
        return ClassIndex.of(self.taxonomy)

    def categories(self) -> dict[str, list[str]]:
        """The classes in each image, by image_id."""
        return {i: [x.category for x in r.instances] for i, r in self.records.items()}

    def classes_without_a_pixel(self) -> list[str]:
        """The classes that no label map shows a pixel of, in the taxonomy's order."""
        unseen = {c.id: c.name for c in self.taxonomy.classes}
        for record in self.records.values():
            # Painted, since a label may lie under another one; few photos show all classes.
            if {i.category for i in record.instances} & set(unseen.values()):
                for value in np.unique(label_map(record, self.taxonomy)).tolist():
                    unseen.pop(value, None)
        return list(unseen.values())

    def only(self, image_ids: Collection[str]) -> WorkingCopy:
        """The same of some images."""
        records = self.records.only(image_ids)
        return replace(self, records=records, groups={i: self.groups[i] for i in records})

    def digest(self) -> str:
        """A hash of all labels: the masks, their classes, and the order they are painted in."""
        digest = sha256(repr(self.taxonomy).encode())
        for image_id, record in self.records.items():
            digest.update(repr((image_id, self.groups[image_id], record.height)).encode())
            for instance in record.instances:
                digest.update(instance.category.encode())
                digest.update(instance.mask.counts)
        return digest.hexdigest()


def load(dataset: Dataset) -> WorkingCopy:
    """The working copy, up to the journal's last line.

    Raises:
        DatasetError: there is no taxonomy yet, an image came after the last remap,
            or no image is left, or the labels were remapped while they were read
    """
    dataset.taxonomy  # noqa: B018 - where there is none, that is said first
    if late := dataset.count_unmapped():
        # Without labels they would be taught as background.
        raise DatasetError(
            dataset.name,
            f"{count(late, 'photo')} came or changed since the last remap; run `curate remap "
            f"{dataset.name} --taxonomy {dataset.taxonomy_path}` again",
        )
    take_edits(dataset)
    taxonomy, toml = dataset.taxonomy, dataset.taxonomy_toml
    known = len(dataset.journal.read())
    records = Spool(((r.image_id, r) for r in dataset.records(LABELS)), dataset.folder)
    with dataset.locked():  # where a remap runs, once it is through
        if dataset.taxonomy_toml != toml:
            reason = f"was remapped to {dataset.taxonomy.name} while it was read: run this again"
            raise DatasetError(dataset.name, reason)
        said, review = dataset.journal.read(), dataset.review()
        # Of photos that were decided on meanwhile, some were read before and some after it.
        decided = {d.image_id for d in said[known:]} & records.keys()
        records = records.updated((r.image_id, r) for r in dataset.records(LABELS, decided))
    records = records.only(records.keys() - review.excluded)
    if not records:
        raise DatasetError(dataset.name, "has no photo left to work on")
    groups = image_hashes.content_groups(dataset)
    last = said[-1].decision_id if said else ""
    return WorkingCopy(taxonomy, records, {i: groups[i] for i in records}, review, last)


def take_edits(dataset: Dataset) -> None:
    """Journals what was edited in FiftyOne, and brings labels up to the journal.

    Raises:
        DatasetError: as :func:`curation.store.edits.refresh`
    """
    if adopted := edits.refresh(dataset):
        _log.info("Took %d edits made in FiftyOne into the journal.", len(adopted))


def load_labelled(dataset: Dataset) -> WorkingCopy:
    """As :func:`load`, for whoever learns from the labels or hands them on.

    A class without a pixel is named in the log.

    Raises:
        DatasetError: as :func:`load`, or no image has a pixel of any class
    """
    work = load(dataset)
    names = [c.name for c in work.taxonomy.classes]
    labels = Counter(x.category for record in work.records.values() for x in record.instances)
    there = f"{count(labels.total(), 'label')}, {labels[IGNORE]:,} of them ignored"
    way_out = f"{there}; import their labels, or run `curate remap` with a taxonomy that takes them"
    classes.check(dataset.name, names, work.classes_without_a_pixel(), way_out)
    return work
