"""What became of labels from one state of the journal to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curation.core.records import Instance
from curation.review.journal import Decision
from curation.review.resolve import Review


@dataclass(frozen=True, slots=True)
class Change:
    """A label, or a photo, that is not what it was.

    Attributes:
        image_id: the photo
        instance_id: the label; empty where it is the photo as a whole
        before, after: the class; empty where there is, or was, no such label; of a photo
            ``excluded``, or empty
        redrawn: whether its mask is another one
        said: who did what to it last
        time: when, UTC, ISO 8601
    """

    image_id: str
    instance_id: str
    before: str
    after: str
    redrawn: bool
    said: str
    time: str


def touched(then: Review, now: Review) -> set[str]:
    """The photos that can differ, by image_id."""
    return {d.image_id for d in {*then.active} ^ {*now.active}}


def changes(
    image_id: str,
    source: Sequence[Instance],
    then: Review,
    now: Review,
    entries: Sequence[Decision],
) -> Iterator[Change]:
    """How the labels of a photo differ between two states, both under the active taxonomy.

    Args:
        source: its instances as imported
        entries: of the journal that lie between both, oldest first; they say who did it
    """
    last: dict[tuple[str, str], Decision] = {}
    known = {d.decision_id: d for d in (*then.of(image_id), *entries)}
    for d in entries:
        about = known.get(d.undoes, d)  # an undo says itself of no label
        last[about.image_id, about.instance_id] = d

    def change(key: str, before: str, after: str, redrawn: bool = False) -> Change:
        d = last.get((image_id, key))
        return Change(
            image_id, key, before, after, redrawn, d.sentence if d else "", d.time if d else ""
        )

    states = ("excluded" if image_id in review.excluded else "" for review in (then, now))
    before, after = states
    if before != after:
        yield change("", before, after)
    was, is_now = (
        {x.instance.instance_id: x.instance for x in review.labels(image_id, source)}
        for review in (then, now)
    )
    for key in (*was, *(key for key in is_now if key not in was)):
        old, new = was.get(key), is_now.get(key)
        names = [x.category if x else "" for x in (old, new)]
        redrawn = bool(old and new and old.mask != new.mask)
        if names[0] != names[1] or redrawn:
            yield change(key, names[0], names[1], redrawn)
