"""Dataset types for FiftyOne's own way in, with the fields that ``curate import`` gives.

    fo.Dataset.from_dir(
        name="photos", dataset_type=curation.types.IMaterialistDataset, dataset_dir="fashion",
        max_samples=100, shuffle=True, seed=1, persistent=True,
    )

The dataset is one of curate's: every verb takes it, and importing the same file into it
again changes nothing. FiftyOne's ``tags``, ``shuffle``, ``seed``, ``max_samples`` and
``progress`` are obeyed; ``label_field`` and ``dynamic`` change nothing, since the fields
are curate's, and declared. ``persistent`` is FiftyOne's too, and False where it is not
given: such a dataset is gone when FiftyOne's last process ends. Add to a dataset of curate's
with ``add_dir``; ``merge_dir`` goes past the check that a dataset is one. FiftyOne makes the
dataset before it asks for photos: what is refused leaves it empty, for ``overwrite=True``.

See https://docs.voxel51.com/user_guide/import_datasets.html#custom-formats.
"""

# ruff: noqa: E402 - the environment is set before FiftyOne is imported
from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from curation.store import database

database.prepare()  # first: it sets the environment that FiftyOne reads when imported

# isort: split
import fiftyone as fo
from fiftyone.types import LabeledImageDataset
from fiftyone.utils.data import BatchDatasetImporter

from curation import store
from curation.core import console
from curation.core.errors import CurateError, FormatError
from curation.formats import imaterialist, via
from curation.formats.source import Source
from curation.steps import name_clash
from curation.steps.ingest import locked
from curation.store import app_config, prepare, write
from curation.store.dataset import batches
from curation.store.import_report import Imported


class IMaterialistDataset(LabeledImageDataset):
    """An iMaterialist CSV and its photos; see :class:`IMaterialistImporter`."""

    def get_dataset_importer_cls(self) -> type:
        return IMaterialistImporter


class VIADataset(LabeledImageDataset):
    """A VGG Image Annotator file, JSON or CSV, and its photos; see :class:`VIAImporter`."""

    def get_dataset_importer_cls(self) -> type:
        return VIAImporter


class Importer(BatchDatasetImporter):
    """What both importers share: from a source into a dataset.

    In this process: workers would run a script that has no ``__main__`` guard again.

    Args:
        dataset_dir: where paths that are relative, and defaults, are looked for
        data_path: the folder of photos
        labels_path: the annotation file
        shuffle, seed: take the photos in an order by chance, the same for the same seed
        max_samples: take so many; photos that are skipped do not count

    Attributes:
        source: the annotation file, once it is loaded by ``setup``
        done: what the import did, with what was skipped and why
    """

    source: Source

    def __init__(
        self,
        dataset_dir: str | None,
        data_path: str | None,
        labels_path: str | None,
        shuffle: bool,
        seed: int | None,
        max_samples: int | None,
    ) -> None:
        super().__init__(dataset_dir, shuffle, seed, max_samples)
        self.data_path = data_path
        self.labels_path = labels_path
        self.done = Imported()

    def import_samples(self, dataset: fo.Dataset, tags=None, progress=None) -> list[str]:
        """Takes the photos into a dataset, and says on stderr what was skipped.

        Returns:
            the ids of the samples that are new

        Raises:
            CurateError: not one photo could be imported; or the dataset has samples and is
                not one of curate's, or its name cannot be that of a folder, or another
                import into it is running, or has other photos of the source's names
        """
        store.check_name(dataset.name)
        self.done = Imported()
        total = min(len(self.source.names), self.max_samples or len(self.source.names))
        with (
            locked(dataset.name),
            fo.ProgressBar(total=total, progress=progress) as bar,
        ):
            persistent = dataset.persistent
            into = store.open_or_create(dataset.name)
            dataset.persistent = persistent  # curate keeps its datasets; here FiftyOne is asked
            name_clash.refuse(into, self.source)
            images = self._images(write.target(into, update=False))
            for ready in batches(islice(images, self.max_samples)):
                write.write_batch(into, ready, update_by="", done=self.done)
                bar.update(len(ready))
            bar.set_iteration(total)  # photos that were skipped are done with, too
            if self.done.skips and not self.done.images:
                first = self.done.skips[0]
                reason = (
                    f"no photo of it could be imported ({console.count_kinds(self.done.skips)}); "
                    f"the first: {first.location}: {first.detail}"
                )
                raise FormatError(self.source.path, reason)
            self.done.unmapped = write.fill_labels(into)
            app_config.configure(into)
        added = dataset.match({"image_id": {"$in": sorted(self.done.added)}})
        if tags:
            added.tag_samples(tags)
        console.say(f"Into {dataset.name}: {self.done.summary()}")
        return added.values("id")

    def _images(self, target: prepare.Target) -> Iterator[prepare.PreparedImage]:
        """The photos one at a time, so that ten of 45,000 are read as ten."""
        order = list(range(len(self.source.names)))
        if self.shuffle:
            random.Random(self.seed).shuffle(order)  # noqa: S311 - no secret
        for number in order:
            one = range(number, number + 1)
            ready = prepare.prepare_slice((self.source, target), one)
            self.done.take(ready)
            yield from ready.images

    def _find(self, argument: str, given: str | None, usual: Sequence[str]) -> Path:
        """The path that an argument gives; else the first usual one in ``dataset_dir``.

        Raises:
            CurateError: it is not there
        """
        if not given and not self.dataset_dir:
            raise CurateError(type(self).__name__, f"needs {argument}= or dataset_dir=")
        folder = Path(self.dataset_dir or "").absolute()
        tried = [folder / Path(name).expanduser() for name in ([given] if given else usual)]
        for path in tried:
            if path.exists():
                return path
        places = " or ".join(map(str, tried))
        raise CurateError(places, f"is not there; say where it is with {argument}=")


class IMaterialistImporter(Importer):
    """iMaterialist (Fashion) 2019 and 2020.

    Args:
        data_path: the folder of photos; default: ``images``, or ``train``
        labels_path: the CSV; default: ``train.csv``
        label_descriptions: the JSON with the names of categories and attributes; default:
            ``label_descriptions.json`` if ``dataset_dir`` has it, else the 46 of 2020
    """

    def __init__(
        self,
        dataset_dir: str | None = None,
        data_path: str | None = None,
        labels_path: str | None = None,
        label_descriptions: str | None = None,
        shuffle: bool = False,
        seed: int | None = None,
        max_samples: int | None = None,
    ) -> None:
        super().__init__(dataset_dir, data_path, labels_path, shuffle, seed, max_samples)
        self.label_descriptions = label_descriptions

    def setup(self) -> None:
        """Loads the CSV.

        Raises:
            CurateError: a path is not there
            FormatError: not such a CSV
        """
        rows = self._find("labels_path", self.labels_path, ("train.csv",))
        images = self._find("data_path", self.data_path, ("images", "train"))
        labels = imaterialist.DEFAULT_LABELS
        usual = "label_descriptions.json"
        if self.label_descriptions or (self.dataset_dir and Path(self.dataset_dir, usual).exists()):
            names = self._find("label_descriptions", self.label_descriptions, (usual,))
            labels = imaterialist.read_labels(names)
        self.source = imaterialist.load(rows, images, labels)


class VIAImporter(Importer):
    """VGG Image Annotator 1, 2 and 3.

    Args:
        data_path: the folder of photos; default: ``images``, or ``dataset_dir`` itself
        labels_path: the JSON or CSV; default: the only one in ``dataset_dir``
        label_attribute: the region attribute that holds the category; default: the only one
        label: one category for all regions, in place of an attribute
        line_width: pixels that lines whose ends do not meet are drawn with; default: skip them
    """

    def __init__(
        self,
        dataset_dir: str | None = None,
        data_path: str | None = None,
        labels_path: str | None = None,
        label_attribute: str | None = None,
        shuffle: bool = False,
        seed: int | None = None,
        max_samples: int | None = None,
        label: str | None = None,
        line_width: int | None = None,
    ) -> None:
        super().__init__(dataset_dir, data_path, labels_path, shuffle, seed, max_samples)
        self.label_attribute = label_attribute
        self.label = label
        self.line_width = line_width

    def setup(self) -> None:
        """Loads the file.

        Raises:
            CurateError: a path is not there, or more than one file or attribute may be meant
            FormatError: not a file of VIA, or no region in it has the attribute
        """
        regions = self._find("labels_path", self.labels_path or self._only_file(), ())
        images = self._find("data_path", self.data_path, ("images", "."))
        self.source = via.load(regions, images, self.label_attribute, self.label, self.line_width)

    def _only_file(self) -> str | None:
        if not self.dataset_dir:
            return None
        inside = Path(self.dataset_dir).glob("*")
        files = [path.name for path in inside if path.suffix.lower() in (".json", ".csv")]
        if len(files) != 1:
            reason = f"holds {len(files)} .json or .csv files; name one with labels_path="
            raise CurateError(self.dataset_dir, reason)
        return files[0]
