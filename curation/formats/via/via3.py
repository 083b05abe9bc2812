"""VIA 3 projects, translated into the words of VIA 2.

    file       id -> fname, src
    view       id -> fid_list: what the annotator saw at once, one photo as a rule
    metadata   id -> vid, xy, av: a region of a view, or (xy empty) a remark on all of it
    attribute  id -> aname, type, options

``xy`` is a shape's number, then its coordinates in pixels; ``av`` maps attribute ids to a
text or to option ids. Specification: "Structure of VIA Project JSON File" in
https://gitlab.com/vgg/via/blob/via-3.x.y/via-3.x.y/CodeDoc.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from curation.core.errors import FormatError
from curation.core.text import count
from curation.formats.messages import quoted, shown
from curation.formats.values import table
from curation.formats.via import options
from curation.formats.via.regions import Listing, Region

SHAPES = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
}
OUTLINES = {5: "line", 6: "polyline", 7: "polygon", 8: "extreme rectangle", 9: "extreme circle"}
CHECKBOX = 2
CHOICES = (CHECKBOX, 3, 4)
"""Types of attributes that have options; 3 is a radio button, 4 a dropdown."""


def listings(path: Path, project: Mapping[str, object]) -> list[Listing]:
    """The photos of a project, in the order of its views.

    Raises:
        FormatError: not a project of VIA 3, a region of no view, or of a view of
            several photos: the file does not say which of them it lies on
    """
    for key in ("attribute", "file", "view", "metadata"):
        if not isinstance(project.get(key), dict):
            raise FormatError(path, "missing, or not a table: not a project of VIA 3", where=key)
    files, views = table(project["file"]), table(project["view"])
    if not views:
        raise FormatError(path, "holds no photos", where="view")
    attributes = table(project["attribute"])
    check_names(path, attributes)
    regions: dict[str, list[Region]] = {vid: [] for vid in views}
    for mid, entry in table(project["metadata"]).items():
        where, entry = f"metadata/{shown(mid)}", table(entry)
        vid = _id(entry.get("vid"))
        if vid not in regions:
            raise FormatError(
                path, f"belongs to view {quoted(vid)}, which is not there", where=where
            )
        if entry.get("xy"):
            av = values(attributes, entry.get("av"))
            regions[vid].append(Region(where, shape(entry["xy"]), av))
    result = []
    for vid, view in views.items():
        where = f"view/{shown(vid)}"
        fids = table(view).get("fid_list")
        if not isinstance(fids, list):
            raise FormatError(path, "has no fid_list: not a project of VIA 3", where=where)
        check_one_image(path, where, len(fids), len(regions[vid]))
        for fid in fids:
            name = table(files.get(_id(fid))).get("fname")
            if not isinstance(name, str):
                raise FormatError(path, f"its file {quoted(_id(fid))} has no fname", where=where)
            result.append(Listing(where, name, tuple(regions[vid])))
    return result


def check_names(path: Path, attributes: Mapping[str, object]) -> None:
    """Raises FormatError where two attributes have one name: a label could be meant by either."""
    for name, n in Counter(_name(aid, a) for aid, a in attributes.items()).items():
        if n > 1:
            reason = f"{n} attributes have the name {quoted(name)}; rename them in VIA"
            raise FormatError(path, reason, where="attribute")


def check_one_image(path: Path, where: str, entries: int, regions: int) -> None:
    """Raises FormatError for regions of a view that does not have exactly one photo."""
    if regions and entries != 1:
        what = f"{count(regions, 'region')} on {count(entries, 'photo')}"
        reason = f"{what} at once, and no word on which; "
        raise FormatError(path, reason + "in VIA, give each photo a view of its own", where=where)


def shape(xy: object) -> dict[str, object]:
    """VIA 3's ``xy`` as VIA 2's ``shape_attributes``; what it cannot be has no name."""
    if not isinstance(xy, list) or not xy or not isinstance(xy[0], int):
        return {}
    number, *numbers = xy
    if number in OUTLINES:
        points = {"all_points_x": numbers[0::2], "all_points_y": numbers[1::2]}
        return {"name": OUTLINES[number], **points}
    name, keys = SHAPES.get(number, (f"number {number}", ()))
    return {"name": name, **dict(zip(keys, numbers, strict=False))}


def values(attributes: Mapping[str, object], av: object) -> dict[str, object]:
    """VIA 3's ``av`` as VIA 2's ``region_attributes``: names for ids, texts for options.

    An id without a name or a text stays as it is: old exports leave options out.
    """
    result: dict[str, object] = {}
    for aid, value in table(av).items():
        attribute = table(attributes.get(aid))
        kind = attribute.get("type")
        if kind == CHECKBOX and isinstance(value, str):
            value = {option: True for option in value.split(",") if option}
        if kind in CHOICES:
            value = options.picked(value, _texts(table(attribute.get("options"))))
        result[_name(aid, attributes.get(aid))] = value
    return result


def _texts(ids: Mapping[str, object]) -> dict[str, str]:
    """The texts of options by their ids, which VIA 3 counts; it lets nobody type an id.

    Other ids came with a project of VIA 2, and with them what VIA 2 calls descriptions.
    """
    if not all(id_.isdecimal() for id_ in ids):
        return options.names(ids)
    return {id_: _id(text) for id_, text in ids.items() if _id(text).strip()}


def _id(value: object) -> str:
    """Ids are texts where they are keys and, in some files, numbers where they are values."""
    return str(value) if isinstance(value, str | int) else ""


def _name(aid: str, attribute: object) -> str:
    """The first exports to CSV gave an attribute's name alone, in place of its table."""
    name = attribute if isinstance(attribute, str) else table(attribute).get("aname")
    return name if isinstance(name, str) else aid
