"""A photo on its way out of a dataset: what every writer of labels is handed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from curation.core.errors import CurateError
from curation.core.records import ImageRecord
from curation.formats.messages import shown


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the flagged run and reviewers say of a label.

    Attributes:
        error_score: the probability that it is wrong; None without one
        error_type: what would be wrong
        decision: the action that stands: keep, relabel, redraw or add; empty where nobody decided
    """

    error_score: float | None = None
    error_type: str = ""
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and the labels that an export says of it.

    Attributes:
        image_id: in the dataset
        record: named by its path in the folder of photos, with the labels that the format can say
        split: train, val or test
        verdicts: of labels, by instance_id; of all photos, and only where the format tells them
    """

    image_id: str
    record: ImageRecord
    split: str
    verdicts: Mapping[str, Verdict]


def by_name(photos: Iterable[Photo]) -> Iterator[ImageRecord]:
    """Their records, for a format that knows a photo by its name alone.

    Raises:
        CurateError: two are one file, imported under two prefixes: their labels would be taken for
            those of one photo
    """
    called: dict[str, str] = {}
    for photo in photos:
        other = called.setdefault(photo.record.image_id, photo.image_id)
        if other != photo.image_id:
            reason = (
                f"is two photos of the dataset, {shown(other)} and {shown(photo.image_id)}, whose "
                "labels would be taken for those of one: exclude one of them, or export a view"
            )
            raise CurateError(photo.record.path, reason)
        yield photo.record
