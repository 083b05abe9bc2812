"""What reviewers changed in an annotation file, label by label."""

from __future__ import annotations

from dataclasses import dataclass

from curation.core.records import Instance


@dataclass(frozen=True, slots=True)
class Change:
    """A label before and after its review, both in the vocabulary of the file.

    Attributes:
        beside: where in the file another label of its photo stands, ``train.csv:1042``
        before: as it was imported; None of one that was added
        after: as reviewers left it; None of one that is gone
        excluded: its photo is gone as a whole
    """

    beside: str
    before: Instance | None
    after: Instance | None
    excluded: bool = False
