"""Documents written to the database past FiftyOne's public way, which is ten times slower.

All private FiftyOne surface that this needs stands here. Before anything is
written so, a document is held against the one that FiftyOne makes of the same
photo; where they differ (another version of FiftyOne), everything goes
through the public way. Where samples are kept (:func:`collection`) and a
dataset's id (:func:`dataset_id`) have no public name, and no other way.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bson import ObjectId, decode
from bson.raw_bson import RawBSONDocument

from curation.core import console, rle
from curation.core.errors import DatasetError
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.store import documents
from curation.store.lazy import fo

if TYPE_CHECKING:
    from pymongo.collection import Collection

_OURS = ("_id", "_rand", "_dataset_id", "created_at", "last_modified_at")
"""Of a sample: by chance, by the clock, or of the dataset."""


def collection(dataset: fo.Dataset) -> Collection:
    """The MongoDB collection of a dataset's samples."""
    return dataset._sample_collection


def dataset_id(dataset: fo.Dataset) -> ObjectId:
    return dataset._doc.id


def update_dataset(dataset: fo.Dataset, update: Mapping[str, Any], unless: str = "") -> None:
    """Changes keys of the dataset's own document, and no others, at once; then reads it anew.

    FiftyOne's ``dataset.save()`` would write ``info`` as it was when this process read it, and
    take back what another one has changed in it since.

    Args:
        update: operators of MongoDB, e.g. ``{"$set": {"info.curate.flagged": "r1"}}``
        unless: a key; where it is there, nothing is changed
    """
    update = {**update, "$currentDate": {"last_modified_at": True}}
    where = {"_id": dataset_id(dataset)} | ({unless: {"$exists": False}} if unless else {})
    _datasets(dataset).update_one(where, update)
    dataset.reload()


def set_info(dataset: fo.Dataset, mark: str, key: str, value: Any) -> None:
    """Sets one key of what is kept under ``info[mark]``, here and in the database."""
    where = {"_id": dataset_id(dataset)}
    _datasets(dataset).update_one(where, {"$set": {f"info.{mark}.{key}": value}})
    dataset.info[mark] = {**dataset.info[mark], key: value}


def read_info(dataset: fo.Dataset) -> None:
    """Brings ``dataset.info`` up to what other processes have written into it.

    Raises:
        DatasetError: another one has deleted the dataset
    """
    from mongoengine.errors import DoesNotExist  # with FiftyOne, as all of the database

    try:
        dataset._doc.reload("info")
    except DoesNotExist:
        raise DatasetError(dataset.name, "was deleted meanwhile, by another process") from None


def read_dataset(dataset: fo.Dataset, key: str) -> Any:
    """A key of the dataset's own document, as it is by now; None where it is not there."""
    return (_datasets(dataset).find_one({"_id": dataset_id(dataset)}, {key: 1}) or {}).get(key)


def _datasets(dataset: fo.Dataset) -> Collection:
    """The MongoDB collection of all datasets' own documents."""
    return collection(dataset).database["datasets"]


def read(
    dataset: fo.Dataset, image_ids: Iterable[str], fields: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """Documents of some photos, in order of image_id, with ``image_id`` and some fields."""
    wanted = dict.fromkeys(["image_id", *fields], 1)
    query = {"image_id": {"$in": list(image_ids)}}
    yield from collection(dataset).find(query, wanted).sort("image_id", 1)


def detections(sample: Mapping[str, Any], name: str) -> list[dict]:
    """The labels in a field of a document; FiftyOne leaves an empty list out when it saves."""
    return (sample.get(name) or {}).get("detections") or []


def insert(dataset: fo.Dataset, packed: Sequence[bytes]) -> None:
    """Adds photos; each is a :func:`documents.sample` of the dataset as BSON."""
    if not packed:
        return
    if not holds():
        samples = [to_sample(decode(document)) for document in packed]
        dataset.add_samples(samples, progress=False, dynamic=False)
        return
    collection(dataset).insert_many([RawBSONDocument(document) for document in packed])


def update(dataset: fo.Dataset, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Sets fields of photos: all fields of a photo at once, or none.

    Args:
        changes: by image_id, the fields as documents, which may be others in each photo;
            samples in memory get them too
    """
    if not changes:
        return
    if not holds():
        for name in sorted({name for change in changes.values() for name in change}):
            values = {i: to_value(c[name]) for i, c in changes.items() if name in c}
            dataset.set_values(name, values, key_field="image_id")
        return
    # Not for workers, who import this module and write nothing.
    from pymongo import UpdateOne
    from pymongo.errors import AutoReconnect

    now = datetime.now(UTC)
    operations = [
        UpdateOne({"image_id": image_id}, {"$set": {**change, "last_modified_at": now}})
        for image_id, change in changes.items()
    ]
    try:
        collection(dataset).bulk_write(operations, ordered=False)
    except AutoReconnect:  # under way as the database went: it sets, so it may be done again
        collection(dataset).bulk_write(operations, ordered=False)
    dataset.reload()


@cache
def holds() -> bool:
    """Whether FiftyOne keeps samples as :mod:`curation.store.documents` makes them."""
    mask = np.zeros((3, 4), dtype=bool)
    mask[1:, 1:3] = True
    instances = (
        Instance("dress", rle.encode(mask), "a.csv:2", ("red",), ((1.0, 1.0, 3.0, 1.0, 3.0, 3.0),)),
        Instance("belt", rle.encode(mask & False), repaired=(FindingKind.OVERLAPPING_RUNS,)),
    )
    with tempfile.NamedTemporaryFile(suffix=".jpg") as image:
        ours = documents.sample(ImageRecord("a", Path(image.name), 3, 4, instances), ObjectId())
    try:
        same = comparable(to_sample(ours).to_mongo_dict()) == comparable(ours)
    except Exception:  # whatever another version raises, the public way is left
        same = False
    if not same:
        console.say(
            f"FiftyOne {fo.__version__} keeps samples in a way that curate does not know: "
            "it writes through FiftyOne's own functions, which takes ten times as long.",
            "yellow",
        )
    return same


def comparable(sample: Mapping[str, Any]) -> dict:
    """A sample's document without what no two samples share, and with its masks unpacked."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                k: documents.unpack(v).tolist() if k == "mask" and v else plain(v)
                for k, v in value.items()
                if v is not None  # FiftyOne's data model makes no difference
            }
        return [plain(v) for v in value] if isinstance(value, list | tuple) else value

    return plain({k: v for k, v in sample.items() if k not in _OURS})


def to_sample(document: Mapping[str, Any]) -> fo.Sample:
    """A document as FiftyOne's public classes."""
    fields = {k: to_value(v) for k, v in document.items() if not k.startswith("_")}
    fields = {k: v for k, v in fields.items() if k not in _OURS}
    return fo.Sample(**fields)


def to_value(value: Any) -> Any:
    """A field of a document as FiftyOne's public classes: metadata or labels."""
    if not isinstance(value, Mapping):
        return value
    if value["_cls"] == "Detections":
        return fo.Detections(detections=[to_detection(d) for d in value["detections"]])
    return fo.ImageMetadata(**{k: v for k, v in value.items() if k != "_cls"})


def to_detection(document: Mapping[str, Any]) -> fo.Detection:
    """A :func:`documents.detection` as FiftyOne's class."""
    fields = {k: v for k, v in document.items() if k not in ("_id", "_cls", "mask", "attributes")}
    mask = document.get("mask")
    return fo.Detection(
        id=str(document["_id"]), mask=documents.unpack(mask) if mask else None, **fields
    )
