"""What a reviewer is asked about, one at a time: a doubted label, a garment nobody labelled, or a
photo that an audit found at fault as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

MISSING = "missing"
SOURCE_LABEL = "source label"
FAULT = "fault"
TEST_SET = "test set"
"""Kinds beside those of :class:`curation.issues.issue.ErrorType`."""

PHOTO = "photo"
"""``field`` of a suspect that is a photo as a whole."""

_LATER = {SOURCE_LABEL: 1, FAULT: 2, TEST_SET: 3}
_LAST = 4

SAME_PLACE = 0.5
"""IoU of two boxes from which on they are about the same garment."""

_PLAINLY = 3
"""One suspect in so many is asked about in the words in which a label of a sample is."""

Box = tuple[float, float, float, float]
"""x, y, width, height, relative to the photo."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label, a missing garment or a photo that nobody decided on.

    Attributes:
        id: of the label; of a photo that of its sample
        image_id: the photo
        sample: its id in FiftyOne
        path, width, height: the photo's file, and its size in pixels
        field: ``labels``, ``missing_<run>`` or PHOTO
        kind: what would be wrong: an ``error_type``, SOURCE_LABEL, or FAULT
        label: its class; of a missing garment the one that the model sees; of a photo empty
        source_label, source: what the annotation file calls it, and where it stands there
        box: around it
        score: the probability that it is wrong; 0 where an audit alone named it
        suggested, suggested_source: what it looks like; empty where nothing is suggested
        reason: why it is a suspect
        split, fold: of the photo
        faults: kinds of what an audit found of the label, or of the photo
        also: a missing garment that is the same garment; decided with it
        seen: see :func:`curation.store.decisions.seen_label` and ``seen_photo``
        also_seen: that of ``also``
        other: the photo (its image_id) that shows the same and is labelled otherwise
        doubted: False of a label that is less likely to be wrong than a suspect is
    """

    id: str
    image_id: str
    sample: str
    path: str
    width: int
    height: int
    field: str
    kind: str
    label: str
    source_label: str
    source: str
    box: Box
    score: float
    suggested: str
    suggested_source: str
    reason: str
    split: str
    fold: int | None
    faults: tuple[str, ...]
    also: str
    seen: str
    also_seen: str = ""
    other: str = ""
    doubted: bool = True


def is_there(garment: Box, category: str, labels: Iterable[tuple[str, Box]]) -> bool:
    """Whether a missing garment is labelled by now: a label of its class lies at its place.

    Args:
        labels: class and box of those that reviewers made what they are
    """
    return any(label == category and iou(box, garment) >= SAME_PLACE for label, box in labels)


def queue(suspects: Iterable[Suspect]) -> list[Suspect]:
    """Worst first, two that are about one garment as one; what changes no class of a pixel last.

    A garment that is labelled as another class is found twice: as a wrong label, and as a missing
    one of the right class at the same place.
    """
    by_image: dict[str, list[Suspect]] = {}
    for suspect in suspects:
        by_image.setdefault(suspect.image_id, []).append(suspect)
    return worst_first(one for of_image in by_image.values() for one in _pair_up(of_image))


def worst_first(suspects: Iterable[Suspect]) -> list[Suspect]:
    """In the order in which they are asked about; those that are less likely to be wrong last."""

    def rank(s: Suspect) -> int:
        return _LATER.get(s.kind, 0) if s.doubted else _LAST

    return sorted(suspects, key=lambda s: (rank(s), -s.score, s.image_id, s.id))


def mix(suspects: Sequence[Suspect], sample: Sequence[Suspect], apart: int) -> list[Suspect]:
    """The queue with other labels in it, which nobody can tell from suspects.

    They are spread evenly over the next suspects, with their scores; a suspect that is among them
    moves there too. Those that nobody doubted have a plain sentence, as some of the suspects around
    them have; further on all keep theirs.

    Args:
        suspects: a queue
        sample: the others, in the order in which they come
        apart: suspects from one to the next
    """
    drawn = {s.id for s in sample}
    known = {s.id: s for s in suspects if s.doubted and s.kind not in _LATER}
    rest = [s for s in suspects if s.id not in drawn]
    ahead = [s for s in rest if s.doubted and s.kind not in _LATER] or [
        s for s in rest if not s.doubted
    ]
    ahead = ahead[: apart * len(sample)]
    plain = {s.id: _plainly(s) for s in ahead}
    rest = [plain.get(s.id, s) for s in rest]
    mixed = []
    for i, s in enumerate(sample):
        asked = known.get(s.id) or replace(s, reason=_plain(s))
        beside = ahead[i * len(ahead) // len(sample)] if ahead else replace(s, score=0.0)
        mixed.append(replace(asked, score=beside.score, doubted=beside.doubted))
    return worst_first([*rest, *mixed])


def _plainly(suspect: Suspect) -> Suspect:
    if suspect.kind not in (MISSING, *_LATER) and int(suspect.id[-4:], 16) % _PLAINLY == 0:
        return replace(suspect, reason=_plain(suspect))
    return suspect


def _plain(suspect: Suspect) -> str:
    return f"labelled {suspect.label}; compare its class and its outline with the photo"


def _pair_up(suspects: Sequence[Suspect]) -> list[Suspect]:
    """The suspects of one photo; a label takes the missing garment at its place along."""
    missing = {s.id: s for s in suspects if s.kind == MISSING}
    paired = []
    for label in (s for s in suspects if s.kind != MISSING):
        there = [m for m in missing.values()
                 if m.label in (label.suggested, label.label)
                 and iou(m.box, label.box) >= SAME_PLACE]  # fmt: skip
        if not there:
            paired.append(label)
            continue
        same = max(there, key=lambda m: iou(m.box, label.box))
        del missing[same.id]
        score = max(label.score, same.score)
        paired.append(replace(label, also=same.id, also_seen=same.seen, score=score))
    return [*paired, *missing.values()]


def iou(a: Box, b: Box) -> float:
    """Of two boxes.

    >>> iou((0, 0, 0.5, 0.5), (0, 0, 0.5, 0.25))
    0.5
    """
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    either = a[2] * a[3] + b[2] * b[3] - both
    return both / either if either else 0.0
