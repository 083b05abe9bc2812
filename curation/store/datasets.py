"""Datasets: open, write records into samples, read them back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import fiftyone as fo
from fiftyone import ViewField as F

from curation import database, masks, photos, rle
from curation.errors import DatasetError
from curation.records import ImageRecord, Instance, instance_ids
from curation.rle import Rle

GROUND_TRUTH = "ground_truth"
"""As imported, never changed."""

LABELS = "labels"
"""The working copy, under the active taxonomy."""

SAMPLE_FIELDS: dict[str, type[fo.Field]] = {
    "image_id": fo.StringField,
    "photo_hash": fo.StringField,
    "split": fo.StringField,
    "fold": fo.IntField,
    "error_score": fo.FloatField,
    "n_suspect": fo.IntField,
    "review_status": fo.StringField,
    "excluded": fo.BooleanField,
    "labels_digest": fo.StringField,
    "labels_basis": fo.ListField,
    "scores": fo.DictField,
}

BATCH = 200

T = TypeVar("T")


@dataclass
class Written:
    """What :func:`write` did: image ids."""

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Lists of ``size`` items, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def exists(name: str) -> bool:
    return fo.dataset_exists(name)


def list_datasets() -> list[str]:
    return fo.list_datasets()


def delete(name: str) -> None:
    """Deletes a dataset, if there is one; its folder on disk stays."""
    if exists(name):
        fo.delete_dataset(name)


def open_dataset(name: str) -> fo.Dataset:
    """A dataset that was imported by curate.

    Raises:
        DatasetError: no such dataset, or not one of ours
    """
    if not exists(name):
        there = ", ".join(fo.list_datasets()) or "none yet"
        raise DatasetError(name, "", f"no such dataset (there are: {there}); run `curate import`")
    dataset = fo.load_dataset(name)
    if not _is_ours(dataset):
        raise DatasetError(name, "", "was not imported by curate; import under another name")
    return dataset


def check_name(name: str) -> None:
    """Raises DatasetError for a name that cannot be a folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise DatasetError(name, "", "a dataset's name is letters, digits, '.', '_' and '-'")


def create(name: str) -> fo.Dataset:
    """A new persistent dataset with its schema declared, or one whose creation was cut short.

    Raises:
        DatasetError: a name that cannot be a folder, or that of somebody else's dataset
    """
    check_name(name)
    dataset = fo.load_dataset(name) if exists(name) else fo.Dataset(name, persistent=True)
    if len(dataset):
        raise DatasetError(name, "", "was not imported by curate; import under another name")
    dataset.persistent = True
    for path, kind in SAMPLE_FIELDS.items():
        if not dataset.has_sample_field(path):
            dataset.add_sample_field(path, kind)
    declare_detections(dataset, GROUND_TRUTH)
    dataset.create_index("image_id", unique=True)
    dataset.info["curate"] = {"runs": [], "taxonomy": None}  # last: it marks a whole dataset
    dataset.save()
    return dataset


def _is_ours(dataset: fo.Dataset) -> bool:
    return "curate" in dataset.info


def declare_detections(dataset: fo.Dataset, name: str, **extra: type[fo.Field]) -> None:
    """Declares a Detections field and its attributes, so that the App can filter by each."""
    if not dataset.has_sample_field(name):
        dataset.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    for attribute, kind in {"source": fo.StringField, "rle": fo.StringField, **extra}.items():
        path = f"{name}.detections.{attribute}"
        if not dataset.get_field(path):
            dataset.add_sample_field(path, kind)
    if not dataset.get_field(f"{name}.detections.fine"):
        dataset.add_sample_field(f"{name}.detections.fine", fo.ListField, subfield=fo.StringField)


def count_unmapped(dataset: fo.Dataset) -> int:
    """Photos without ``labels``: they were imported after the last remap."""
    return len(dataset.exists(LABELS, False))


def info(dataset: fo.Dataset) -> dict:
    """What curate keeps on the dataset: ``runs`` and ``taxonomy``."""
    return dataset.info.setdefault("curate", {"runs": [], "taxonomy": None})


def folder(dataset: fo.Dataset) -> Path:
    """The dataset's folder on disk."""
    return database.folder(dataset.name)


def write(name: str, records: Iterable[ImageRecord], update: bool = False) -> Written:
    """Adds records to a dataset, which is created by its first record.

    Idempotent: a photo that is there with the same instances is left alone (but
    for its path, which may have moved). One that differs is named in the result,
    and replaced with ``update``: instances that are the same keep their reviews.
    Each batch is written as a whole, so a killed import goes on where it was.

    Raises:
        DatasetError: the name is that of somebody else's dataset
    """
    written = Written()
    dataset: fo.Dataset | None = None
    known: dict[str, tuple[str, list[str]]] = {}
    for batch in batches(records):
        if dataset is None:
            ours = exists(name) and _is_ours(fo.load_dataset(name))
            dataset = fo.load_dataset(name) if ours else create(name)
            known = _known(dataset)
        new, changed, moved = [], [], {}
        for record in batch:
            ids = sorted(instance_ids(record))
            if record.image_id not in known:
                new.append(_sample(record))
                written.added.append(record.image_id)
            elif known[record.image_id][1] == ids:
                written.unchanged.append(record.image_id)
                if known[record.image_id][0] != str(record.path):
                    moved[record.image_id] = str(record.path)
            elif update:
                changed.append(record)
                written.updated.append(record.image_id)
            else:
                written.differing.append(record.image_id)
            known[record.image_id] = (str(record.path), ids)
        if new:
            dataset.add_samples(new, progress=False, dynamic=False)
        if moved:
            dataset.set_values("filepath", moved, key_field="image_id")
        if changed:
            _replace(dataset, changed)
    return written


def read(dataset: fo.SampleCollection, field_name: str) -> Iterator[tuple[ImageRecord, list[str]]]:
    """Streams records and the ids of their instances, in order of image_id.

    Args:
        field_name: GROUND_TRUTH, LABELS or a ``missing_<run>``
    """
    base = f"{field_name}.detections"
    paths = ["image_id", "filepath", "metadata.height", "metadata.width"]
    paths += [f"{base}.{name}" for name in ("id", "label", "rle", "source", "fine")]
    order = sorted(zip(*dataset.values(["image_id", "id"]), strict=True))
    for batch in batches(order):
        view = dataset.select([sample_id for _, sample_id in batch]).sort_by("image_id")
        for image_id, path, height, width, *columns in zip(*view.values(paths), strict=True):
            ids, labels, rles, sources, fine = (column or [] for column in columns)
            instances = tuple(
                Instance(
                    label, Rle(height, width, counts.encode()), source or "", tuple(names or ())
                )
                for label, counts, source, names in zip(labels, rles, sources, fine, strict=True)
            )
            yield ImageRecord(image_id, Path(path), height, width, instances), list(ids)


def select(dataset: fo.Dataset, image_ids: Iterable[str]) -> fo.DatasetView:
    """The view of some photos."""
    return dataset.match(F("image_id").is_in(sorted(image_ids)))


def photo_groups(dataset: fo.Dataset) -> dict[str, str]:
    """The content hash of each photo, by image_id: duplicates share one. Kept on the samples.

    Raises:
        DatasetError: a photo is not where it was imported from
    """
    ids, paths, hashes = dataset.values(["image_id", "filepath", "photo_hash"])
    try:
        fresh = {
            image_id: photos.content_hash(Path(path))
            for image_id, path, known in zip(ids, paths, hashes, strict=True)
            if not known
        }
    except OSError as error:
        raise DatasetError(
            dataset.name,
            "",
            f"{error.filename} cannot be read ({error.strerror}); if the photos have moved, "
            "import the annotation file again with their new --images",
        ) from None
    if fresh:
        dataset.set_values("photo_hash", fresh, key_field="image_id")
    return {i: known or fresh[i] for i, known in sorted(zip(ids, hashes, strict=True))}


def write_column(dataset: fo.Dataset, field_name: str, values: Mapping[str, Any]) -> None:
    """Stores a value (its split, its fold) on each photo, by image_id."""
    dataset.set_values(field_name, dict(values), key_field="image_id")


def detection(instance: Instance, instance_id: str, **attributes: Any) -> fo.Detection:
    """An instance as FiftyOne draws it: a box in [0, 1] and the mask inside it.

    The exact mask goes along as ``rle`` (COCO's compressed counts, ASCII):
    exports and training read that one.
    """
    piece, (left, top, width, height) = masks.crop(instance.mask)
    h, w = instance.mask.height, instance.mask.width
    values: dict[str, Any] = {"source": instance.source, "rle": instance.mask.counts.decode()}
    if instance.attributes:
        values["fine"] = list(instance.attributes)
    if instance.polygons:
        values["polygons"] = [list(ring) for ring in instance.polygons]
    return fo.Detection(
        id=instance_id,
        label=instance.category,
        bounding_box=[left / w, top / h, width / w, height / h],
        mask=piece if rle.area(instance.mask) else None,
        **values,
        **attributes,
    )


def _known(dataset: fo.Dataset) -> dict[str, tuple[str, list[str]]]:
    """Path and sorted instance ids of each photo, by image_id."""
    columns = dataset.values(["image_id", "filepath", f"{GROUND_TRUTH}.detections.id"])
    return {i: (path, sorted(ids or ())) for i, path, ids in zip(*columns, strict=True)}


def _replace(dataset: fo.Dataset, records: list[ImageRecord]) -> None:
    """Takes over what the annotation file says now; ``labels`` wait for the next remap."""
    samples = {record.image_id: _sample(record) for record in records}
    for name in ("filepath", "metadata", GROUND_TRUTH):
        values = {i: sample[name] for i, sample in samples.items()}
        dataset.set_values(name, values, key_field="image_id")
    for name in ("photo_hash", LABELS, "labels_digest", "labels_basis", "scores"):
        if dataset.has_sample_field(name):
            dataset.set_values(name, dict.fromkeys(samples), key_field="image_id")


def _sample(record: ImageRecord) -> fo.Sample:
    ids = instance_ids(record)
    pairs = zip(record.instances, ids, strict=True)
    return fo.Sample(
        filepath=str(record.path),
        metadata=fo.ImageMetadata(
            size_bytes=record.path.stat().st_size, width=record.width, height=record.height
        ),
        image_id=record.image_id,
        excluded=False,
        ground_truth=fo.Detections(detections=[detection(i, key) for i, key in pairs]),
    )
