"""Writes the CSV, as :mod:`.reader` reads it, and the names of its ids."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Literal

from curation.core import rle
from curation.core.atomic import replacing
from curation.core.finding import Finding, FindingKind
from curation.core.image_names import shortest
from curation.core.records import ImageRecord
from curation.core.spool import Spool
from curation.core.taxonomy import Taxonomy
from curation.formats.imaterialist.labels import CATEGORIES, DEFAULT_LABELS, Labels
from curation.formats.imaterialist.reader import COLUMNS
from curation.formats.photo import Photo, by_name
from curation.formats.source import OnFinding

Layout = Literal[2019, 2020]


def write(
    path: Path,
    records: Iterable[ImageRecord],
    labels: Labels = DEFAULT_LABELS,
    layout: Layout = 2020,
) -> None:
    """Writes records as a CSV.

    Args:
        records: their categories and attributes are names in ``labels``
        labels: names of the ids
        layout: 2019 has attributes in ``ClassId``, 2020 in a column of their own

    Raises:
        ValueError: a category or an attribute that has no id
    """
    category_ids = {name: i for i, name in labels.categories.items()}
    attribute_ids = {name: i for i, name in labels.attributes.items()}
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS if layout == 2019 else [*COLUMNS, "AttributesIds"])
        for record in records:
            for instance in record.instances:
                if instance.category not in category_ids:
                    raise ValueError(f"{instance.category!r} is not a category of iMaterialist")
                pairs = " ".join(map(str, rle.to_pairs(instance.mask)))
                ids = [str(attribute_ids[a]) for a in instance.attributes]
                said = [str(category_ids[instance.category])]
                said = ["_".join(said + ids)] if layout == 2019 else [*said, ",".join(ids)]
                out.writerow([record.image_id, pairs, record.height, record.width, *said])


def export(
    folder: Path,
    photos: Iterable[Photo],
    taxonomy: Taxonomy,
    on_finding: OnFinding,
    layout: Layout = 2020,
) -> None:
    """``train.csv`` and ``label_descriptions.json``.

    A photo without a label has no row, and is told.
    """
    attributes: set[str] = set()

    def listed() -> Iterator[tuple[str, ImageRecord]]:
        for record in by_name(photos):
            if not record.instances:
                on_finding(Finding(FindingKind.WITHOUT_LABEL, record.image_id))
            attributes.update(a for i in record.instances for a in i.attributes)
            yield record.image_id, record if layout == 2019 else _without_suffix(record)

    # Which attributes there are is known with the last.
    records = Spool(listed(), folder).values()
    labels = Labels(_category_ids(taxonomy), _attribute_ids(attributes))
    write(folder / "train.csv", records, labels, layout)
    named = {"categories": _listed(labels.categories), "attributes": _listed(labels.attributes)}
    text = json.dumps(named, indent=1, ensure_ascii=False) + "\n"
    (folder / "label_descriptions.json").write_text(text, "utf-8")


def _without_suffix(record: ImageRecord) -> ImageRecord:
    return replace(record, image_id=shortest(record.image_id, record.path))


def _category_ids(taxonomy: Taxonomy) -> dict[int, str]:
    """iMaterialist's own 46 where all classes are among them, else the taxonomy's ids."""
    names = {c.id: c.name for c in taxonomy.classes}
    return dict(enumerate(CATEGORIES)) if set(names.values()) <= set(CATEGORIES) else names


def _attribute_ids(names: Iterable[str]) -> dict[int, str]:
    """An attribute that came in as a number, as no file named it, keeps it."""
    ids = {int(name): name for name in names if re.fullmatch(r"0|[1-9][0-9]{0,8}", name)}
    free = (i for i in count() if i not in ids)
    ids |= dict(zip(free, sorted(set(names) - set(ids.values())), strict=False))
    return dict(sorted(ids.items()))


def _listed(names: Mapping[int, str]) -> list[dict]:
    return [{"id": i, "name": name} for i, name in names.items()]
