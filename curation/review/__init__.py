"""What reviewers decided: the journal, and the one reading of it."""

from curation.review.journal import Decision, Journal
from curation.review.resolve import Review, Reviewed, resolve

__all__ = ["Decision", "Journal", "Review", "Reviewed", "resolve"]
