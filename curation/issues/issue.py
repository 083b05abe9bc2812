"""What flagging says of a label: the records that reach the database, the screen and the files.

Apart from what computes them, so that who only reads them starts no scikit-learn and no pandas.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from curation.core.records import Instance
from curation.core.rle import Rle

ISSUES = "issues.csv"
"""The table of all issues, in the folder of a run."""

SUSPECT = 0.25
"""From this error_score on, a reviewer is asked: one in four labels at it is wrong."""


class ErrorType(StrEnum):
    """What is wrong with a label, as the database, the screen and the files call it."""

    WRONG_CATEGORY = "wrong category"
    MISSING = "missing"
    SPURIOUS = "spurious"
    SHIFTED = "shifted"
    BAD_BOUNDARY = "bad boundary"
    MERGED = "merged"
    DUPLICATED = "duplicated"


class PhotoErrorType(StrEnum):
    """What is wrong with all labels of a photo together."""

    ANOTHER_PHOTO = "labels of another photo"
    MIRRORED = "mirrored labels"
    TURNED = "turned labels"
    MOVED = "moved labels"
    SCALED = "scaled labels"


@dataclass(frozen=True, slots=True)
class Issue:
    """What the model says of one label, or of a garment without one.

    Attributes:
        image_id, instance_id, source: which label, and where it stands in its file
        category, source_label: as labelled; empty for a missing garment
        error_score: the probability that it is wrong, 0 to 1
        error_type: what would be wrong with it
        suggested_label: what the model sees
        reason: a sentence for the reviewer
        source_error_score: the probability that the source label is wrong within its class; None
            where nothing was learned about it
        suggested_source_label, source_reason: the same of the source label
        mask: of a missing garment; None for a label, which has its own
        suggested_mask: what the label's would be, over the whole photo; None where nothing is
            suggested
        second_label, second_mask: of a label over two garments, the class and the mask of the one
            that has no label yet
        digest: of the label that was scored, see :func:`digest`
    """

    image_id: str
    instance_id: str
    source: str
    category: str
    error_score: float
    error_type: str
    suggested_label: str
    reason: str
    source_label: str = ""
    source_error_score: float | None = None
    suggested_source_label: str = ""
    source_reason: str = ""
    mask: Rle | None = None
    digest: str = ""
    suggested_mask: Rle | None = None
    second_label: str = ""
    second_mask: Rle | None = None


@dataclass(frozen=True, slots=True)
class PhotoIssue:
    """What the model says of all labels of a photo together.

    Attributes:
        error_score: the probability that they do not belong to it as they are, 0 to 1
        error_type: what would be wrong with all of them: a :class:`PhotoErrorType`
        reason: a sentence for the reviewer
        suggested_transform: what would mend them, see
            :class:`curation.issues.transform.Transform`, as text; empty where nothing would
    """

    error_score: float
    error_type: str
    reason: str
    suggested_transform: str = ""


@dataclass(frozen=True, slots=True)
class ImageScore:
    """What the model says of a photo.

    Attributes:
        error_score: the probability that anything is wrong in it
        issues: of its labels, each where all of them together are right; and missing garments
        whole: of all its labels together; None where nothing was learned of that, or it has none
    """

    image_id: str
    error_score: float
    issues: tuple[Issue, ...]
    whole: PhotoIssue | None = None

    @property
    def rows(self) -> tuple[Issue, ...]:
        """The issues, and before them that of all labels together where it is a suspect; that one
        has no instance_id."""
        whole = self.whole
        if whole is None or whole.error_score < SUSPECT:
            return self.issues
        of_photo = Issue(
            self.image_id, "", "", "", whole.error_score, whole.error_type, "", whole.reason
        )
        return (of_photo, *self.issues)


def digest(instance: Instance) -> str:
    """Of category and mask: a score speaks of the label it was given to, and of no other."""
    text = f"{instance.category}\0{instance.mask.height}\0".encode() + instance.mask.counts
    return blake2b(text, digest_size=8).hexdigest()
