"""What a reviewer is asked about: suspects, and among them, unmarked, a sample and checks; at the
end the labels of a frozen test set."""

from __future__ import annotations

from collections.abc import Collection

from curation.review import keys
from curation.review.suspect import Suspect, mix
from curation.store import checks, database, frozen, samples, suspects
from curation.store.dataset import Dataset

SAMPLED_APART = 2
"""Suspects from one label of the sample to the next."""


def read(
    dataset: Dataset, reviewer: str = "", image_ids: Collection[str] | None = None
) -> list[Suspect]:
    """The queue, worst first.

    Args:
        reviewer: who asks; empty for who is logged in
        image_ids: of these photos; None for all

    Raises:
        CurateError: the sample, the answers to checks or ``review.toml`` cannot be read
    """
    share = keys.checks(database.home())
    sample = samples.read(dataset)
    left: dict[str, str] = {}
    if sample and samples.is_of(sample, dataset):
        decided = dataset.review().decided
        left = {key: photo for key, photo in sample.photos.items() if key not in decided}
    test_set = frozen.read(dataset.folder)
    if not left and not share and not test_set:
        return suspects.read(dataset, image_ids)
    mixed = suspects.read(dataset)
    if left:
        order = {key: rank for rank, key in enumerate(left)}
        drawn = suspects.of_labels(dataset, set(left.values()), left)
        mixed = mix(mixed, sorted(drawn, key=lambda s: order[s.id]), SAMPLED_APART)
    if count := round(share * len(mixed)):
        planted = checks.asked(dataset, reviewer, count)
        mixed = mix(mixed, planted, round(1 / share))
    if test_set:
        known = {s.id for s in mixed}
        mixed += [s for s in suspects.of_test_set(dataset, test_set.photos) if s.id not in known]
    return [s for s in mixed if image_ids is None or s.image_id in image_ids]
