"""The people in a dataset's photos: seen where the two networks are set up, and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from curation.audit import person as fit
from curation.core import parallel
from curation.core.finding import Finding
from curation.core.person import Person
from curation.core.progress import Progress, silent
from curation.core.records import ImageRecord
from curation.steps.dataset_runs import FEATURES
from curation.store import Dataset, database
from curation.store.dataset import batches
from training.data.image import ImageFile
from training.person import install
from training.person.cache import PersonCache

_BATCH = 32


def cache(dataset: Dataset) -> PersonCache | None:
    """The people seen in a dataset's photos; None where the networks are not set up."""
    networks = database.person_folder()
    if not install.installed(networks):
        return None
    return PersonCache(dataset.folder / FEATURES, networks)


def audit(
    dataset: Dataset,
    records: Iterable[ImageRecord],
    contents: Mapping[str, str],
    *,
    progress: Progress = silent,
) -> list[Finding]:
    """Photos whose labels do not fit the person in them; none where no networks are set up.

    Args:
        records: as reviewers left their source labels
        contents: hashes of the photos' bytes, by image_id; photos that are not in it are left out

    Raises:
        CurateError: a network is damaged
    """
    people = cache(dataset)
    if people is None:
        return []
    ids, paths = dataset.samples.values(["image_id", "filepath"])
    paths = zip(ids, paths, strict=True)
    images = [ImageFile(contents[i], i, Path(path)) for i, path in paths if i in contents]
    people.add(images, progress=progress)
    keys = np.random.default_rng(0).permutation(sorted(contents.values())).tolist()
    silhouettes = [p.silhouette for key in keys[: fit.REFERENCES] if (p := people.get(key))]
    if not silhouettes:
        return []

    def seen() -> Iterator[tuple[ImageRecord, Person]]:
        for record in records:
            person = people.get(contents.get(record.image_id, ""))
            if person and record.instances:
                yield record, person

    fits, references = [], np.array(silhouettes)
    for some in parallel.ordered(fit.fits, references, batches(seen(), _BATCH), len(contents)):
        fits += some
        progress("hold labels against people", len(fits), len(contents))
    progress("hold labels against people", len(contents), len(contents))
    return fit.findings(fits)
