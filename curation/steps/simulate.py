"""``curate review --simulate``: decisions of a curator who knows the truth, to measure by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from curation.core import rle
from curation.core.errors import DatasetError
from curation.core.progress import Progress, silent, track
from curation.core.records import Instance
from curation.review import Decision, simulated
from curation.review.suspect import MISSING, PHOTO, Suspect
from curation.store import Dataset, decisions, pictures, queue, suspects
from curation.store.decisions import Request
from curation.store.fields import LABELS


def simulate(
    dataset: Dataset,
    truth: Dataset,
    limit: int,
    *,
    skip: int = 0,
    order: Sequence[str] | None = None,
    progress: Progress = silent,
) -> list[Decision]:
    """Decides on suspects, worst first, or on labels, as somebody would who knows the truth.

    Once no suspect is left, it goes on with labels that are less likely to be wrong.

    The decisions are in the journal as all others are, by the reviewer ``simulated``; those on
    one suspect are taken back at once.

    Args:
        truth: a dataset with the same photos and classes, whose labels are right
        limit: suspects and other labels that are decided on
        skip: those before them that are left
        order: ids of the labels that are decided on instead of the queue's suspects, first ones
            first; those that are gone or decided are passed over

    Raises:
        DatasetError: the truth has other classes, or lacks a photo
    """
    if truth.taxonomy.class_names != dataset.taxonomy.class_names:
        reason = f"has other classes than {dataset.name}: remap it with the same taxonomy"
        raise DatasetError(truth.name, reason)
    if order is None:
        asked = iter(queue.go_on(dataset, suspects.read(dataset), skip + limit))
    else:
        asked = _in_order(dataset, order)
    chosen = list(islice(asked, skip, skip + limit))
    wanted = {s.image_id for s in chosen}
    known = {r.image_id: r.instances for r in truth.records(LABELS, wanted)}
    if lost := sorted(wanted - set(known)):
        raise DatasetError(truth.name, "lacks a photo that is to be decided on", where=lost[0])
    labels = _by_photo(dataset, LABELS, wanted)
    missing = _by_photo(dataset, f"missing_{dataset.flagged}", wanted)
    made: list[Decision] = []
    for suspect in track(progress, "decide", chosen, len(chosen)):
        given = list(labels[suspect.image_id].values())
        found = missing[suspect.image_id].get(suspect.id)
        label = labels[suspect.image_id].get(suspect.id)
        right = known[suspect.image_id]
        requests = list(_requests(dataset, suspect, label, found, given, right))
        made += decisions.decide(dataset, requests, simulated.REVIEWER)
    return made


def _in_order(dataset: Dataset, label_ids: Sequence[str]) -> Iterator[Suspect]:
    """Labels that nobody decided on, whether or not they are doubted."""
    found = suspects.of_labels(dataset, dataset.image_ids(), frozenset(label_ids))
    there = {suspect.id: suspect for suspect in found}
    return (there[i] for i in label_ids if i in there)


def _requests(
    dataset: Dataset,
    suspect: Suspect,
    label: Instance | None,
    found: Instance | None,
    given: list[Instance],
    right: tuple[Instance, ...],
) -> Iterator[Request]:
    if suspect.field == PHOTO:
        yield from _on_photo(dataset, suspect, given, right)
    elif suspect.kind == MISSING and found:
        answer = simulated.on_missing(found, given, right)
        yield Request(answer.action, suspect.image_id, suspect.id, answer.category)
    elif label:
        for answer in simulated.on_label(label, given, right):
            mask = rle.to_text(answer.mask) if answer.mask else ""
            yield Request(answer.action, suspect.image_id, suspect.id, answer.category, mask=mask)
    if suspect.also:
        yield Request("delete", suspect.image_id, suspect.also)


def _on_photo(
    dataset: Dataset, suspect: Suspect, given: list[Instance], right: tuple[Instance, ...]
) -> list[Request]:
    found = pictures.transformed(dataset, suspect.image_id, suspect.seen)
    mended = [replace(x, mask=found.get(x.instance_id, x.mask)) for x in given] if found else None
    action = simulated.on_photo(given, mended, right)
    if action == "transform":
        return decisions.redrawn(suspect.image_id, found)
    return [Request(action, suspect.image_id)]


def _by_photo(
    dataset: Dataset, field_name: str, image_ids: Iterable[str]
) -> dict[str, dict[str, Instance]]:
    """Labels by image_id and instance_id."""
    found: dict[str, dict[str, Instance]] = defaultdict(dict)
    if dataset.has(field_name):
        for record in dataset.records(field_name, image_ids):
            found[record.image_id] = {x.instance_id: x for x in record.instances}
    return found
