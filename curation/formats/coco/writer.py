"""Writes COCO JSON, as :mod:`.reader` reads it.

Specification: https://cocodataset.org/#format-data, https://fashionpedia.github.io/home/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from curation.core import polygons, rle
from curation.core.atomic import replacing
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import Taxonomy
from curation.formats.photo import Photo, by_name
from curation.formats.source import OnFinding


def write(
    path: Path, records: Iterable[ImageRecord], categories: Sequence[str] | None = None
) -> None:
    """Writes records as COCO JSON, one photo after the other.

    Masks are compressed run lengths; polygons are kept where they give the mask exactly.
    Attributes are written as Fashionpedia has them, where there are any.

    Args:
        records: their image_ids are their paths in the folder of photos
        categories: names, whose ids count from 1; None sorts those that occur

    Raises:
        ValueError: a category that is not among ``categories``
    """
    seen: set[str] = set()
    attributes: dict[str, int] = {}
    with (
        replacing(path) as part,
        part.open("w", encoding="ascii") as file,
        # Ids of categories are known when the last was seen: until then annotations wait here.
        TemporaryFile("w+", encoding="ascii", dir=path.parent) as waiting,
    ):
        # VIA 2 opens no file without "info".
        file.write('{"info": {}, "licenses": [],\n"images": [')
        for image_id, record in enumerate(records, 1):
            image = {"id": image_id, "file_name": record.image_id}
            image |= {"height": record.height, "width": record.width}
            file.write((",\n" if image_id > 1 else "\n") + json.dumps(image))
            for instance in record.instances:
                if categories is not None and instance.category not in categories:
                    raise ValueError(f"{instance.category!r} is not one of the categories")
                seen.add(instance.category)
                own = [attributes.setdefault(a, len(attributes) + 1) for a in instance.attributes]
                annotation = {"image_id": image_id, **_annotation(instance, own)}
                waiting.write(f"{json.dumps(instance.category)}\t{json.dumps(annotation)}\n")
        names = sorted(seen) if categories is None else categories
        ids = {name: number for number, name in enumerate(names, 1)}
        file.write(f'\n],\n"categories": {_id_list(ids)},\n')
        if attributes:
            file.write(f'"attributes": {_id_list(attributes)},\n')
        file.write('"annotations": [')
        waiting.seek(0)
        for number, line in enumerate(waiting, 1):
            category, _, annotation_text = line.rstrip().partition("\t")
            start = f'{{"id": {number}, "category_id": {ids[json.loads(category)]}, '
            file.write((",\n" if number > 1 else "\n") + start + annotation_text[1:])
        file.write("\n]}\n")


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> None:
    """``instances.json``, with the taxonomy's classes as categories."""
    write(folder / "instances.json", by_name(photos), [c.name for c in taxonomy.classes])


def _annotation(instance: Instance, attribute_ids: Sequence[int]) -> dict:
    left, top, width, height = rle.bbox(instance.mask)
    annotation = {
        "segmentation": _segmentation(instance),
        "area": rle.area(instance.mask),
        "bbox": [left, top, width, height],
        "iscrowd": 0,
    }
    return annotation | ({"attribute_ids": list(attribute_ids)} if attribute_ids else {})


def _segmentation(instance: Instance) -> dict | list:
    mask, rings = instance.mask, instance.polygons
    if rings and all(len(ring) >= 6 for ring in rings):
        try:
            if polygons.fill(rings, mask.height, mask.width) == mask:
                return [list(ring) for ring in rings]
        except ValueError:
            pass
    return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}


def _id_list(ids: Mapping[str, int]) -> str:
    return json.dumps([{"id": number, "name": name} for name, number in ids.items()])
