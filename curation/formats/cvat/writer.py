"""Writes CVAT for images 1.1, as :mod:`.reader` reads it and CVAT takes it for a task's photos."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from curation.core import masks, polygons
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.core.spool import Spool
from curation.core.taxonomy import Taxonomy
from curation.formats.cvat.reader import RowRuns
from curation.formats.messages import shown
from curation.formats.photo import Photo, by_name
from curation.formats.source import OnFinding

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SAID = re.compile("([^:]+): (.+)")
"""An attribute that has a name and a value, as the readers of drawing tools give it."""


def write(path: Path, records: Collection[ImageRecord], labels: Mapping[str, str]) -> None:
    """Writes records as CVAT's XML.

    A label is a polygon where it has one ring that gives its mask, else a mask. Of its attributes
    those that are a name and a value are written.

    Args:
        records: their image_ids are their paths in the folder of photos
        labels: what a task has to know, with the colour of each

    Raises:
        CurateError: the name of a photo cannot stand in XML
    """
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in _lines(records, labels))


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> None:
    """``annotations.xml``, with the taxonomy's classes as labels."""
    # Attributes are declared before the first photo.
    records = Spool(((record.image_id, record) for record in by_name(photos)), folder).values()
    write(folder / "annotations.xml", records, {c.name: c.color for c in taxonomy.classes})


def row_runs(mask: Rle) -> RowRuns:
    """A mask as CVAT keeps it; the inverse of :meth:`RowRuns.draw`."""
    inside, (left, top, width, height) = masks.crop(mask)
    edges = np.flatnonzero(np.diff(inside.ravel(), prepend=False))
    runs = np.diff(edges, prepend=0, append=inside.size).tolist()
    return RowRuns(", ".join(map(str, runs)), left, top, height, width)


def _lines(records: Collection[ImageRecord], labels: Mapping[str, str]) -> Iterator[str]:
    names: dict[str, set[str]] = {label: set() for label in labels}
    for instance in (i for record in records for i in record.instances):
        names[instance.category] |= _attributes(instance).keys()
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield "<annotations>\n<version>1.1</version>\n<meta><task>"
    yield f"<size>{len(records)}</size><mode>annotation</mode>\n<labels>"
    for label, color in labels.items():
        said = "".join(map(_declared, sorted(names[label])))
        yield (
            f"<label><name>{escape(label)}</name><color>{color}</color><type>any</type>"
            f"<attributes>{said}</attributes></label>"
        )
    yield "</labels>\n</task></meta>"
    for number, record in enumerate(records):
        yield from _image(number, record)
    yield "</annotations>"


def _declared(attribute: str) -> str:
    return (
        f"<attribute><name>{escape(attribute)}</name><mutable>False</mutable>"
        "<input_type>text</input_type><default_value></default_value><values></values></attribute>"
    )


def _image(number: int, record: ImageRecord) -> Iterator[str]:
    if _NO_XML.search(record.image_id):
        raise CurateError(shown(record.image_id), "XML cannot hold this name; rename the photo")
    size = f'width="{record.width}" height="{record.height}"'
    yield f'<image id="{number}" name={quoteattr(record.image_id)} {size}>'
    for instance in record.instances:
        tag, place = _shape(instance)
        label = quoteattr(instance.category)
        yield f'<{tag} label={label} source="manual" occluded="0" {place} z_order="0">'
        for name, value in _attributes(instance).items():
            yield f"<attribute name={quoteattr(name)}>{escape(value)}</attribute>"
        yield f"</{tag}>"
    yield "</image>"


def _shape(instance: Instance) -> tuple[str, str]:
    """The element of a label, and the attributes that say where it lies."""
    mask, rings = instance.mask, instance.polygons
    if len(rings) == 1 and polygons.gives(rings, mask):
        points = zip(rings[0][0::2], rings[0][1::2], strict=True)
        return "polygon", f'points="{";".join(f"{x!r},{y!r}" for x, y in points)}"'
    kept = row_runs(mask)
    box = f'left="{kept.left}" top="{kept.top}" width="{kept.width}" height="{kept.height}"'
    return "mask", f'rle="{kept.runs}" {box}'


def _attributes(instance: Instance) -> dict[str, str]:
    found = map(_SAID.fullmatch, instance.attributes)
    return {said[1]: said[2] for said in found if said}
