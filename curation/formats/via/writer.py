"""Writes a project of VIA 2, as :mod:`.reader` reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.core import polygons, tracing
from curation.core.atomic import replacing
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import Taxonomy
from curation.formats.photo import Photo, by_name
from curation.formats.source import OnFinding

LABEL = "label"
"""The region attribute of an export."""


def write(path: Path, records: Iterable[ImageRecord], label_attribute: str) -> None:
    """Writes records as a VIA 2 project.

    VIA has no instance of several parts: each part becomes a region. A record
    without polygons is traced along its mask's pixel edges.

    Args:
        records: their image_ids are their paths in the folder of photos
        label_attribute: the region attribute that holds the category
    """
    values: set[str] = set()
    keys: list[str] = []
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:

        def put(value: object) -> None:
            file.write(json.dumps(value, ensure_ascii=False))

        file.write('{"_via_settings": ')
        put({"ui": {}, "core": {}, "project": {"name": path.stem}})
        file.write(', "_via_img_metadata": {')
        for record in records:  # one after the other, however many there are
            entry = _entry(record, label_attribute, values)
            file.write(", " if keys else "")
            keys.append(f"{entry['filename']}{entry['size']}")
            put(keys[-1])
            file.write(": ")
            put(entry)
        file.write('}, "_via_attributes": ')
        # The description, too: it is what VIA's own COCO export, and VIA 3, call the option.
        options = {value: value for value in sorted(values)}
        dropdown = {
            "type": "dropdown", "description": "", "options": options, "default_options": {},
        }  # fmt: skip
        put({"region": {label_attribute: dropdown}, "file": {}})
        file.write(', "_via_data_format_version": "2.0.10", "_via_image_id_list": ')
        put(keys)
        file.write("}")


def _entry(record: ImageRecord, label_attribute: str, values: set[str]) -> dict[str, Any]:
    """A photo of ``_via_img_metadata``; the values of the attribute are added to ``values``."""
    regions = []
    for instance in record.instances:
        values.add(instance.category)
        for outline in instance.polygons or tracing.trace(instance.mask):
            shape = {
                "name": "polygon",
                "all_points_x": [_short(v) for v in outline[0::2]],
                "all_points_y": [_short(v) for v in outline[1::2]],
            }
            attributes = {label_attribute: instance.category}
            regions.append({"shape_attributes": shape, "region_attributes": attributes})
    size = record.path.stat().st_size if record.path.is_file() else -1
    return {"filename": record.image_id, "size": size, "regions": regions, "file_attributes": {}}


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> None:
    """``via.json``; the region attribute is ``label``."""
    drawn = (replace(r, instances=tuple(map(_outlined, r.instances))) for r in by_name(photos))
    write(folder / "via.json", drawn, LABEL)


def _outlined(instance: Instance) -> Instance:
    """Without its polygons where they do not give the mask: VIA has nothing but polygons."""
    kept = polygons.gives(instance.polygons, instance.mask)
    return instance if kept else replace(instance, polygons=())


def _short(value: float) -> int | float:
    return int(value) if value == int(value) else value
