"""Label maps beside photos that stay where they are: what a head on cached features is trained on.

    DIR/photos.csv      key, image_id and path of each photo; offset and length of its label map
    DIR/labels.bin      the label maps, PNGs of channels 0 to K - 1 and 255, one after the other
    DIR/manifest.json   size, classes, the hash of the label maps; it comes last

Nothing is copied of the photos: features are known by the hash of a photo, and what no cache
has is computed from its file. So a thousand label maps take some megabytes and a few seconds.
"""

from __future__ import annotations

import io
import json
import mmap
import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core import parallel
from curation.core.errors import CurateError
from curation.core.progress import Progress, silent, track
from curation.core.records import ImageRecord
from curation.core.taxonomy import ClassIndex, Taxonomy, label_map
from curation.formats.export import MANIFEST, WRITTEN_BY, replacing_export, write_csv
from curation.formats.messages import shown
from training import stored
from training.data.image import ImageFile
from training.folder import ClassList

FORMAT = "label-maps"
_PHOTOS, _LABELS = "photos.csv", "labels.bin"
_HEADER = ("key", "image_id", "path", "offset", "length", "crc32")
_AGAIN = "delete the folder and train again"


def write(
    folder: Path,
    records: Mapping[str, ImageRecord],
    taxonomy: Taxonomy,
    groups: Mapping[str, str],
    size: int,
    *,
    progress: Progress = silent,
) -> None:
    """Writes label maps; the folder appears when it is whole, and replaces an earlier one.

    Args:
        records: by image_id; their categories are the taxonomy's classes
        groups: content hash of the photo, by image_id
        size: S, side in pixels of the label maps

    Raises:
        CurateError: the folder holds something else
    """
    # The order of a TFRecord export, so that a seed means the same batches on either.
    order = sorted(records, key=lambda image_id: (groups[image_id], image_id))
    pngs = parallel.each(_draw, (taxonomy, size), map(records.__getitem__, order), len(order))
    channels = ClassIndex.of(taxonomy)
    with replacing_export(folder, FORMAT) as part:
        rows, at, digest = [], 0, sha256()
        with (part / _LABELS).open("wb") as file:
            made = track(progress, "label maps", pngs, len(order))
            for image_id, png in zip(order, made, strict=True):
                file.write(png)
                digest.update(png)
                place = (at, len(png), zlib.crc32(png))
                rows.append((groups[image_id], image_id, records[image_id].path, *place))
                at += len(png)
        write_csv(part / _PHOTOS, _HEADER, rows)
        manifest = {
            "format": FORMAT,
            "written_by": WRITTEN_BY,
            "size": size,
            "classes": {"names": channels.names, "colors": channels.colors},
            "sha256": digest.hexdigest(),
            "files": [_LABELS, _PHOTOS],
        }
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")


def _draw(shared: tuple[Taxonomy, int], record: ImageRecord) -> bytes:
    """A PNG of the label map (S, S) of a photo, its values channels."""
    taxonomy, size = shared
    png = io.BytesIO()
    Image.fromarray(ClassIndex.of(taxonomy).encode(label_map(record, taxonomy, size))).save(
        png, "PNG"
    )
    return png.getvalue()


class LabelMaps:
    """The label maps of a folder, as :class:`training.data.examples.Examples`.

    The file is mapped into memory: any number of threads may ask, and what was opened is
    what is read, even where another folder takes its place meanwhile.

    Args:
        folder: as :func:`write` leaves it

    Raises:
        CurateError: no such folder, or its files do not fit each other
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
            if manifest["format"] != FORMAT:
                raise ValueError(f"it is of the format {manifest['format']!r}")
            self.size: int = manifest["size"]
            if type(self.size) is not int or self.size < 1:
                raise ValueError(f"its size is {self.size!r}")
            self.classes = ClassList(
                *(tuple(manifest["classes"][name]) for name in ("names", "colors"))
            )
            self._sha256: str = manifest["sha256"]
            header, *rows = stored.rows((folder / _PHOTOS).read_bytes().decode())
            if tuple(header) != _HEADER:
                raise ValueError(f"the columns of {_PHOTOS} are not {', '.join(_HEADER)}")
            self.images = tuple(ImageFile(key, i, Path(path)) for key, i, path, *_ in rows)
            self._places = [(int(at), int(n), int(crc)) for *_, at, n, crc in rows]
            with (folder / _LABELS).open("rb") as pngs:
                self._pngs = mmap.mmap(pngs.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise CurateError(folder, f"holds no label maps ({error}); {_AGAIN}") from None

    def __len__(self) -> int:
        return len(self.images)

    def labels(self, index: int) -> NDArray[np.uint8]:
        """The label map (S, S) of a photo; CurateError where it is damaged."""
        at, length, crc = self._places[index]
        png = self._pngs[at : at + length]
        labels = None
        if zlib.crc32(png) == crc:
            labels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
        if labels is None or labels.shape != (self.size, self.size):
            where = shown(self.images[index].image_id)
            raise CurateError(self.folder / _LABELS, f"is damaged; {_AGAIN}", where=where)
        return labels

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Photo (S, S, 3) RGB and label map (S, S); CurateError where either is damaged."""
        return self.images[index].read(self.size), self.labels(index)

    def digest(self) -> str:
        """A hash of all photos and labels; where the photos lie is no part of it."""
        photos = [(image.key, image.image_id) for image in self.images]
        made_of = (self.size, self.classes, self._sha256, photos)
        return sha256(repr(made_of).encode()).hexdigest()
