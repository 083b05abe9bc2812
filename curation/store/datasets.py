"""Datasets: open, write records into samples, read them back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import fiftyone as fo
from fiftyone import ViewField as F

from curation.core import image_io
from curation.core.errors import DatasetError
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.store import bulk, database

GROUND_TRUTH = "ground_truth"
"""As imported, never changed."""

LABELS = "labels"
"""The working copy, under the active taxonomy."""

SAMPLE_FIELDS: dict[str, type[fo.Field]] = {
    "image_id": fo.StringField,
    "content_digest": fo.StringField,
    "location_digest": fo.StringField,
    "updated_by": fo.StringField,
    "update_note": fo.StringField,
    "photo_hash": fo.StringField,
    "split": fo.StringField,
    "fold": fo.IntField,
    "faults": fo.ListField,
    "fault_details": fo.ListField,
    "n_faults": fo.IntField,
    "n_errors": fo.IntField,
    "error_score": fo.FloatField,
    "n_suspect": fo.IntField,
    "review_status": fo.StringField,
    "excluded": fo.BooleanField,
    "labels_digest": fo.StringField,
    "labels_basis": fo.ListField,
    "scores": fo.DictField,
}

INDEXED = ("error_score", "n_suspect", "n_faults", "review_status", "excluded", "split")
"""What saved views and the legend ask for: no question may read every photo's masks."""

BATCH = 200

T = TypeVar("T")


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
        raise DatasetError(name, f"no such dataset (there are: {there}); run `curate import`")
    dataset = fo.load_dataset(name)
    if not _marked(dataset):
        raise DatasetError(name, "was not imported by curate; import under another name")
    _declare_fields(dataset)
    return dataset


def check_name(name: str) -> None:
    """Raises DatasetError for a name that cannot be a folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise DatasetError(name, "a dataset's name is letters, digits, '.', '_' and '-'")


def create(name: str) -> fo.Dataset:
    """A new persistent dataset with its schema declared, or one whose creation was cut short.

    Raises:
        DatasetError: a name that cannot be a folder, or that of somebody else's dataset
    """
    check_name(name)
    dataset = fo.load_dataset(name) if exists(name) else fo.Dataset(name, persistent=True)
    if len(dataset):
        raise DatasetError(name, "was not imported by curate; import under another name")
    dataset.persistent = True
    _declare_fields(dataset)
    dataset.media_type = "image"
    declare_detections(dataset, GROUND_TRUTH)
    dataset.create_index("image_id", unique=True)
    # FiftyOne's own three too, which it makes last, after a moment to be killed in.
    for path in (*INDEXED, "filepath", "created_at", "last_modified_at"):
        dataset.create_index(path)
    dataset.info["curate"] = {"runs": [], "taxonomy": None}  # last: it marks a whole dataset
    dataset.save()
    return dataset


def is_ours(name: str) -> bool:
    """Whether a dataset was made by curate, to its last step."""
    return _marked(fo.load_dataset(name))


def _marked(dataset: fo.Dataset) -> bool:
    return "curate" in dataset.info


def declare_detections(dataset: fo.Dataset, name: str, **extra: type[fo.Field]) -> None:
    """Declares a Detections field and its attributes, so that the App can filter by each."""
    if not dataset.has_sample_field(name):
        dataset.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    kinds = {"source": fo.StringField, "rle": fo.StringField,
             "source_attributes": fo.ListField, "repaired": fo.ListField, **extra}  # fmt: skip
    for attribute, kind in kinds.items():
        path = f"{name}.detections.{attribute}"
        if not dataset.get_field(path):
            _declare(dataset, path, kind)
    dataset.create_index(f"{name}.detections.label")


def _declare_fields(dataset: fo.Dataset) -> None:
    """The fields of a photo; an earlier curate may have declared fewer."""
    for path, kind in SAMPLE_FIELDS.items():
        if not dataset.has_sample_field(path):
            _declare(dataset, path, kind)


def _declare(dataset: fo.Dataset, path: str, kind: type[fo.Field]) -> None:
    texts = kind is fo.ListField  # every list of ours is one of texts
    dataset.add_sample_field(path, kind, subfield=fo.StringField if texts else None)


def count_unmapped(dataset: fo.Dataset) -> int:
    """Photos without ``labels``: they were imported after the last remap."""
    return len(dataset.exists(LABELS, False))


def info(dataset: fo.Dataset) -> dict:
    """What curate keeps on the dataset: ``runs`` and ``taxonomy``."""
    return dataset.info.setdefault("curate", {"runs": [], "taxonomy": None})


def folder(dataset: fo.Dataset) -> Path:
    """The dataset's folder on disk."""
    return database.folder(dataset.name)


def digests(dataset: fo.Dataset) -> dict[str, tuple[str, str]]:
    """What each photo was imported from: its content and location digest, by image_id."""
    columns = dataset.values(["image_id", "content_digest", "location_digest"])
    return {i: (content or "", place or "") for i, content, place in zip(*columns, strict=True)}


def read(
    dataset: fo.Dataset, field_name: str, image_ids: Iterable[str] | None = None
) -> Iterator[tuple[ImageRecord, list[str]]]:
    """Streams records and the ids of their instances, in order of image_id.

    Args:
        field_name: GROUND_TRUTH, LABELS or a ``missing_<run>``
        image_ids: the photos; None for all
    """
    wanted = (
        "_id",
        "label",
        "rle",
        "source",
        "source_attributes",
        "polygons",
        "repaired",
        "source_label",
    )
    fields = ["filepath", "metadata", *(f"{field_name}.detections.{name}" for name in wanted)]
    for batch in batches(sorted(dataset.values("image_id") if image_ids is None else image_ids)):
        for image in bulk.read(dataset, batch, fields):
            height, width = image["metadata"]["height"], image["metadata"]["width"]
            labels = bulk.detections(image, field_name)
            instances = tuple(
                Instance(
                    d["label"],
                    Rle(height, width, d["rle"].encode()),
                    d.get("source") or "",
                    tuple(d.get("source_attributes") or ()),
                    tuple(tuple(ring) for ring in d.get("polygons") or ()),
                    tuple(map(FindingKind, d.get("repaired") or ())),
                    d.get("source_label") or "",
                    str(d["_id"]),
                )
                for d in labels
            )
            path = Path(image["filepath"])
            record = ImageRecord(image["image_id"], path, height, width, instances)
            yield record, [str(d["_id"]) for d in labels]


def count_images(dataset: fo.Dataset, query: Mapping[str, Any]) -> int:
    """Photos that answer a MongoDB query; on indexed fields without reading any of them."""
    return bulk.collection(dataset).count_documents(query)


def select(dataset: fo.Dataset, image_ids: Iterable[str]) -> fo.DatasetView:
    """The view of some photos."""
    return dataset.match(F("image_id").is_in(sorted(image_ids)))


def image_groups(dataset: fo.Dataset) -> dict[str, str]:
    """The content hash of each photo, by image_id: duplicates share one. Kept on the samples.

    Raises:
        DatasetError: a photo is not where it was imported from
    """
    ids, paths, hashes = dataset.values(["image_id", "filepath", "photo_hash"])
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
        dataset.set_values("photo_hash", fresh, key_field="image_id")
    return {i: known or fresh[i] for i, known in sorted(zip(ids, hashes, strict=True))}


def write_column(dataset: fo.Dataset, field_name: str, values: Mapping[str, Any]) -> None:
    """Stores a value (its split, its fold) on each photo, by image_id."""
    dataset.set_values(field_name, dict(values), key_field="image_id")
