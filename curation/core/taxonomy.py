"""Taxonomies: which source label belongs to which class. Loaded from TOML, checked, applied.

A taxonomy file:

    name = "supercategories"
    paint_order = ["whole-body", "upper-body"]   # later paints over earlier
    drop = ["sleeve"]        # not a label of this vocabulary: background
    ignore = ["umbrella"]    # neither teaches nor counts: 255 in label maps

    [[classes]]
    id = 1                   # the value in label maps, 1 to 254
    name = "upper-body"
    color = "#4363d8"
    from = ["shirt, blouse", "jacket"]   # a class's own name always maps to it
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.core.errors import TaxonomyError
from curation.core.masks import IGNORE_INDEX, paint
from curation.core.records import ImageRecord
from curation.core.rle import area

BUILT_IN = resources.files("curation.core") / "taxonomies"
IGNORE = "ignore"
"""What :meth:`Taxonomy.target` calls a source label on the ignore list."""

SOURCE = "source"
"""The vocabulary of the annotation file: of what is decided in it, every taxonomy makes its own."""

_RESERVED = {IGNORE, "background", "void"}
_KEYS = {"name", "description", "paint_order", "drop", "ignore", "classes"}
_CLASS_KEYS = {"id", "name", "color", "from"}


@dataclass(frozen=True, slots=True)
class Class:
    """One class of the vocabulary that is trained on."""

    id: int
    name: str
    color: str


@dataclass(frozen=True)
class Taxonomy:
    """A checked taxonomy.

    Attributes:
        name: as in the file
        classes: by id, without background (0)
        targets: source label -> class name, ``ignore`` or None (dropped)
        paint_order: class names, bottom to top
    """

    name: str
    classes: tuple[Class, ...]
    targets: Mapping[str, str | None]
    paint_order: tuple[str, ...]
    _folded: Mapping[str, str | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # What another export has to ignore stays so.
        own: dict[str, str | None] = {IGNORE: IGNORE}
        own |= {c.name.casefold(): c.name for c in self.classes}
        folded = own | {k.casefold(): v for k, v in self.targets.items()}
        object.__setattr__(self, "_folded", folded)

    @cached_property
    def class_names(self) -> frozenset[str]:
        """What a label may be called under it: its classes, and ``ignore``."""
        return frozenset({IGNORE, *(c.name for c in self.classes)})

    def target(self, source_label: str) -> str | None:
        """The class name of a source label, ``ignore``, or None where it is dropped.

        Raises:
            KeyError: the taxonomy does not speak of this label
        """
        return self._folded[source_label.casefold()]

    def unmapped(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The source labels the taxonomy does not speak of, most frequent first."""
        missing = {k: n for k, n in counts.items() if k.casefold() not in self._folded}
        return dict(sorted(missing.items(), key=lambda item: (-item[1], item[0])))

    def class_id(self, name: str) -> int:
        """The label map value of a class; IGNORE_INDEX for ``ignore``."""
        if name == IGNORE:
            return IGNORE_INDEX
        return next(c.id for c in self.classes if c.name == name)


@dataclass(frozen=True)
class ClassIndex:
    """A taxonomy's classes as the channels of a model: background first, ids without gaps."""

    names: tuple[str, ...]
    colors: tuple[str, ...]
    ids: NDArray[np.uint8]
    """(K,) label map value of each channel."""

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> ClassIndex:
        return cls(
            ("background", *(c.name for c in taxonomy.classes)),
            ("#000000", *(c.color for c in taxonomy.classes)),
            np.array([0, *(c.id for c in taxonomy.classes)], dtype=np.uint8),
        )

    def encode(self, label_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Label map values to channel numbers; what is ignored stays so."""
        table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
        table[self.ids] = np.arange(len(self.ids))
        return table[label_map]


def load(name_or_file: str) -> Taxonomy:
    """A built-in taxonomy by name, or one from a ``.toml`` file. Raises as :func:`parse`."""
    return parse(*read_text(name_or_file))


def read_text(name_or_file: str) -> tuple[str, str]:
    """The TOML of a taxonomy, and what errors call it.

    Raises:
        TaxonomyError: no such taxonomy
    """
    file = Path(name_or_file)
    if file.suffix == ".toml":
        try:
            return file.read_text("utf-8-sig"), str(file)
        except OSError as error:
            raise TaxonomyError(file, error.strerror or "cannot be read") from None
        except UnicodeDecodeError:
            raise TaxonomyError(file, "not UTF-8 text") from None
    if name_or_file not in names():
        there = ", ".join(names())
        raise TaxonomyError(
            name_or_file, f"no such taxonomy; there are {there}, or give a .toml file"
        )
    return (BUILT_IN / f"{name_or_file}.toml").read_text("utf-8"), f"{name_or_file}.toml"


def names() -> list[str]:
    """The built-in taxonomies."""
    files = (f.name for f in BUILT_IN.iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def parse(text: str, path: str) -> Taxonomy:
    """A taxonomy from TOML.

    Args:
        path: what errors call the text

    Raises:
        TaxonomyError: with the key that is wrong
    """
    table = _table(text, path)
    rows = table["classes"]
    classes: list[Class] = []
    labels = _Labels(path)
    for number, row in enumerate(rows, 1):
        where = f"classes[{number}]"
        new = _class(row, where, path)
        if any(new.id == c.id or new.name.casefold() == c.name.casefold() for c in classes):
            reason = f"id {new.id} or name {new.name!r} is there twice"
            raise TaxonomyError(path, reason, where=where)
        classes.append(new)
        labels.add(_list(row, "from", path), new.name, f"{where}.from")
    labels.add(_list(table, "drop", path), None, "drop")
    labels.add(_list(table, "ignore", path), IGNORE, "ignore")
    labels.check_own(classes)
    classes.sort(key=lambda c: c.id)
    order = _paint_order(table, classes, path)
    return Taxonomy(table["name"], tuple(classes), labels.targets, order)


def label_map(
    record: ImageRecord, taxonomy: Taxonomy, size: int | None = None
) -> NDArray[np.uint8]:
    """The label map of a record whose categories are the taxonomy's classes or ``ignore``.

    Classes are painted in the taxonomy's order, larger instances of one class
    first, what is ignored on top.

    Args:
        size: side in pixels of a square label map; None for the photo's own size

    Returns:
        (H, W) or (size, size) uint8, 0 background, 255 ignored
    """
    rank = {name: i for i, name in enumerate((*taxonomy.paint_order, IGNORE))}
    ordered = sorted(record.instances, key=lambda i: (rank[i.category], -area(i.mask)))
    layers = [(taxonomy.class_id(i.category), i.mask) for i in ordered]
    return paint(layers, record.height, record.width, size)


def _table(text: str, path: str) -> dict[str, Any]:
    """The TOML with a name, some ``[[classes]]``, and no key that is not known."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaxonomyError(path, f"not TOML: {error}") from None
    if unknown := table.keys() - _KEYS:
        reason = f"unknown key; known are {', '.join(sorted(_KEYS))}"
        raise TaxonomyError(path, reason, where=", ".join(sorted(unknown)))
    name, rows = table.get("name"), table.get("classes")
    if not isinstance(name, str) or not name:
        raise TaxonomyError(path, "missing", where="name")
    if name == SOURCE:
        reason = f"{SOURCE!r} means the labels of the annotation file"
        raise TaxonomyError(path, reason, where="name")
    if not isinstance(rows, list) or not rows:
        reason = "missing: a taxonomy needs at least one [[classes]]"
        raise TaxonomyError(path, reason, where="classes")
    return table


def _class(row: object, where: str, path: str) -> Class:
    """One of ``[[classes]]``."""
    if not isinstance(row, dict) or row.keys() - _CLASS_KEYS:
        reason = f"unknown key; known are {', '.join(sorted(_CLASS_KEYS))}"
        raise TaxonomyError(path, reason, where=where)
    class_id, name, color = row.get("id"), row.get("name"), row.get("color")
    if type(class_id) is not int or not 1 <= class_id < IGNORE_INDEX:
        reason = f"{class_id!r} is not a number from 1 to {IGNORE_INDEX - 1}"
        raise TaxonomyError(path, reason, where=f"{where}.id")
    if not isinstance(name, str) or not name or name != name.strip():
        raise TaxonomyError(path, f"{name!r} is not a class name", where=f"{where}.name")
    if name.casefold() in _RESERVED:
        reason = f"{name!r} is not a class: it has a meaning of its own"
        raise TaxonomyError(path, reason, where=f"{where}.name")
    if not isinstance(color, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise TaxonomyError(path, f"{color!r} is not a colour like #4363d8", where=f"{where}.color")
    return Class(class_id, name, color.lower())


class _Labels:
    """Source labels and what each becomes, each said once, whatever its case."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.targets: dict[str, str | None] = {}
        self._where: dict[str, str] = {}

    def add(self, labels: list, target: str | None, where: str) -> None:
        for label in labels:
            if not isinstance(label, str) or not label.strip():
                raise TaxonomyError(self.path, f"{label!r} is not a label", where=where)
            key = label.strip().casefold()
            if key in self._where:
                reason = f"{label!r} is already in {self._where[key]}"
                raise TaxonomyError(self.path, reason, where=where)
            self._where[key] = where
            self.targets[label.strip()] = target

    def check_own(self, classes: Sequence[Class]) -> None:
        """Raises TaxonomyError where a class's own name is mapped to something else."""
        own = {c.name.casefold(): c.name for c in classes}
        for label, target in self.targets.items():
            name = own.get(label.casefold(), target)
            if name != target:
                where = self._where[label.casefold()]
                raise TaxonomyError(self.path, f"{name!r} is a class of its own", where=where)


def _paint_order(table: Mapping, classes: Sequence[Class], path: str) -> tuple[str, ...]:
    order = _list(table, "paint_order", path) or [c.name for c in classes]
    # As texts, since numbers and names have no order among each other.
    if sorted(map(repr, order)) != sorted(repr(c.name) for c in classes):
        raise TaxonomyError(path, "must name every class once", where="paint_order")
    return tuple(order)


def _list(table: Mapping, key: str, path: str) -> list:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise TaxonomyError(path, "must be a list", where=key)
    return value
