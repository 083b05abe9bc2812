"""A dataset of curate: its folder on disk, and its photos and labels in FiftyOne."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from curation.core import taxonomy
from curation.core.errors import DatasetError, RunError
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.core.taxonomy import Taxonomy
from curation.review import Journal, Review, journal, resolve
from curation.store import bulk, database, dataset_folder
from curation.store.fields import (
    CLASS_SCORES,
    GROUND_TRUTH,
    LABELS,
    ON_DETECTIONS,
    ON_IMAGES,
    ON_LABELS,
    SCORES,
    SOURCE_SCORES,
    Field,
)
from curation.store.lazy import fo

VERSION = 2
"""Of the fields; a dataset of another version is refused."""

BATCH = 200

_MARK = "curate"
"""Key of FiftyOne's ``dataset.info`` under which curate keeps what it has to know."""

_LABELS_OF = "labels_of"
"""Key in it of what all labels were computed from."""

_INFO = f"info.{_MARK}"
"""The same in the dataset's document. Verbs run at the same time: each sets its own keys in it."""

T = TypeVar("T")


class Dataset:
    """A dataset that curate imported; :func:`curation.store.open` gives it.

    The photos and labels in FiftyOne are a workbench. What cannot be computed again (the
    annotation files, the journal of decisions, the runs) is on disk.

    Attributes:
        samples: FiftyOne's own dataset
        name: of both
        folder: on disk; it holds the journal, the splits and the runs
        journal: what reviewers decided
    """

    def __init__(self, samples: fo.Dataset) -> None:
        self.samples = samples
        self.name: str = samples.name
        self.folder = database.folder(self.name)
        self.journal = Journal(self.folder / journal.FILE)
        self._parsed: tuple[str, Taxonomy] | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs whose results are in the dataset, in the order in which they came."""
        return tuple(self._about["runs"])

    @property
    def flagged(self) -> str | None:
        """The run whose suspects are shown: the one that was flagged last."""
        return self._about.get("flagged")

    def remember_run(self, run: str, *, flagged: bool = False) -> None:
        """Adds a run to those whose results are in the dataset."""
        update: dict[str, Any] = {"$addToSet": {f"{_INFO}.runs": run}}
        if flagged:
            update["$set"] = {f"{_INFO}.flagged": run}
        bulk.update_dataset(self.samples, update)

    def run_folder(self, run: str) -> Path:
        """Where a run is kept.

        Raises:
            RunError: the name cannot be one: it becomes part of a field's name
        """
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", run):
            reason = "a run's name is lower-case letters, digits and '_', letter first"
            raise RunError(run, reason)
        return self.folder / "runs" / run

    @property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy of the last remap, as it was then; parsed once.

        Raises:
            DatasetError: there was none yet
        """
        toml = self.taxonomy_toml
        if self._parsed is None or self._parsed[0] != toml:
            self._parsed = toml, taxonomy.parse(toml, self._about["taxonomy"]["name"])
        return self._parsed[1]

    @property
    def taxonomy_toml(self) -> str:
        """The text of :attr:`taxonomy`; raises as that."""
        if not self.has_taxonomy:
            verb = f"curate remap {self.name} --taxonomy supercategories"
            raise DatasetError(self.name, f"has no taxonomy yet; run `{verb}`")
        return self._about["taxonomy"]["toml"]

    @property
    def taxonomy_path(self) -> str:
        """What the active taxonomy was read from; empty where there is none."""
        return self._about["taxonomy"]["path"] if self.has_taxonomy else ""

    @property
    def has_taxonomy(self) -> bool:
        return bool(self._about["taxonomy"])

    def set_taxonomy(self, new: Taxonomy, toml: str, path: str) -> None:
        """Makes a taxonomy the active one; labels are not computed by it.

        Args:
            toml, path: its text, and what errors call it
        """
        told = {
            f"{_INFO}.taxonomy": {"name": new.name, "path": path, "toml": toml},
            "default_mask_targets": {str(c.id): c.name for c in new.classes},
        }
        bulk.update_dataset(self.samples, {"$set": told})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time in here, which knows the taxonomy and the runs of by now.

        Who computes labels and writes them is in here; it may be entered again by who is. Where
        all labels were up to date before, they are when it is left.
        """
        with self.journal.locked():
            bulk.read_info(self.samples)
            before = self._labels_of if self.is_current else []
            yield
            # Who sets another taxonomy or flags another run says by itself that it is done.
            if before and self._labels_of[:2] == before[:2]:
                self.note_current()

    @property
    def is_current(self) -> bool:
        """Whether labels, counts and tiles of all photos are known to be what they should be.

        A kill between the journal and the labels leaves what is false here.
        """
        return self._about.get(_LABELS_OF) == self._labels_of

    def note_current(self) -> None:
        """Remembers that they are, under the lock of who saw to it."""
        if not self.is_current:
            bulk.set_info(self.samples, _MARK, _LABELS_OF, self._labels_of)

    @property
    def _labels_of(self) -> list[str]:
        """What labels and counts are computed from: taxonomy, flagged run, and last decision."""
        if not self.has_taxonomy:
            return []
        toml = blake2b(self.taxonomy_toml.encode(), digest_size=8).hexdigest()
        said = self.journal.read()
        return [toml, self.flagged or "", said[-1].decision_id if said else ""]

    def review(self) -> Review:
        """What reviewers decided, up to the journal's last line, under the active taxonomy."""
        return resolve(self.journal.read(), self.taxonomy if self.has_taxonomy else None)

    def image_ids(self) -> list[str]:
        """All of them, sorted."""
        return sorted(self.samples.values("image_id"))

    def records(
        self, field_name: str = LABELS, image_ids: Iterable[str] | None = None
    ) -> Iterator[ImageRecord]:
        """Streams records, in order of image_id.

        Args:
            field_name: GROUND_TRUTH, LABELS or a ``missing_<run>``
            image_ids: the images; None for all

        Raises:
            DatasetError: a photo has no ``labels`` yet: read on, it would be one without a garment
        """
        wanted = ("_id", "label", "rle", "source", "source_attributes", "polygons", "repaired",
                  "source_label")  # fmt: skip
        names = ["filepath", "metadata", *(f"{field_name}.detections.{name}" for name in wanted)]
        for batch in batches(self.image_ids() if image_ids is None else sorted(image_ids)):
            for document in bulk.read(self.samples, batch, names):
                if field_name == LABELS and document.get(LABELS) is None:
                    reason = (
                        "has no labels: an import takes it over now, or it came after the remap"
                    )
                    raise DatasetError(self.name, reason, where=document["image_id"])
                yield as_record(document, field_name)

    def count(self, query: Mapping[str, Any]) -> int:
        """Images that answer a MongoDB query; on indexed fields without reading any of them."""
        return bulk.collection(self.samples).count_documents(query)

    def count_unmapped(self) -> int:
        """Images without ``labels``: they were imported or updated after the last remap."""
        return len(self.samples.exists(LABELS, False))

    def column(self, field_name: str) -> dict[str, Any]:
        """The value of a field of images, by image_id; images without one are left out."""
        image_ids, values = self.samples.values(["image_id", field_name])
        return {i: v for i, v in zip(image_ids, values, strict=True) if v is not None}

    def write_column(self, field_name: str, values: Mapping[str, Any]) -> None:
        """Stores a value (its split, its fold) on each image, by image_id."""
        # A new field is declared on the way: see :meth:`declare`.
        with nullcontext() if self.has(field_name) else self.journal.locked():
            self.samples.set_values(field_name, dict(values), key_field="image_id")

    def has(self, field_name: str) -> bool:
        """Whether images have this field."""
        return self.samples.has_sample_field(field_name)

    def declare_labels(self) -> None:
        """Declares ``labels`` and its attributes, where that was not done yet."""
        # Each one: a kill may have come in between, and an earlier build had fewer.
        there = self.samples.get_field_schema(flat=True)
        if any(f"{LABELS}.detections.{name}" not in there for name in SCORES):
            self.declare(LABELS, (*ON_LABELS, *CLASS_SCORES, *SOURCE_SCORES))

    def declare(self, field_name: str, extra: Sequence[Field]) -> None:
        """Declares a Detections field and its attributes, see :func:`declare_detections`."""
        # FiftyOne writes the list of all fields: two processes would take back each other's.
        with self.journal.locked():
            declare_detections(self.samples, field_name, extra)

    @property
    def _about(self) -> Mapping[str, Any]:
        return self.samples.info[_MARK]


def as_record(document: Mapping[str, Any], field_name: str) -> ImageRecord:
    """A sample's document as a record of the labels in one of its fields."""
    height, width = document["metadata"]["height"], document["metadata"]["width"]
    instances = tuple(as_instance(d, height, width) for d in bulk.detections(document, field_name))
    path = Path(document["filepath"])
    return ImageRecord(document["image_id"], path, height, width, instances)


def as_instance(detection: Mapping[str, Any], height: int, width: int) -> Instance:
    """The inverse of :func:`curation.store.documents.detection`."""
    return Instance(
        detection["label"],
        Rle(height, width, detection["rle"].encode()),
        detection.get("source") or "",
        tuple(detection.get("source_attributes") or ()),
        tuple(tuple(ring) for ring in detection.get("polygons") or ()),
        tuple(map(FindingKind, detection.get("repaired") or ())),
        detection.get("source_label") or "",
        instance_id=str(detection["_id"]),
    )


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Lists of ``size`` items, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


_opened: dict[str, Dataset] = {}


def wrap(samples: fo.Dataset) -> Dataset:
    """The dataset of FiftyOne's own one; the same again while that is the same.

    Raises:
        DatasetError: curate did not import it, or an earlier curate did, or its folder is
            another one
    """
    known = _opened.get(samples.name)
    if known is None or known.samples is not samples:
        _check_ours(samples)
        known = Dataset(samples)
        dataset_folder.check(samples, known.journal, _MARK)
        _opened[samples.name] = known
    return known


def _marked(samples: fo.Dataset) -> bool:
    """Whether curate made this dataset, to its last step."""
    if _MARK not in samples.info:
        # FiftyOne hands out what it has in memory: another process may have marked it since.
        samples.reload()
    return _MARK in samples.info


def _check_ours(samples: fo.Dataset) -> None:
    if not _marked(samples):
        raise DatasetError(samples.name, "was not imported by curate; import under another name")
    if samples.info[_MARK].get("version") != VERSION:
        raise DatasetError(
            samples.name,
            "was imported by another version of curate: remove it with `fiftyone datasets delete "
            f"{samples.name}`, then import and remap it again; the decisions in "
            f"{database.folder(samples.name)} are kept and apply to it",
        )


def exists(name: str) -> bool:
    return fo.dataset_exists(name)


def names() -> list[str]:
    """All datasets in FiftyOne, whoever made them."""
    return fo.list_datasets()


def delete(name: str) -> None:
    """Deletes a dataset, if there is one; its folder on disk stays."""
    if exists(name):
        fo.delete_dataset(name)


def check_name(name: str) -> None:
    """Raises DatasetError for a name that cannot be a folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise DatasetError(name, "a dataset's name is letters, digits, '.', '_' and '-'")


def open_or_create(name: str) -> Dataset:
    """The dataset that an import goes into.

    Raises:
        DatasetError: a name that cannot be a folder, or that of somebody else's dataset
    """
    check_name(name)
    samples = fo.load_dataset(name) if exists(name) else fo.Dataset(name, persistent=True)
    if not _marked(samples):
        # New, or its creation was cut short.
        if len(samples):
            _check_ours(samples)
        _create(samples)
    return wrap(samples)


def _create(samples: fo.Dataset) -> None:
    """Declares the whole schema."""
    samples.persistent = True
    declare_on_images(samples)
    samples.media_type = "image"
    declare_detections(samples, GROUND_TRUTH)
    samples.create_index("image_id", unique=True)
    # FiftyOne's own three too, which it makes last, after a moment to be killed in.
    indexed = (field.name for field in ON_IMAGES if field.indexed)
    for path in (*indexed, "filepath", "created_at", "last_modified_at"):
        samples.create_index(path)
    # Last: it marks a whole dataset.
    about = {"version": VERSION, "runs": [], "taxonomy": None}
    bulk.update_dataset(samples, {"$set": {_INFO: about}})


def declare_on_images(samples: fo.Dataset) -> None:
    """Declares the fields of a photo, also those that an earlier curate did not know."""
    declare(samples, {field.name: field for field in ON_IMAGES})


def declare_detections(samples: fo.Dataset, name: str, extra: Sequence[Field] = ()) -> None:
    """Declares a Detections field and its attributes, so that the App can filter by each."""
    if not samples.has_sample_field(name):
        samples.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    attributes = (*ON_DETECTIONS, *extra)
    declare(samples, {f"{name}.detections.{field.name}": field for field in attributes})
    samples.create_index(f"{name}.detections.label")


def declare(samples: fo.Dataset, fields: Mapping[str, Field]) -> None:
    """Declares those of some fields, by path, that are not there yet.

    All at once: for each call FiftyOne reads and writes the list of all fields.
    """
    new = {path: _typed(field) for path, field in fields.items() if not samples.get_field(path)}
    if new:
        samples.add_dynamic_sample_fields(new)


def _typed(field: Field) -> fo.Field:
    texts = [fo.StringField()] if field.type == "ListField" else []  # every list of ours
    return getattr(fo, field.type)(*texts, description=field.description)
