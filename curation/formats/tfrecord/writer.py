"""TFRecord shards for a trainer: resized photos, label maps, class list, manifest.

    DIR/classes.csv                       id,name,color
    DIR/splits.csv                        image_id,split,photo_hash,group
    DIR/train-00000-of-00003.tfrecord     and so on for val and test
    DIR/manifest.json                     counts, pixels of each class, hash of each shard

What is in a record: :mod:`curation.formats.tfrecord.example`. The same records give
the same bytes: no clock, no random order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.core import image_io, parallel
from curation.core.finding import Finding, FindingKind
from curation.core.masks import IGNORE_INDEX
from curation.core.records import ImageRecord
from curation.core.splits import SPLITS
from curation.core.taxonomy import Taxonomy, label_map
from curation.formats.export import About, count_labels, finish, replacing_export, write_csv
from curation.formats.messages import shown
from curation.formats.tfrecord import example

IMAGES_PER_SHARD = 512


def write(
    folder: Path,
    records: Mapping[str, ImageRecord],
    taxonomy: Taxonomy,
    splits: Mapping[str, str],
    groups: Mapping[str, str],
    size: int,
    on_image: Callable[[], object] = lambda: None,
    on_finding: Callable[[Finding], None] = lambda finding: None,
    about: About = About(),  # noqa: B008 - frozen
) -> dict:
    """Writes an export; the folder appears when it is whole, and replaces an earlier export.

    Args:
        records: by image_id; their categories are the taxonomy's classes
        splits: train, val or test, by image_id
        groups: content hash of the photo, by image_id
        size: side in pixels of the square photos and label maps
        on_image: called after each photo
        on_finding: told each photo that cannot be read
        about: what the export says of itself

    Returns:
        the manifest

    Raises:
        CurateError: the folder holds something that is not of an earlier export
    """
    with replacing_export(folder, "tfrecord") as part:
        manifest: dict = {
            "format": "tfrecord", "taxonomy": taxonomy.name, "size": size,
            "classes": {c.id: c.name for c in taxonomy.classes}, "ignore": IGNORE_INDEX,
            "splits": {},
        }  # fmt: skip
        written: list[str] = []
        # By hash: an order that neither names nor time decide, and mixed enough for a reader.
        orders = {
            split: sorted((i for i in records if splits[i] == split), key=lambda i: (groups[i], i))
            for split in SPLITS
        }
        made = parallel.each(
            _make,
            (taxonomy, size),
            (records[image_id] for order in orders.values() for image_id in order),
            len(records),
        )
        for split, order in orders.items():
            shards = max(1, -(-len(order) // IMAGES_PER_SHARD))
            pixels = np.zeros(256, dtype=np.int64)
            hashes, count = {}, 0
            for shard in range(shards):
                name = f"{split}-{shard:05d}-of-{shards:05d}.tfrecord"
                digest = sha256()
                with (part / name).open("wb") as out:
                    for image_id in order[
                        shard * IMAGES_PER_SHARD : (shard + 1) * IMAGES_PER_SHARD
                    ]:
                        framed, counts = next(made)
                        if isinstance(framed, Finding):
                            on_finding(framed)
                            continue
                        out.write(framed)
                        digest.update(framed)
                        pixels += counts
                        written.append(image_id)
                        count += 1
                        on_image()
                hashes[name] = digest.hexdigest()
            names = {0: "background", **manifest["classes"], IGNORE_INDEX: "ignore"}
            manifest["splits"][split] = {
                "photos": count,
                "pixels": {name: int(pixels[value]) for value, name in names.items()},
                "sha256": hashes,
            }
        labels = count_labels((records[i] for i in written), taxonomy, splits)
        for split in SPLITS:
            manifest["splits"][split]["labels"] = labels[split]
        classes = [
            (0, "background", "#000000"),
            *((c.id, c.name, c.color) for c in taxonomy.classes),
        ]
        write_csv(part / "classes.csv", ("id", "name", "color"), classes)
        return finish(part, manifest, written, splits, groups, about=about)


def _make(
    shared: tuple[Taxonomy, int], record: ImageRecord
) -> tuple[bytes | Finding, NDArray[np.int64]]:
    """A photo as it stands in a shard, or why it cannot; and its pixels of each value (256,)."""
    taxonomy, size = shared
    try:
        image = image_io.read(record.path, size)
    except ValueError as error:
        found = Finding(FindingKind.UNREADABLE, shown(record.image_id), str(error))
        return found, np.zeros(256, np.int64)
    labels = label_map(record, taxonomy, size)
    framed = example.frame(example.encode(record.image_id, image, labels))
    return framed, np.bincount(labels.ravel(), minlength=256)


def read(folder: Path, split: str) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yields (image_id, photo (S, S, 3) uint8 RGB, label map (S, S) uint8) of a split."""
    for shard in sorted(folder.glob(f"{split}-*-of-*.tfrecord")):
        with shard.open("rb") as file:
            for offset, length in example.spans(shard).tolist():
                yield example.decode(example.read_span(file.fileno(), offset, length))
