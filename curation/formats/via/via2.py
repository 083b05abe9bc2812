"""JSON of VIA 1 and 2: exports and projects.

A flat export maps arbitrary keys to ``{filename, size, regions}``; a project holds the same
under ``_via_img_metadata``, and under ``_via_attributes`` what the options of attributes are
called. Regions are a dict in VIA 1 and a list in VIA 2; each has ``shape_attributes`` and
``region_attributes``.
Specification: https://www.robots.ox.ac.uk/~vgg/software/via/docs/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curation.core.errors import FormatError
from curation.formats.messages import quoted, shown
from curation.formats.values import table
from curation.formats.via import options
from curation.formats.via.regions import Listing, Region, file_size

CHOICES = ("radio", "dropdown", "checkbox")
"""Types of attributes whose options have descriptions; those of ``image`` have addresses."""

Texts = Mapping[str, Mapping[str, str]]
"""By the attribute's name: the texts of its options by their ids."""


def listings(path: Path, content: Mapping[str, object]) -> list[Listing]:
    """The photos of an export or a project, in its order.

    Raises:
        FormatError: neither of the two, or a photo whose regions are no list
    """
    entries = table(content.get("_via_img_metadata", content))
    if not entries:
        raise FormatError(path, "holds no photos: not an export or project of VIA")
    attributes = table(table(content.get("_via_attributes")).get("region"))
    texts = {
        name: options.names(table(attribute).get("options"))
        for name, attribute in attributes.items()
        if table(attribute).get("type") in CHOICES
    }
    return [_listing(path, key, entry, texts) for key, entry in entries.items()]


def _listing(path: Path, key: str, entry: object, texts: Texts) -> Listing:
    where, fields = shown(key), table(entry)
    name, regions = fields.get("filename"), fields.get("regions", {})
    if not isinstance(name, str):
        raise FormatError(path, "has no filename: not a VIA 1 or 2 entry", where=where)
    if isinstance(regions, list):
        regions = {str(number): region for number, region in enumerate(regions)}
    if not isinstance(regions, dict):  # not none, which would be taken for a correction
        raise FormatError(
            path, f"its regions are {quoted(regions)}: no list of regions", where=where
        )
    found = (
        Region(
            f"{where}#{shown(number)}",
            table(table(region).get("shape_attributes")),
            {
                attribute: options.picked(value, texts.get(attribute, {}))
                for attribute, value in table(table(region).get("region_attributes")).items()
            },
        )
        for number, region in regions.items()
    )
    return Listing(where, name, tuple(found), file_size(fields.get("size")))
