"""iMaterialist (Fashion) 2019 and 2020: a CSV with one row for each instance.

    ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds

``EncodedPixels`` are pairs ``start length``, 1-based, column-major; 2019 writes
``ImageId`` with ``.jpg`` and ``ClassId`` as ``category_attribute_attribute``.
Category and attribute names stand in ``label_descriptions.json``.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation import photos, rle
from curation.errors import FormatError
from curation.files import replacing
from curation.formats import find_photo
from curation.records import ImageRecord, Instance, Skip

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")
MAX_CELL = 64 * 2**20
"""Bytes: no run-length string of a real photo comes near it."""

CATEGORIES = (
    "shirt, blouse", "top, t-shirt, sweatshirt", "sweater", "cardigan", "jacket", "vest",
    "pants", "shorts", "skirt", "coat", "dress", "jumpsuit", "cape", "glasses", "hat",
    "headband, head covering, hair accessory", "tie", "glove", "watch", "belt", "leg warmer",
    "tights, stockings", "sock", "shoe", "bag, wallet", "scarf", "umbrella", "hood", "collar",
    "lapel", "epaulette", "sleeve", "pocket", "neckline", "buckle", "zipper", "applique", "bead",
    "bow", "flower", "fringe", "ribbon", "rivet", "ruffle", "sequin", "tassel",
)  # fmt: skip
"""The 46 categories of 2020, by ClassId; used where no label_descriptions.json is given."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Names of the ids in the CSV."""

    categories: Mapping[int, str]
    attributes: Mapping[int, str]


DEFAULT_LABELS = Labels(dict(enumerate(CATEGORIES)), {})


def read_labels(path: Path) -> Labels:
    """``label_descriptions.json`` to names.

    Raises:
        FormatError: not that file
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        return Labels(
            {int(c["id"]): str(c["name"]).strip() for c in table["categories"]},
            {int(a["id"]): str(a["name"]).strip() for a in table.get("attributes", [])},
        )
    except OSError as error:
        raise FormatError(path, "", error.strerror or "cannot be read") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        reason = 'not a label_descriptions.json: needs "categories" with "id" and "name"'
        raise FormatError(path, "", reason) from None


def scan(path: Path) -> Counter[str]:
    """Rows of each photo, in the order they first stand in the file.

    Checks the file as a whole before anything is imported.

    Raises:
        FormatError: not a CSV of this kind
    """
    counts: Counter[str] = Counter()
    for _, row in _rows(path):
        counts[row.get("ImageId") or ""] += 1
    if not counts:
        raise FormatError(path, "", "has a header and no rows")
    return counts


def read(
    path: Path,
    images: Path,
    rows: Mapping[str, int],
    labels: Labels = DEFAULT_LABELS,
    on_skip: Callable[[Skip], None] = lambda skip: None,
) -> Iterator[ImageRecord]:
    """Streams the photos of a CSV.

    A photo is yielded once its last row is read, so the rows of a photo may
    stand apart; a file that keeps them together needs no memory for it.

    Args:
        images: the folder of photos
        rows: what :func:`scan` said of the file
        on_skip: told each row and photo that is left out, and why

    Raises:
        FormatError: the file is no longer the one that was scanned
    """
    waiting: dict[str, list[tuple[int, dict]]] = {}
    seen: set[str] = set()
    for line, row in _rows(path):
        image_id = row.get("ImageId") or ""
        waiting.setdefault(image_id, []).append((line, row))
        if len(waiting[image_id]) != rows.get(image_id):
            continue
        of_photo = waiting.pop(image_id)
        if _without_suffix(image_id) in seen:  # a.jpg and a.png, or a and a.jpg
            detail = f"{image_id}, {len(of_photo)} rows"
            on_skip(Skip(f"{path.name}:{of_photo[0][0]}", "photo listed twice", detail))
            continue
        record = _record(path, images, image_id, of_photo, labels, on_skip)
        if record:
            seen.add(record.image_id)
            yield record
    if waiting:
        raise FormatError(path, "", "was changed while it was read; import it again")


def write(path: Path, records: Iterable[ImageRecord], labels: Labels = DEFAULT_LABELS) -> None:
    """Writes records as a CSV of 2020's layout.

    Raises:
        ValueError: a category or an attribute that has no id
    """
    category_ids = {name: i for i, name in labels.categories.items()}
    attribute_ids = {name: i for i, name in labels.attributes.items()}
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*COLUMNS, "AttributesIds"])
        for record in records:
            for instance in record.instances:
                if instance.category not in category_ids:
                    raise ValueError(f"{instance.category!r} is not a category of iMaterialist")
                pairs = " ".join(map(str, rle.to_pairs(instance.mask)))
                fine = ",".join(str(attribute_ids[a]) for a in instance.attributes)
                category = category_ids[instance.category]
                row = [record.image_id, pairs, record.height, record.width, category, fine]
                out.writerow(row)


def _rows(path: Path) -> Iterator[tuple[int, dict]]:
    csv.field_size_limit(MAX_CELL)
    line = 0  # the last that was read: errors name the one where their row begins
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            # strict: an open quote would take the rest of the file for one cell, and say nothing.
            reader = csv.DictReader(file, strict=True)
            missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
            if missing:
                reason = f"no column {', '.join(missing)}; expected {', '.join(COLUMNS)}"
                raise FormatError(path, "1", reason)
            line = reader.line_num
            for row in reader:
                # No cell of this format has a line break: a quote took in the rows that follow.
                if any("\n" in cell for cell in row.values() if isinstance(cell, str)):
                    raise FormatError(path, str(line + 1), "a quote is not closed on its line")
                line = reader.line_num
                yield line, row
    except OSError as error:
        raise FormatError(path, "", error.strerror or "cannot be read") from None
    except UnicodeDecodeError:
        raise FormatError(path, "", "not UTF-8 text, so not a CSV of iMaterialist") from None
    except csv.Error as error:
        raise FormatError(path, str(line + 1), f"not a CSV: {error}") from None


def _record(
    path: Path,
    images: Path,
    image_id: str,
    rows: Sequence[tuple[int, dict]],
    labels: Labels,
    on_skip: Callable[[Skip], None],
) -> ImageRecord | None:
    def place(line: int) -> str:
        return f"{path.name}:{line}"

    first = place(rows[0][0])
    found = find_photo(images, image_id, first, f"{len(rows)} rows", on_skip)
    if not found:
        return None
    photo, height, width = found
    instances = []
    for line, row in rows:
        try:
            instances.append(_instance(row, height, width, labels, place(line)))
        except ValueError as error:
            on_skip(Skip(place(line), "row that cannot be decoded", str(error)))
    if not instances:
        on_skip(Skip(first, "photo without a usable row", image_id))
        return None
    return ImageRecord(_without_suffix(image_id), photo, height, width, tuple(instances))


def _instance(row: dict, height: int, width: int, labels: Labels, source: str) -> Instance:
    if None in row or None in row.values():
        raise ValueError("the row has more or fewer cells than the header")
    given = _integer(row["Height"], "Height"), _integer(row["Width"], "Width")
    if given != (height, width):
        raise ValueError(
            f"the row says {given[1]}x{given[0]}, the photo is {width}x{height}: "
            "turned, scaled or another photo"
        )
    category, *attributes = str(row["ClassId"]).strip().split("_")
    if row.get("AttributesIds"):
        attributes += str(row["AttributesIds"]).split(",")
    category_id = _integer(category, "ClassId")
    if category_id not in labels.categories:
        raise ValueError(f"ClassId {category_id} has no name in the labels")
    fine = [_integer(a, "attribute") for a in attributes]
    names = [labels.attributes.get(i, str(i)) for i in fine]
    mask = rle.from_pairs(row["EncodedPixels"], height, width)
    return Instance(labels.categories[category_id], mask, source, tuple(names))


def _without_suffix(image_id: str) -> str:
    """2019 writes ``.jpg``, 2020 does not: one photo has one id in both."""
    stem, dot, suffix = image_id.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in photos.SUFFIXES else image_id


def _integer(text: str, column: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{column} {text!r} is not an integer") from None
