"""``curate decisions``: what was decided, as a file; and decisions that come out of one."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from curation.core.atomic import replacing
from curation.core.errors import FormatError
from curation.review import Decision
from curation.review.journal import MAX_CELL
from curation.store import Dataset, decisions
from curation.store.decisions import RefusedError, Request

_READ = ("image_id", "instance_id", "category", "taxonomy", "mask", "reviewer")
_WRITTEN = ("action", *_READ, "time", "before", "seconds", "batch", "decision_id")


def export_decisions(dataset: Dataset, path: Path) -> int:
    """Writes the decisions that stand, oldest first, as a CSV that :func:`import_decisions` reads.

    Returns:
        how many they are
    """
    stands = dataset.review().active
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerows([_WRITTEN, *([getattr(d, name) for name in _WRITTEN] for d in stands)])
    return len(stands)


def import_decisions(dataset: Dataset, path: Path) -> list[Decision]:
    """Takes all decisions of a CSV with action, image_id, instance_id, category; or none.

    A column taxonomy says ``source`` where the category is a label of the annotation file; mask
    and reviewer are those of an export. A decision that is the last active one on its instance
    already is not taken again.

    Raises:
        FormatError: with the line that is wrong; nothing is taken
    """
    with dataset.journal.locked():
        last = {(d.image_id, d.instance_id): d for d in dataset.review().active}
        lines, requests = [], []
        for line, request in _requests(path):
            before = last.get((request.image_id, request.instance_id))
            if not before or not _says(before, request):
                lines.append(line)
                requests.append(request)
        if not requests:
            return []
        try:
            return decisions.decide(dataset, requests)
        except RefusedError as error:
            raise FormatError(path, error.reason, where=str(lines[error.index])) from None


def _says(decision: Decision, request: Request) -> bool:
    """Whether a decision is that of a row; what its empty cells mean, the decision wrote out."""
    category = request.category or (decision.category if request.action != "relabel" else "")
    taxonomy = request.taxonomy or decision.taxonomy
    mask = request.mask or decision.mask
    said = (decision.action, decision.category, decision.taxonomy, decision.mask)
    return said == (request.action, category, taxonomy, mask)


def _requests(path: Path) -> Iterator[tuple[int, Request]]:
    """Line and request of each row."""
    csv.field_size_limit(MAX_CELL)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := {"action", "image_id"} - set(reader.fieldnames or ()):
                raise FormatError(path, f"no column {', '.join(sorted(missing))}", where="1")
            rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise FormatError(path, "is not UTF-8; save it as CSV UTF-8") from None
    except OSError as error:
        raise FormatError(path, f"cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise FormatError(path, f"not a CSV: {error}", where=str(reader.line_num)) from None
    for line, row in rows:
        values = {name: row.get(name) or "" for name in _READ}
        yield line, Request(row["action"] or "", **values)
