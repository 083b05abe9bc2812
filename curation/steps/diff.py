"""The verb ``diff``: labels that differ between two rounds or runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from curation.core.errors import CurateError
from curation.review import Decision, resolve
from curation.review.difference import Change, changes, touched
from curation.rounds import state
from curation.steps.round import ROUNDS
from curation.store import Dataset, saved
from curation.store.fields import GROUND_TRUTH

NOW = "now"
"""A state beside those of rounds and runs: the labels as they are."""


@dataclass(frozen=True)
class Difference:
    """What became of labels.

    Attributes:
        changes: in the order of the photos
        view: the saved view that shows those photos; empty where nothing differs
    """

    changes: Sequence[Change]
    view: str

    @property
    def photos(self) -> list[str]:
        return sorted({change.image_id for change in self.changes})


def diff(dataset: Dataset, earlier: str, later: str) -> Difference:
    """How labels differ from when one round or run began to when another did, and a saved view.

    The source labels of now are taken: what a corrected file changed is no difference. A round
    knows its last decision; a run knows when it began, by its config.toml, so decisions that were
    imported since, with the times at which they were taken elsewhere, count as known to it.

    Args:
        earlier, later: a round, a run, or NOW

    Raises:
        CurateError: there is no such round or run, or it began before the other
    """
    entries = dataset.journal.read()
    start, end = (_known_to(dataset, name, entries) for name in (earlier, later))
    if len(start) > len(end):
        reason = f"began after {later}: say `curate diff {dataset.name} {later} {earlier}`"
        raise CurateError(earlier, reason)
    then, now = (resolve(known, dataset.taxonomy) for known in (start, end))
    known = {d.decision_id for d in start}
    between = [d for d in end if d.decision_id not in known]
    found = [
        change
        for record in dataset.records(GROUND_TRUTH, touched(then, now))
        for change in changes(record.image_id, record.instances, then, now, between)
    ]
    result = Difference(found, f"labels changed from {earlier} to {later}" if found else "")
    if found:
        query = {"image_id": {"$in": result.photos}}
        about = "photos with a label that is not what it was"
        saved.replace_view(dataset, result.view, about, lambda: dataset.samples.match(query))
    return result


def _known_to(dataset: Dataset, name: str, entries: Sequence[Decision]) -> list[Decision]:
    """The entries of the journal that a round or run began with."""
    if name == NOW:
        return list(entries)
    round_ = dataset.folder / ROUNDS / name / state.FILE
    config = dataset.run_folder(name) / "config.toml"
    if round_.is_file():
        since = state.read(round_.parent).since
        ids = [d.decision_id for d in entries]
        if since and since not in ids:
            reason = f"began after a decision that {dataset.journal.path} does not have; restore it"
            raise CurateError(name, reason)
        return list(entries[: ids.index(since) + 1 if since else 0])
    if config.is_file():
        began = datetime.fromtimestamp(config.stat().st_mtime, UTC)
        return [d for d in entries if datetime.fromisoformat(d.time) <= began]
    there = [p.parent.name for p in sorted(dataset.folder.glob("r*s/*/*.toml"))]
    listed = ", ".join(dict.fromkeys([*there, NOW]))
    raise CurateError(name, f"is no round or run of {dataset.name}; there are: {listed}")
