"""Reviewed labels in a folder of their own, for a trainer or another tool.

    DIR/train.csv, DIR/label_descriptions.json    imaterialist, imaterialist-2019
    DIR/instances.json                  coco
    DIR/annotations.xml                 cvat
    DIR/via.json                        via: the region attribute is ``label``
    DIR/labels.csv                      csv
    DIR/data.yaml, DIR/images/, DIR/labels/    yolo-seg: see :mod:`curation.formats.yolo`
    DIR/masks/*.png, DIR/classes.csv    masks
    DIR/*.tfrecord                      tfrecord: see :mod:`curation.formats.tfrecord.writer`
    DIR/splits.csv                      image_id,split,photo_hash,file_name,group
    DIR/manifest.json                   format, classes, photos and labels in each split, all files
                                        with their SHA-256, and what made it

Photos are named by their paths in the folder they were imported from; in the one above, where
there are several. ``curate import`` reads the first three again, with that folder. The export is
there whole or not at all, and never in the place of something else.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from errno import EEXIST, ENOENT, ENOTEMPTY
from hashlib import file_digest
from pathlib import Path
from types import MappingProxyType
from typing import Any

from curation.core import rle
from curation.core.atomic import scratch
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.core.image_names import in_one_folder
from curation.core.records import ImageRecord
from curation.core.splits import SPLITS
from curation.core.taxonomy import IGNORE, Taxonomy
from curation.formats import registry
from curation.formats.photo import Photo, Verdict
from curation.formats.source import OnFinding

MANIFEST = "manifest.json"
WRITTEN_BY = "curate"
"""In every manifest: many programs write a file of that name."""

SKIPPED = "skipped.csv"
"""What the command line adds when something was skipped."""

_TRIES = 10
"""To put an export in its place, while others are put there."""


@dataclass(frozen=True)
class About:
    """What an export says beside its labels.

    Attributes:
        manifest: what made it, and whatever else its manifest has to say
        columns: further ones of ``splits.csv``: by name, then by image_id
    """

    manifest: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def write(
    folder: Path,
    format_: str,
    records: Mapping[str, ImageRecord],
    taxonomy: Taxonomy,
    splits: Mapping[str, str],
    groups: Mapping[str, str],
    size: int = 256,
    verdicts: Mapping[str, Verdict] = MappingProxyType({}),
    on_image: Callable[[], object] = lambda: None,
    on_finding: OnFinding = lambda finding: None,
    about: About = About(),
) -> dict:
    """Writes an export; the folder appears when it is whole, and replaces an earlier export.

    Args:
        format_: the name of one of :func:`registry.writers`
        records: by image_id; their categories are the taxonomy's classes or ``ignore``: 255 in
            label maps and masks, skipped where the format has no way to say so
        splits: train, val or test, by image_id
        groups: content hash of the photo, by image_id
        size: side in pixels of photos and label maps, where the export holds photos; the others
            keep the photos' own size
        verdicts: on labels, by instance_id, where the format tells them
        on_image: called after each photo
        on_finding: told each label or photo that is skipped, and why
        about: what it says of itself

    Returns:
        the manifest

    Raises:
        CurateError: the folder holds something that is not of an earlier export in this format
    """
    chosen = registry.writer(format_)
    if chosen.holds_images:
        write_images = chosen.code().write
        return write_images(
            folder, records, taxonomy, splits, groups, size, on_image, on_finding, about
        )
    with replacing_export(folder, format_) as part:
        _, names = in_one_folder({i: record.path for i, record in records.items()})
        kept = (
            Photo(i, replace(record, image_id=names[i]), splits[i], verdicts)
            for i, record in _kept(records, chosen.has_ignore, on_image, on_finding)
        )
        left_out = chosen.code().export(part, kept, taxonomy, on_finding) or ()
        written = [i for i in records if i not in left_out]
        images = Counter(splits[i] for i in written)
        labels = count_labels((records[i] for i in written), taxonomy, splits)
        manifest = {
            "format": format_,
            "taxonomy": taxonomy.name,
            "classes": {c.id: c.name for c in taxonomy.classes},
            "splits": {name: {"photos": images[name], "labels": labels[name]} for name in SPLITS},
        }
        return finish(part, manifest, written, splits, groups, names, about)


@contextmanager
def replacing_export(folder: Path, format_: str) -> Iterator[Path]:
    """Yields an empty folder that takes the place of ``folder`` at the end.

    Args:
        format_: what its manifest will say

    Raises:
        CurateError: ``folder`` holds something that is not of an earlier export in this format
    """
    folder = folder.resolve()  # "." has no name to put anything beside
    _check_replaceable(folder, format_)
    with scratch(folder.parent) as part:
        yield part
        _put(part, folder, format_)


def _put(part: Path, folder: Path, format_: str) -> None:
    """Puts a whole export in its place. Of several into one folder at once the last one stays."""
    # Hidden, so that no folder of the user's has this name: what a kill left there may go.
    earlier = folder.with_name(f".{folder.name}.old")
    for left in reversed(range(_TRIES)):
        _check_replaceable(folder, format_)
        # Not before: a kill between the two renames leaves the earlier export here alone.
        shutil.rmtree(earlier, ignore_errors=True)
        try:
            if folder.exists():
                folder.rename(earlier)
            part.rename(folder)
            break
        except OSError as error:  # another one was put there in between
            if not left or error.errno not in (ENOENT, EEXIST, ENOTEMPTY):
                raise
    shutil.rmtree(earlier, ignore_errors=True)


def finish(
    part: Path,
    manifest: dict,
    image_ids: Iterable[str],
    splits: Mapping[str, str],
    groups: Mapping[str, str],
    names: Mapping[str, str] | None = None,
    about: About = About(),
) -> dict:
    """Writes ``splits.csv`` and the manifest of an export whose other files are there.

    Args:
        part: the folder
        manifest: all of it but ``written_by``, ``files`` and what ``about`` has
        image_ids: the photos that were written
        splits: train, val or test, by image_id
        groups: content hash of the photo, by image_id
        names: what the export calls the photo, by image_id, where it has no photos itself
        about: what it says of itself

    Returns:
        the manifest with its files, each with its SHA-256
    """
    given = {"split": splits, "photo_hash": groups, **({"file_name": names} if names else {})}
    given |= about.columns
    rows = [(i, *(values[i] for values in given.values())) for i in sorted(image_ids)]
    write_csv(part / "splits.csv", ("image_id", *given), rows)
    files = sorted(p.relative_to(part).as_posix() for p in part.rglob("*") if p.is_file())
    # Of shards it is known already: they are most of what would be read again.
    known = {f: h for s in manifest["splits"].values() for f, h in s.get("sha256", {}).items()}
    hashes = {file: known.get(file) or sha256_of(part / file) for file in files}
    whole = {**manifest, **about.manifest, "written_by": WRITTEN_BY, "files": hashes}
    (part / MANIFEST).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return whole


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def count_labels(
    records: Iterable[ImageRecord], taxonomy: Taxonomy, splits: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """The labels of each class, by split; those without a pixel do not count."""
    found = {name: dict.fromkeys((c.name for c in taxonomy.classes), 0) for name in SPLITS}
    for record in records:
        there = found[splits[record.image_id]]
        for instance in record.instances:
            if instance.category in there and rle.area(instance.mask):
                there[instance.category] += 1
    return found


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _kept(
    records: Mapping[str, ImageRecord],
    has_ignore: bool,
    on_image: Callable[[], object],
    on_finding: OnFinding,
) -> Iterator[tuple[str, ImageRecord]]:
    for image_id, record in records.items():
        kept = []
        for instance in record.instances:
            what = f"{instance.category} of {image_id}"
            if instance.category == IGNORE and not has_ignore:
                on_finding(
                    Finding(
                        FindingKind.IGNORED_LABEL, instance.source, f"{what}: only masks can say so"
                    )
                )
            elif not rle.area(instance.mask):
                on_finding(Finding(FindingKind.LABEL_WITHOUT_PIXEL, instance.source, what))
            else:
                kept.append(instance)
        yield image_id, replace(record, instances=tuple(kept))
        on_image()


def _beside(format_: str) -> tuple[str, ...]:
    """See :class:`registry.Format`; the trainer's own folders are of no format."""
    return next((f.beside for f in registry.writers() if f.name == format_), ())


def _check_replaceable(folder: Path, format_: str) -> None:
    """Raises CurateError unless all that would be removed is of an earlier export."""
    if folder.exists() and not folder.is_dir():
        raise CurateError(folder, "is not a folder; name another")
    entries = sorted(folder.rglob("*")) if folder.exists() else []
    if not entries:
        return
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        ours = manifest["format"] == format_ and manifest["written_by"] == WRITTEN_BY
        files = {Path(file) for file in manifest["files"]}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        ours = False
    if not ours:
        reason = f"is not empty and not an earlier export of {format_}; name another folder"
        raise CurateError(folder, reason)
    files |= {Path(MANIFEST), Path(SKIPPED), *map(Path, _beside(format_))}
    folders = {parent for file in files for parent in file.parents}
    for entry in entries:
        if entry.relative_to(folder) not in (folders if entry.is_dir() else files):
            reason = "is not part of the earlier export here; move it, or name another folder"
            raise CurateError(entry, reason)
