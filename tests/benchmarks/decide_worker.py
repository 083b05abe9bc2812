"""Run by ``redesign`` in a process of each build: makes a journal, and times decisions.

    python decide_worker.py journal DATASET COUNT FILE
    python decide_worker.py time DATASET FIRST MANY

``journal`` writes a CSV for `curate decisions`: the first COUNT labels, each with another
class. ``time`` relabels one label, ten times over, and MANY at once, of labels from FIRST on, and
prints the seconds: the median of the ten, and of the many together. Labels stand in an order that
takes one of each photo in turn, so MANY are of as many photos, as suspects are.

Started by its path, so that nothing of this build is imported: which build is measured is what
PYTHONPATH says. What differs between builds is in :func:`opened`.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

CLASSES = ("upper-body", "lower-body")
WARM_UP = 3
SINGLES = 10

Label = tuple[str, str, str]
"""Photo, instance, and the class that it is given."""


def main() -> None:
    verb, name, *rest = sys.argv[1:]
    decide, dataset = opened(name)
    every = labels(dataset)
    if verb == "journal":
        write(rest[1], every[: int(rest[0])])
        print("redesign:{}")
        return
    first, many = map(int, rest)
    ones, others = every[first : first + many], every[first + many : first + 2 * many]
    for label in ones[:WARM_UP]:
        decide([label])
    singles = []
    for label in ones[WARM_UP : WARM_UP + SINGLES]:
        started = perf_counter()
        decide([label])
        singles.append(perf_counter() - started)
    started = perf_counter()
    decide(others)
    together = perf_counter() - started
    check(dataset, [*ones[: WARM_UP + SINGLES], *others])
    found = {"one": statistics.median(singles), "many": together}
    print("redesign:" + json.dumps(found), flush=True)


def opened(name: str) -> tuple[Callable[[Sequence[Label]], object], Any]:
    """How this build decides on several labels, as its plugin does; and the FiftyOne dataset."""
    from curation import store

    if not hasattr(store, "open"):  # until 8b4c053: one after the other
        samples = store.open_dataset(name)

        def one_by_one(chosen: Sequence[Label]) -> None:
            for image_id, instance_id, category in chosen:
                known = {"image_id": image_id, "instance_id": instance_id, "category": category}
                store.decide(samples, "relabel", **known)

        return one_by_one, samples
    from curation.store import decisions

    dataset = store.open(name)

    def at_once(chosen: Sequence[Label]) -> object:
        return decisions.decide(dataset, [decisions.Request("relabel", *one) for one in chosen])

    return at_once, dataset.samples


def labels(dataset) -> list[Label]:
    """Every label: the first of each photo, then the second of each, ...; each gets a class that
    it does not have."""
    fields = ["image_id", "labels.detections.id", "labels.detections.label"]
    found = []
    for image_id, ids, names in zip(*dataset.values(fields), strict=True):
        of_image = sorted(zip(ids or (), names or (), strict=True))  # whatever a relabel moves
        for number, (instance_id, name) in enumerate(of_image):
            other = CLASSES[name == CLASSES[0]]
            found.append((number, image_id, instance_id, other))
    return [label for _, *label in sorted(found)]


def write(path: str, chosen: Sequence[Label]) -> None:
    with Path(path).open("w", newline="") as file:
        header = ("action", "image_id", "instance_id", "category")
        csv.writer(file).writerows([header, *(("relabel", *label) for label in chosen)])


def check(dataset, chosen: Sequence[Label]) -> None:
    """That each has its new class: a fast build that decides nothing would win."""
    wanted = {instance_id: category for _, instance_id, category in chosen}
    pairs = zip(
        *dataset.values(["labels.detections.id", "labels.detections.label"], unwind=True),
        strict=True,
    )
    left = wanted.items() - dict(pairs).items()
    if left:
        sys.exit(f"{len(left)} of {len(wanted)} labels were not relabelled")


if __name__ == "__main__":
    main()
