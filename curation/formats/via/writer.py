"""Writes a project of VIA 2, as :mod:`.reader` reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from curation.core import polygons, tracing
from curation.core.atomic import replacing
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import Taxonomy
from curation.formats.photo import Photo
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
    metadata = {}
    values: set[str] = set()
    for record in records:
        name = record.image_id
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
        entry = {"filename": name, "size": size, "regions": regions, "file_attributes": {}}
        metadata[f"{name}{size}"] = entry
    # The description, too: it is what VIA's own COCO export, and VIA 3, call the option.
    options = {value: value for value in sorted(values)}
    dropdown = {"type": "dropdown", "description": "", "options": options, "default_options": {}}
    project = {
        "_via_settings": {"ui": {}, "core": {}, "project": {"name": path.stem}},
        "_via_img_metadata": metadata,
        "_via_attributes": {"region": {label_attribute: dropdown}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(metadata),
    }
    with replacing(path) as part:
        part.write_text(json.dumps(project, ensure_ascii=False), "utf-8")


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> None:
    """``via.json``; the region attribute is ``label``."""
    records = (photo.record for photo in photos)
    drawn = (replace(r, instances=tuple(map(_outlined, r.instances))) for r in records)
    write(folder / "via.json", drawn, LABEL)


def _outlined(instance: Instance) -> Instance:
    """Without its polygons where they do not give the mask: VIA has nothing but polygons."""
    kept = polygons.gives(instance.polygons, instance.mask)
    return instance if kept else replace(instance, polygons=())


def _short(value: float) -> int | float:
    return int(value) if value == int(value) else value
