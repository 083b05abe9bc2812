"""Faults that a label has by itself: no model is needed to see them. Pure functions on records.

``instances`` looks at one photo's labels, ``image_hash`` at the photo on disk,
``duplicates`` at photos that show the same and say something else, and ``person`` at whether
labels fit who is in the photo, as far as that was looked for.
"""

from curation.core.finding import FindingKind

KINDS = (
    FindingKind.RUN_PAST_END,
    FindingKind.OVERLAPPING_RUNS,
    FindingKind.EMPTY,
    FindingKind.TINY,
    FindingKind.OUT_OF_FRAME,
    FindingKind.SELF_INTERSECTING,
    FindingKind.OTHER_FILE,
    FindingKind.OTHER_BOX,
    FindingKind.INVERSE_MASK,
    FindingKind.ROW_MAJOR,
    FindingKind.STRIPES,
    FindingKind.DUPLICATE,
    FindingKind.CONTRADICTION,
    FindingKind.LONE_PART,
    FindingKind.UNREADABLE,
    FindingKind.SIZE_MISMATCH,
    FindingKind.UNTURNED,
    FindingKind.EXACT_DUPLICATE,
    FindingKind.NEAR_DUPLICATE,
    FindingKind.NEAR_DUPLICATE_GARMENT,
    FindingKind.NOT_OF_PERSON,
    FindingKind.SKIPPED,
)
"""What an audit can find: the faults of labels and photos."""
