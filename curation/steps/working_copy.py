"""A dataset as the trainer, the flagger and the exporter want it: records and groups of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from rich.progress import Progress

from curation import store
from curation.audit.duplicates import duplicates
from curation.audit.image_hash import ImageHash, check_image
from curation.core import parallel, splits
from curation.core.errors import DatasetError
from curation.core.records import ImageRecord
from curation.core.taxonomy import Channels, Taxonomy
from curation.store.datasets import batches

PRINTED = 32
"""Photos that a worker looks at in one go."""


@dataclass
class Workset:
    """A dataset as the trainer and the exporter want it: records by image_id, in that order."""

    taxonomy: Taxonomy
    records: dict[str, ImageRecord]
    instance_ids: dict[str, list[str]]
    groups: dict[str, str]

    @property
    def channels(self) -> Channels:
        return Channels.of(self.taxonomy)

    def strata(self) -> dict[str, str]:
        present = {i: [x.category for x in r.instances] for i, r in self.records.items()}
        return splits.strata(present)

    def digest(self) -> str:
        """A hash of all labels: the masks, their classes, and the order they are painted in."""
        digest = sha256(repr(self.taxonomy).encode())
        for image_id, record in self.records.items():
            digest.update(repr((image_id, self.groups[image_id], record.height)).encode())
            for instance in record.instances:
                digest.update(instance.category.encode())
                digest.update(instance.mask.counts)
        return digest.hexdigest()


def load(dataset, progress: Progress) -> Workset:
    """The working copy of all photos that are not excluded, up to the journal's last line.

    Raises:
        DatasetError: there is no taxonomy yet, a photo came after the last remap,
            or no photo is left
    """
    taxonomy = store.active_taxonomy(dataset)
    if late := store.count_unmapped(dataset):
        # Without labels they would be taught as background.
        raise DatasetError(
            dataset.name,
            f"{late} photos were imported or updated since the last remap; run `curate remap "
            f"{dataset.name} --taxonomy {store.info(dataset)['taxonomy']['path']}` again",
        )
    if edits := store.refresh(dataset):
        progress.console.print(f"Took {len(edits)} edits made in FiftyOne into the journal.")
    left_out = store.excluded(dataset)
    records, ids = {}, {}
    for record, instance_ids in store.read(dataset, "labels"):
        if record.image_id not in left_out:
            records[record.image_id] = _named(record, taxonomy)
            ids[record.image_id] = instance_ids
    if not records:
        raise DatasetError(dataset.name, "has no photo left to work on")
    groups = store.image_groups(dataset)
    return Workset(taxonomy, records, ids, {i: groups[i] for i in records})


def _named(record: ImageRecord, taxonomy: Taxonomy) -> ImageRecord:
    """The record without source labels that are not of their instance's class.

    An earlier curate left them standing on labels that were given another class.
    """
    return replace(
        record,
        instances=tuple(
            x if not x.source_label or taxonomy.target(x.source_label) == x.category
            else replace(x, source_label="")
            for x in record.instances
        ),
    )  # fmt: skip


def look_alikes(work: Workset, progress: Progress) -> dict[str, str]:
    """The group of each photo, photos that look alike in one: what a model saw of one it knows
    of the other."""
    task = progress.add_task("photos that look alike", total=len(work.records))
    found: list[ImageHash] = []
    bare = batches((replace(r, instances=()) for r in work.records.values()), PRINTED)
    for prints in parallel.ordered(_prints, None, bare, len(work.records)):
        found += [image for image in prints if image]
        progress.advance(task, len(prints))
    progress.remove_task(task)
    group_of: dict[str, str] = {}
    for twins in duplicates(found):
        first, *others = (work.groups[image_id] for image_id in twins.image_ids)
        group_of |= dict.fromkeys(others, first) if not twins.exact else {}
    return {image_id: group_of.get(group, group) for image_id, group in work.groups.items()}


def _prints(_: None, records: Sequence[ImageRecord]) -> list[ImageHash | None]:
    return [check_image(record)[0] for record in records]
