"""The frozen test set of a dataset: a file in its folder, which a lost database leaves there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from curation.audit.image_hash import ImageHash
from curation.core.atomic import replacing
from curation.core.errors import FormatError
from curation.core.text import count

FILE = "frozen.json"
"""In the dataset's folder."""

_ROW = ("photo_hash", "image_id", "perceptual_hash", "thumbnail", "crop_hashes")


@dataclass(frozen=True, slots=True)
class FrozenSet:
    """Photos that no model learns from, known by what they show wherever they lie.

    Attributes:
        on: the moment, UTC, ISO 8601, to the second
        by: who froze them
        labels: a hash of their labels then
        checked, of: on how many of their labels a person had decided, and how many there were
        photos: image_id, by the hash of the file's bytes
        shown: what they show, to know a copy of one that has other bytes
    """

    on: str
    by: str
    labels: str
    checked: int
    of: int
    photos: Mapping[str, str]
    shown: tuple[ImageHash, ...]

    @property
    def sentence(self) -> str:
        """When and by whom, e.g. ``test set frozen on 2026-11-30 by anna``."""
        return f"test set frozen on {self.on[:10]} by {self.by}"

    @property
    def checks(self) -> str:
        """What a person has looked at, e.g. ``checked by a person: 37 of 61 labels``."""
        done = f"checked by a person: {self.checked:,} of {count(self.of, 'label')}"
        rest = "; the rest stand at the end of the queue of `curate review`, as test set"
        return done + (rest if self.checked < self.of else "")


def read(folder: Path) -> FrozenSet | None:
    """The frozen set of the dataset whose folder this is; None where there is none.

    Raises:
        FormatError: the file is not as it was written: half of it would free test photos
    """
    path = folder / FILE
    try:
        table = json.loads(path.read_bytes().decode())
        if table.pop("sha256") != _digest(table):
            raise ValueError("its content is another one than its sha256 says")
        return _parsed(table)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = (
            f"is not as it was written ({error}): restore it, or run `curate freeze {folder.name} "
            f"--undo`, then `curate freeze {folder.name}`"
        )
        raise FormatError(path, reason) from None


def write(folder: Path, frozen: FrozenSet) -> None:
    """The inverse of :func:`read`; the file is there whole or as it was."""
    shown = {image.content: image.to_text() for image in frozen.shown}
    photos = [
        dict(zip(_ROW, (content, image_id, *shown.get(content, ("", "", ""))), strict=True))
        for content, image_id in sorted(frozen.photos.items())
    ]
    table = {
        "on": frozen.on, "by": frozen.by, "labels": frozen.labels, "checked": frozen.checked,
        "of": frozen.of, "photos": photos,
    }  # fmt: skip
    with replacing(folder / FILE) as part:
        text = json.dumps(table | {"sha256": _digest(table)}, indent=1, ensure_ascii=False)
        part.write_text(text + "\n", "utf-8")


def _parsed(table: Mapping[str, Any]) -> FrozenSet:
    photos = {row["photo_hash"]: row["image_id"] for row in table["photos"]}
    shown = tuple(
        ImageHash.from_text(
            row["image_id"],
            row["photo_hash"],
            row["perceptual_hash"],
            row["thumbnail"],
            row.get("crop_hashes", ""),  # an earlier curate wrote none
        )
        for row in table["photos"]
        if row["perceptual_hash"]
    )
    said = {key: table[key] for key in ("on", "by", "labels", "checked", "of")}
    return FrozenSet(**said, photos=photos, shown=shown)


def _digest(table: Mapping[str, Any]) -> str:
    return sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
