"""What an import did: a line to read at once, and a list on disk with everything in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from curation.core import console
from curation.core.atomic import replacing
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.store.prepare import PreparedSlice

COLUMNS = ("what", "location", "kind", "detail")
SKIPPED = "skipped"
_AGAIN = "import its file again, or move it"
_EARLIER = f"is of an earlier curate; {_AGAIN}"
_NAME = "imported-{file}.csv"


@dataclass
class Imported:
    """What an import did.

    Attributes:
        added, unchanged, updated, differing: image ids
        instances: instances in all photos that were read
        skips: what was skipped and why
        repaired: labels and photos that were taken in after the reader had repaired them
        warnings: what was taken in as it is, and is to be looked at
        changes: what is new and gone in updated photos, and reviews that lost their label
        absent: photos of the dataset that the file does not name (with ``update``)
        unlisted: photos in the folder that the annotation file does not name
        unmapped: source labels that the dataset's taxonomy does not speak of
        listed: the file that lists all of these; None if there are none
    """

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    instances: int = 0
    skips: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    changes: list[Finding] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    unmapped: dict[str, int] = field(default_factory=dict)
    listed: Path | None = None

    def take(self, part: PreparedSlice) -> None:
        """Adds what is to be said of a slice."""
        self.skips += part.skips
        self.repaired += part.repaired
        self.warnings += part.warnings

    @property
    def images(self) -> int:
        """How many the dataset has of those that the file names."""
        return sum(map(len, (self.added, self.unchanged, self.updated, self.differing)))

    @property
    def orphaned(self) -> int:
        """Reviews whose label the file took away."""
        return sum(change.kind is FindingKind.ORPHANED_DECISION for change in self.changes)

    def summary(self) -> str:
        """All of it in one line: what was read is imported or counted as skipped."""
        counts = f"{len(self.added):,} new, {len(self.unchanged):,} unchanged"
        if self.updated:
            counts += f", {len(self.updated):,} updated"
        instances, images = (
            console.count(n, what)
            for n, what in ((self.instances, "instance"), (self.images, "photo"))
        )
        parts = [f"{instances} in {images} ({counts})"]
        if self.repaired:
            parts.append(f"repaired: {console.count_kinds(self.repaired)}")
        if self.warnings:
            parts.append(f"to be looked at: {console.count_kinds(self.warnings)}")
        if self.skips:
            parts.append(f"skipped: {console.count_kinds(self.skips)}")
        for n, what in (
            (len(self.differing), "photo that differs, left as it was without --update"),
            (len(self.absent), "photo of the dataset that the file does not name, kept"),
            (len(self.unlisted), "photo of the folder that the file does not name"),
        ):
            if n:
                parts.append(f"{what} ({n:,})")
        if self.listed:
            parts.append(f"all listed in {self.listed}")
        return "; ".join(parts)

    def write_list(self, path: Path) -> None:
        """Writes all that is not simply imported, or removes an earlier list when there is none."""
        differs = "--update takes it"
        kept = [Finding(FindingKind.DIFFERS, i, differs) for i in self.differing]
        kept += [Finding(FindingKind.NOT_NAMED, i) for i in self.absent]
        done = {
            SKIPPED: self.skips,
            "repaired": self.repaired,
            "to be looked at": self.warnings,
            "kept": kept,
            "updated": self.changes,
            "not named": [Finding(FindingKind.UNLISTED_IMAGE, i) for i in self.unlisted],
        }
        rows = [(what, f.location, f.kind, f.detail) for what, found in done.items() for f in found]
        self.listed = path if rows else None
        if not rows:
            path.unlink(missing_ok=True)
            return
        with (
            replacing(path) as part,
            # A photo's name may be no text.
            part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def list_path(folder: Path, source: Path) -> Path:
    """Where the list of an import is kept: one for each annotation file.

    The file's folder and the one above are in the name, since many are called ``train.csv``, and
    each of CVAT's exports has an ``annotations/instances_default.json``.
    """
    whole = source.resolve()
    parts = whole.relative_to(whole.anchor).parts[-3:]
    return folder / _NAME.format(file="-".join(parts).removesuffix(".csv"))


def list_paths(folder: Path) -> list[Path]:
    """The lists of all imports into a dataset."""
    return sorted(folder.glob(_NAME.format(file="*")))


def skipped(folder: Path) -> Iterator[Finding]:
    """What imports into a dataset skipped, by their lists.

    Raises:
        CurateError: a list that an earlier build of curate wrote, or that is damaged
    """
    for path in list_paths(folder):
        for line, row in _rows(path):
            what, location, kind, detail = row
            if what == SKIPPED:
                if kind not in list(FindingKind):
                    raise CurateError(path, _EARLIER, where=str(line))
                yield Finding(FindingKind(kind), location, detail)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of each row of a list."""
    csv.field_size_limit(2**20)
    try:
        # Whatever a photo is called, we wrote UTF-8.
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CurateError(path, f"cannot be read ({error}); {_AGAIN}") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if tuple(next(rows, ())) != COLUMNS:
            raise CurateError(path, _EARLIER)
        for row in rows:
            if len(row) != len(COLUMNS):
                raise csv.Error(f"{len(row)} cells, not {len(COLUMNS)}")
            yield rows.line_num, row
        if not text.endswith("\n"):
            raise csv.Error("it breaks off there")
    except csv.Error as error:
        reason = f"cannot be read ({error}); {_AGAIN}"
        raise CurateError(path, reason, where=str(rows.line_num)) from None
