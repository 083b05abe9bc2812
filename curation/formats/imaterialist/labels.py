"""``label_descriptions.json``: the names of the ids in the CSV, of categories and attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curation.core.errors import FormatError
from curation.formats.messages import printable, quoted

MAX_LABELS = 2**20
"""Bytes: the competition's own has 30,000."""

NO_LABELS = 'not a label_descriptions.json: needs "categories" with "id" and "name"'

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
        FormatError: not that file, a name that cannot be printed, or an id of two names
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LABELS + 1)
        if len(content) > MAX_LABELS:
            raise FormatError(path, f"larger than {MAX_LABELS >> 20} MiB: {NO_LABELS}")
        table = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise FormatError(path, error.strerror or "cannot be read") from None
    except (ValueError, RecursionError):
        raise FormatError(path, NO_LABELS) from None
    if not isinstance(table, dict) or "categories" not in table:
        raise FormatError(path, NO_LABELS)
    return Labels(*(_names(path, key, table.get(key, [])) for key in ("categories", "attributes")))


def _names(path: Path, key: str, entries: object) -> dict[int, str]:
    """The names by id in one list of ``label_descriptions.json``."""
    if not isinstance(entries, list):
        raise FormatError(path, NO_LABELS, where=key)
    names: dict[int, str] = {}
    for number, entry in enumerate(entries):
        where = f"{key}[{number}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise FormatError(path, NO_LABELS, where=where)
        label_id = entry.get("id")
        if type(label_id) is not int:
            raise FormatError(path, f"its id {quoted(label_id)} is not an integer", where=where)
        try:
            name = printable(entry["name"])
        except ValueError as error:
            raise FormatError(path, str(error), where=where) from None
        if names.setdefault(label_id, name) != name:
            reason = f"{quoted(names[label_id])} has the id {quoted(label_id)} too"
            raise FormatError(path, reason, where=where)
    return names
