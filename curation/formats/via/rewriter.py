"""Writes JSON of VIA 1 or 2 again with what reviewers changed, and every other byte as it was.

A region that was deleted is gone, one that was relabelled has another value of its attribute, one
that was redrawn is a polygon, and each further part of it a region behind it. What was added
stands behind the photo's last region. A photo that was excluded is gone with its regions.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from curation.core import tracing
from curation.core.errors import FormatError
from curation.core.records import Instance
from curation.core.rle import Rle
from curation.formats.change import Change
from curation.formats.json_parts import parts, rebuilt, replaced
from curation.formats.messages import quoted
from curation.formats.shapes import OpenLineError
from curation.formats.values import table
from curation.formats.via import labels, options, via2
from curation.formats.via.reader import text_of
from curation.formats.via.regions import Listing, Region, rings

OTHER = "is not what was imported: give the file as it was then"
METADATA, IDS = "_via_img_metadata", "_via_image_id_list"


def rewrite(
    original: Path, target: Path, changes: Iterable[Change], label_attribute: str | None = None
) -> None:
    """Writes ``target``.

    Args:
        original: the file that was imported
        label_attribute: the region attribute that it was imported with; None is the only one

    Raises:
        FormatError: the file is not the one that was imported, no JSON of VIA 1 or 2, or its
            attribute has no option for a new label
    """
    text = text_of(original)
    try:
        content = table(json.loads(text))
    except (ValueError, RecursionError):
        reason = "not JSON of VIA 1 or 2, which alone is written again as it was"
        raise FormatError(original, reason) from None
    listings = via2.listings(original, content)
    name = labels.attribute(original, listings, label_attribute)
    spec = table(table(table(content.get("_via_attributes")).get("region")).get(name))
    of_photo: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        where = change.before.source if change.before else change.beside
        of_photo[where.removeprefix(f"{original.name}:").rpartition("#")[0]].append(change)
    made = _Rewriter(original, _Attribute(original, name, spec)).file(text, listings, of_photo)
    with original.open("rb") as file:
        bom = file.read(len(codecs.BOM_UTF8))
    target.write_bytes((bom if bom == codecs.BOM_UTF8 else b"") + made.encode())


class _Attribute:
    """The attribute that holds the labels, and how a file says a label in it."""

    def __init__(self, path: Path, name: str, spec: Mapping[str, object]) -> None:
        self.path = path
        self.name = name
        kind, texts = spec.get("type"), table(spec.get("options"))
        self.is_checkbox = kind == "checkbox"
        self.ids = {id_: id_ for id_ in texts} if kind in via2.CHOICES else {}
        self.ids |= {text: id_ for id_, text in options.names(texts).items() if self.ids}

    def value(self, label: str, before: object, where: str) -> str:
        """A label as JSON, in the way of another region's value."""
        if self.ids and label not in self.ids:
            reason = f"{quoted(self.name)} has no option {quoted(label)}; add it in VIA"
            raise FormatError(self.path, reason, where=where)
        id_ = self.ids.get(label, label)
        ticked = self.is_checkbox or isinstance(before, dict)
        return _json({id_: True} if ticked else id_)

    def member(self, label: str, before: object, where: str) -> str:
        """The attributes of a region that has this one alone, as :meth:`value`."""
        return f"{{{_json(self.name)}: {self.value(label, before, where)}}}"


class _Rewriter:
    """Makes new text of the parts of a file."""

    def __init__(self, path: Path, attribute: _Attribute) -> None:
        self.path = path
        self.attribute = attribute

    def file(
        self, text: str, listings: Sequence[Listing], of_photo: Mapping[str, Sequence[Change]]
    ) -> str:
        """The whole text.

        Args:
            of_photo: changes, by where their photo is listed
        """
        start, stop = len(text) - len(text.lstrip()), len(text.rstrip())
        top = {p.key: text[p.value : p.stop] for p in parts(text, start)}
        photos = top.get(METADATA, text[start:stop])
        there = parts(photos, 0)
        if len(there) != len(listings):
            raise FormatError(self.path, "has a photo twice under one key: VIA keeps the last")
        often = Counter(listing.where for listing in listings)
        if lost := [where for where in of_photo if often[where] != 1]:
            raise self._other(lost[0])
        pieces: list[list[str]] = []
        gone: set[str] = set()
        of_name: dict[str, list[Listing]] = defaultdict(list)
        for listing in listings:
            of_name[listing.name].append(listing)
        for p, listing in zip(there, listings, strict=True):
            changes = of_photo.get(listing.where, ())
            others = [other for other in of_name[listing.name] if other is not listing]
            again = [change for other in others for change in of_photo.get(other.where, ())]
            if any(change.excluded for change in (*changes, *again)):
                gone.add(p.key)
                pieces.append([])
            else:
                changes = [*changes, *self._alike(listing, others, again)]
                photo = self._photo(photos[p.value : p.stop], listing, changes)
                pieces.append([photos[p.start : p.value] + photo])
        made = rebuilt(photos, 0, len(photos), pieces)
        if METADATA in top:
            values = {METADATA: made}
            if top.get(IDS, "").startswith("["):
                values[IDS] = _without(top[IDS], gone)
            made = replaced(text, start, stop, values)
        return text[:start] + made + text[stop:]

    def _alike(
        self, listing: Listing, others: Sequence[Listing], again: Sequence[Change]
    ) -> Iterator[Change]:
        """Changes of other listings of a photo, on what this one says, too: it came in as one."""

        def said(region: Region) -> tuple[object, ...]:
            return region.shape, region.attributes.get(self.attribute.name)

        read = {r.where: r for x in others for r in x.regions if isinstance(r, Region)}
        for change in again:
            before = change.before
            like = read.get(self._where(before)) if before else None
            for region in listing.regions:
                if before and like and isinstance(region, Region) and said(region) == said(like):
                    source = f"{self.path.name}:{region.where}"
                    yield replace(change, before=replace(before, source=source))

    def _photo(self, text: str, listing: Listing, changes: Sequence[Change]) -> str:
        if not changes:
            return text
        place = next((p for p in parts(text, 0) if p.key == "regions"), None)
        if place is None:
            raise self._other(listing.where)
        regions = text[place.value : place.stop]
        there = parts(regions, 0)
        read = {r.where: r for r in listing.regions if isinstance(r, Region)}
        of_region = {self._where(c.before): c for c in changes if c.before}
        lost = of_region.keys() - read.keys()
        if lost or len(there) != len(read):
            raise self._other(min(lost, default=listing.where))
        # VIA 1 numbers regions by their keys.
        keys = count(max((int(p.key) for p in there if p.key.isdecimal()), default=-1) + 1)
        heads = (f'"{key}": ' if regions[0] == "{" else "" for key in keys)
        pieces = []
        for p, (where, region) in zip(there, read.items(), strict=True):
            drawn = regions[p.value : p.stop]
            if where in of_region:
                first, *others = [*self._region(drawn, region, of_region[where]), ""]
                pieces.append([regions[p.start : p.value] + first] if first else [])
                pieces[-1] += [next(heads) + other for other in others if other]
            else:
                pieces.append([regions[p.start : p.stop]])
        added = [c.after for c in changes if c.after and not c.before]
        like = next(iter(read.values())).attributes.get(self.attribute.name)
        more = [
            f'{next(heads)}{{"shape_attributes": {shape}, "region_attributes": {said}}}'
            for label in added
            for said in [self.attribute.member(label.category, like, listing.where)]
            for shape in _shapes(label.mask)
        ]
        made = rebuilt(regions, 0, len(regions), pieces, more)
        return replaced(text, 0, len(text), {"regions": made})

    def _region(self, text: str, region: Region, change: Change) -> Iterator[str]:
        """What stands in the place of a region: nothing, or one for each part of it."""
        before, after = change.before, change.after
        if before is None or not self._is(region, before):
            raise self._other(region.where)
        if after is None:
            return
        values: dict[str, str] = {}
        if after.category != before.category:
            old = region.attributes[self.attribute.name]
            said = {self.attribute.name: self.attribute.value(after.category, old, region.where)}
            place = next(p for p in parts(text, 0) if p.key == "region_attributes")
            values["region_attributes"] = replaced(
                text[place.value : place.stop], 0, place.stop - place.value, said
            )
        if after.mask == before.mask:
            yield replaced(text, 0, len(text), values)
            return
        for shape in _shapes(after.mask):
            yield replaced(text, 0, len(text), values | {"shape_attributes": shape})

    def _is(self, region: Region, before: Instance) -> bool:
        """Whether a region is what was imported; of an open line, but for its outline."""
        try:
            if labels.label_of(region, self.attribute.name) != before.category:
                return False
            return rings(region.shape) == before.polygons
        except OpenLineError:
            return True
        except ValueError:
            return False

    def _where(self, label: Instance) -> str:
        return label.source.removeprefix(f"{self.path.name}:")

    def _other(self, where: str) -> FormatError:
        return FormatError(self.path, OTHER, where=where)


def _without(ids: str, gone: Collection[str]) -> str:
    """A list of texts without some of them."""
    there = parts(ids, 0)
    texts = {p.key: json.loads(ids[p.value : p.stop]) for p in there}
    left = [[] if texts[p.key] in gone else [ids[p.start : p.stop]] for p in there]
    return rebuilt(ids, 0, len(ids), left)


def _shapes(mask: Rle) -> Iterator[str]:
    for ring in tracing.trace(mask):
        xs, ys = ([int(v) for v in ring[axis::2]] for axis in (0, 1))
        yield _json({"name": "polygon", "all_points_x": xs, "all_points_y": ys})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
