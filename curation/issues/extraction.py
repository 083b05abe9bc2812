"""From observations to features: of the labels as given, and of labels that were corrupted.

Of each label as given, features; of each candidate for a missing garment, others; and of a photo
that is learned from, the same of labels that errors were injected into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from curation.core import rle
from curation.issues import embeddings, instance_features, missing_instances, person, whole_photo
from curation.issues.corruptions import (
    CORRUPTIONS,
    OF_TYPE,
    WIDE,
    Corruption,
    ImageLabels,
    Severity,
    fewest_pixels,
)
from curation.issues.embeddings import Projection
from curation.issues.feature_table import EMBEDDING, FeatureTable, fold_of, hashed
from curation.issues.geometry import InstanceMask
from curation.issues.issue import ErrorType
from curation.issues.missing_instances import MissingCandidate
from curation.issues.observation import CORRECT, MissingFeedback, Observation
from curation.issues.person import PersonStatistics

Row = tuple[str, dict]
"""The name of a table and a row of it, without what all rows of a photo share."""

INJECTED = 4000
"""Photos at most that errors are injected into: what is learned from stays in memory."""
DRAWS = 4
"""Errors injected into each of a few photos; one into each of many."""

WHOLE_DRAWS = 2
"""Errors in all labels that are injected into each of these photos."""

_NEVER_SEEN = 0.5


@dataclass(frozen=True)
class DatasetStatistics:
    """What is learned from a few photos before features of all are extracted.

    Attributes:
        thresholds: (K,) mean probability of each class over the pixels labelled so: a class that
            the model is never sure of needs less to be believed (confident learning,
            arXiv 1911.00068)
        projection: of pooled features to embeddings; None where there are too few labels for one
        person: where labels lie on whoever wears them; None where nobody was looked for
    """

    thresholds: NDArray[np.float32]
    projection: Projection | None
    person: PersonStatistics | None = None


def dataset_statistics(observations: Iterable[Observation]) -> DatasetStatistics:
    """Of some photos. Memory holds the pooled features of their instances, and one photo."""
    sums: NDArray[np.float64] | float = 0.0
    counts: NDArray[np.float64] | float = 0.0
    pooled = []
    distances, class_ids = [], []
    for observation in observations:
        total, count = _confidence(observation)
        sums, counts = sums + total, counts + count
        if observation.feature_maps:
            pooled += [
                embeddings.pooled(observation.wide_features, label.mask)
                for label in observation.label_masks
                if label.mask.any()
            ]
        if observation.person:
            for label in observation.label_masks:
                distances.append(person.landmark_distances(observation.person, label.mask))
                class_ids.append(label.class_id)
    # What is labelled nowhere here is believed where it is likelier than all else together.
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), _NEVER_SEEN)
    enough = len(pooled) > embeddings.DIMENSIONS
    projection = Projection.fit(np.array(pooled)) if enough else None
    people = PersonStatistics.of(distances, class_ids, len(thresholds)) if distances else None
    return DatasetStatistics(thresholds.astype(np.float32), projection, people)


def _confidence(observation: Observation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(K,) sum of each class's probability over the pixels labelled so, and their number."""
    p = observation.probabilities
    total, count = np.zeros(len(p)), np.zeros(len(p))
    background = ~observation.ignored_mask
    for label in observation.label_masks:
        background &= ~label.mask
        total[label.class_id] += p[label.class_id][label.mask].sum()
        count[label.class_id] += np.count_nonzero(label.mask)
    total[0], count[0] = p[0][background].sum(), np.count_nonzero(background)
    return total, count


@dataclass(frozen=True)
class InjectionConfig:
    """Which errors are injected.

    Attributes:
        share: of the photos, 0 to 1, told by their image_ids
        draws: errors of each of them, each into the labels as given
        corruptions: names of ``CORRUPTIONS``
        severity: of the errors
        seed: with the photo's image_id it decides everything
    """

    share: float
    draws: int
    corruptions: tuple[str, ...] = tuple(CORRUPTIONS)
    severity: Severity = WIDE
    seed: int = 0

    @classmethod
    def of(cls, images: int, seed: int = 0) -> InjectionConfig:
        """What is injected into so many photos.

        >>> [InjectionConfig.of(n).draws for n in (800, 3000)], InjectionConfig.of(16_000).share
        ([4, 1], 0.25)
        """
        draws = min(DRAWS, max(1, INJECTED // max(images, 1)))
        return cls(min(1.0, INJECTED / max(images, 1)), draws, seed=seed)

    def includes(self, image_id: str) -> bool:
        """Whether errors are injected into this photo."""
        return hashed(image_id) < self.share * 2**64


def extract_features(
    observations: Sequence[Observation], statistics: DatasetStatistics, config: InjectionConfig
) -> FeatureTable:
    """The features of some photos.

    Args:
        observations: a spurious label that is injected comes from another one of them
    """
    rows: dict[str, list[dict]] = {f.name: [] for f in fields(FeatureTable)}
    for number, observation in enumerate(observations):
        shared = {"image_id": observation.image_id, "fold": fold_of(observation.group)}
        others = [*observations[:number], *observations[number + 1 :]]
        for table, row in _rows(observation, others, statistics, config):
            rows[table].append(shared | row)
        observation.forget()
    return FeatureTable.of(rows)


def _rows(
    observation: Observation,
    others: Sequence[Observation],
    statistics: DatasetStatistics,
    config: InjectionConfig,
) -> Iterator[Row]:
    """All rows of a photo, of all tables."""
    yield from _given(observation, statistics)
    yield from _reviewed(observation, statistics)
    yield from _missing(observation, statistics)
    yield from _reviewed_missing(observation, statistics)
    drawn = config.draws * config.includes(observation.image_id)
    yield from _whole(observation, others, config, inject=drawn > 0)
    injected = 0
    for name, corruption in _corruptions(observation, others, config) if drawn else ():
        injected += name in OF_TYPE
        for table, row in _corrupted(observation, statistics, corruption):
            yield table, {"error": name} | row
    yield "images", {"drawn": drawn, "injected": injected}


def _whole(
    observation: Observation,
    others: Sequence[Observation],
    config: InjectionConfig,
    *,
    inject: bool,
) -> Iterator[Row]:
    """Of all labels of the photo together, as given and with an error in all of them."""
    if features := whole_photo.features(observation, observation.label_masks):
        yield "photos", features
    rng = np.random.default_rng([config.seed, hashed(observation.image_id), 1])
    for _ in range(WHOLE_DRAWS if features and inject else 0):
        if spoilt := whole_photo.spoilt(observation, others, rng):
            error, labels = spoilt
            if now := whole_photo.features(observation, labels):
                yield "injected_photos", {"error": str(error)} | now


def _given(observation: Observation, statistics: DatasetStatistics) -> Iterator[Row]:
    for index, label in enumerate(observation.labels):
        features = _instance(observation, statistics, observation.label_masks, index)
        if features is not None:
            keys = {"class_id": label.class_id, "source_label": label.source_label}
            yield "given", {"index": index} | keys | features


def _reviewed(observation: Observation, statistics: DatasetStatistics) -> Iterator[Row]:
    """Of the labels that a reviewer decided on, as they were, among the others as they are."""
    for feedback in observation.label_feedback:
        was = InstanceMask(feedback.label.class_id, observation.scaled(feedback.label.mask))
        same = [(x.mask == was.mask).all() for x in observation.label_masks]
        others = [x for x, own in zip(observation.label_masks, same, strict=True) if not own]
        features = _instance(observation, statistics, [*others, was], len(others))
        if features is not None:
            keys = {"error": feedback.error, "class_id": was.class_id}
            keys |= {"index": same.index(True) if any(same) else -1}
            keys |= {"source_label": feedback.label.source_label}
            yield "reviewed", keys | {"source_error": feedback.source_error} | features


def _missing(observation: Observation, statistics: DatasetStatistics) -> Iterator[Row]:
    labels = observation.label_masks
    dismissed = [x for x in observation.missing_feedback if not x.missing]
    measured = _measure(observation, statistics, labels)
    for candidate in missing_instances.candidates(observation, statistics.thresholds, labels):
        if not any(_same(observation, candidate, feedback) for feedback in dismissed):
            mask = rle.to_text(rle.encode(candidate.mask))
            yield "missing", {"class_id": candidate.class_id, "mask": mask} | measured(candidate)


def _reviewed_missing(observation: Observation, statistics: DatasetStatistics) -> Iterator[Row]:
    for feedback in observation.missing_feedback:
        mask = observation.scaled(feedback.mask)
        # As it was: a garment that was added is a label by now.
        labels = [x for x in observation.label_masks if (x.mask != mask).any()]
        keys = {"error": str(ErrorType.MISSING) if feedback.missing else CORRECT,
                "class_id": feedback.class_id}  # fmt: skip
        measured = _measure(observation, statistics, labels)
        for candidate in missing_instances.candidates(observation, statistics.thresholds, labels):
            if _same(observation, candidate, feedback):
                yield "reviewed_missing", keys | measured(candidate)


def _measure(
    observation: Observation, statistics: DatasetStatistics, labels: Sequence[InstanceMask]
) -> Callable[[MissingCandidate], dict[str, float]]:
    """All features of candidates among these labels."""
    seen, usual = observation.person, statistics.person
    if usual is None:
        return lambda found: found.features

    @cache
    def without(class_id: int) -> float:
        return person.without(seen, usual, labels, class_id)

    def measured(found: MissingCandidate) -> dict[str, float]:
        there = InstanceMask(found.class_id, found.mask)
        on_person = person.instance_features(seen, usual, there)
        return found.features | on_person | {"person_without": without(found.class_id)}

    return measured


def _same(observation: Observation, candidate: MissingCandidate, feedback: MissingFeedback) -> bool:
    """Whether a candidate is the garment that a reviewer spoke of."""
    if candidate.class_id != feedback.class_id:
        return False
    return missing_instances.matches(candidate.mask, observation.scaled(feedback.mask))


def _instance(
    observation: Observation,
    statistics: DatasetStatistics,
    labels: Sequence[InstanceMask],
    index: int,
) -> dict[str, float] | None:
    """All features of one label among others; None where it cannot be seen."""
    features = instance_features.features(observation, statistics.thresholds, labels, index)
    if features is not None and statistics.person is not None:
        features |= person.instance_features(observation.person, statistics.person, labels[index])
    if features is None or statistics.projection is None or not observation.feature_maps:
        return features
    pooled = embeddings.pooled(observation.wide_features, labels[index].mask)
    embedding = statistics.projection(pooled)
    return features | {f"{EMBEDDING}{i}": value for i, value in enumerate(embedding)}


def _corruptions(
    observation: Observation, others: Sequence[Observation], config: InjectionConfig
) -> Iterator[tuple[str, Corruption]]:
    """Each error that is injected into a photo's labels, and the name of its kind."""
    rng = np.random.default_rng([config.seed, hashed(observation.image_id)])

    def donor() -> InstanceMask | None:
        labels = others[int(rng.integers(len(others)))].label_masks if others else []
        if not labels:
            return None
        label = labels[int(rng.integers(len(labels)))]
        large = np.count_nonzero(label.mask) >= fewest_pixels(*label.mask.shape)
        return label if large else None

    classes = range(1, len(observation.p))
    image = ImageLabels(observation.label_masks, classes, donor, rng, config.severity)
    for _ in range(config.draws):
        name = str(rng.choice(config.corruptions))
        if corruption := CORRUPTIONS[name](image):
            yield name, corruption


def _corrupted(
    observation: Observation, statistics: DatasetStatistics, corruption: Corruption
) -> Iterator[Row]:
    """Rows of the label that is wrong now, and of the garments that lack a label now."""
    before = observation.label_masks
    labels, wrong = corruption.applied(before)
    if wrong is not None:
        features = _instance(observation, statistics, labels, wrong)
        if features is not None:
            class_id, was = labels[wrong].class_id, corruption.index
            source = ""
            if was is not None and before[was].class_id == class_id:
                source = observation.labels[was].source_label
            yield "injected", {"class_id": class_id, "source_label": source} | features
    lost = {}
    for index in (corruption.index, corruption.absorbed):
        if index is not None:
            uncovered = _uncovered(before[index], labels)
            if np.count_nonzero(uncovered) >= fewest_pixels(*uncovered.shape):
                lost[index] = uncovered
    if not lost:
        return
    dropped = corruption.now is None
    # Of a dropped garment the model may have seen that it is there, and not what it is.
    classes = None if dropped else {before[index].class_id for index in lost}
    found = missing_instances.candidates(observation, statistics.thresholds, labels, classes)
    measured = _measure(observation, statistics, labels)
    for index, uncovered in lost.items():
        for candidate in found:
            if _lacks(candidate, before[index], uncovered, dropped):
                yield "injected_missing", {"class_id": candidate.class_id} | measured(candidate)


def _uncovered(was: InstanceMask, labels: Sequence[InstanceMask]) -> NDArray[np.bool_]:
    """(S, S) what of a label no other one of its class covers."""
    mask = was.mask.copy()
    for label in labels:
        if label.class_id == was.class_id:
            mask &= ~label.mask
    return mask


def _lacks(
    candidate: MissingCandidate, was: InstanceMask, uncovered: NDArray[np.bool_], dropped: bool
) -> bool:
    """Whether a candidate is the garment whose label is gone."""
    if dropped and missing_instances.matches(candidate.mask, was.mask):
        return True
    common = np.count_nonzero(candidate.mask & uncovered)
    most = common >= 0.6 * np.count_nonzero(candidate.mask)
    return bool(most and candidate.class_id == was.class_id)
