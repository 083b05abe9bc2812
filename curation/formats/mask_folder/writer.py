"""Writes index masks, as :mod:`.reader` reads them, and the taxonomy's colours beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.image_names import shortest
from curation.core.masks import IGNORE_INDEX
from curation.core.records import ImageRecord
from curation.core.taxonomy import IGNORE, Taxonomy, label_map
from curation.formats.messages import shown
from curation.formats.photo import Photo, by_name
from curation.formats.source import OnFinding

IGNORE_COLOR = "#e0e0c0"
"""As in Pascal VOC, where 255 is ignored too, and called void."""


def write(folder: Path, records: Iterable[ImageRecord], taxonomy: Taxonomy) -> None:
    """Writes a grey PNG for each record, and ``classes.csv`` with the taxonomy's colours.

    Not in a palette: TensorFlow, OpenCV, scikit-image and FiftyOne read its colours, or how bright
    they are, in the place of ids. Grey is the same to all.

    ``load(folder, images, classes.csv)`` gives the same label maps back.

    Args:
        records: their image_ids are their paths in the folder of photos, their categories
            are the taxonomy's classes or ``ignore``

    Raises:
        CurateError: an image_id leads out of the folder, or two share a mask
    """
    written = set()
    for record in records:
        name = f"{shortest(record.image_id, record.path)}.png"
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise CurateError(folder, "leads out of the folder", where=shown(record.image_id))
        if name in written:
            reason = f"is the mask of two photos; one is {shown(record.image_id)}"
            raise CurateError(path, reason)
        written.add(name)
        with replacing(path) as part:
            Image.fromarray(label_map(record, taxonomy)).save(part)
    rows = [(0, "background", "#000000"), *((c.id, c.name, c.color) for c in taxonomy.classes)]
    with (
        replacing(folder / "classes.csv") as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        out = csv.writer(file, lineterminator="\n")
        out.writerows([("id", "name", "color"), *rows, (IGNORE_INDEX, IGNORE, IGNORE_COLOR)])


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> None:
    """``masks/*.png``, and ``classes.csv`` beside the folder."""
    write(folder / "masks", by_name(photos), taxonomy)
    (folder / "masks" / "classes.csv").rename(folder / "classes.csv")
