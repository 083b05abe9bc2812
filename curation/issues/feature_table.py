"""The rows that the ranking learns from and scores: one photo in, numbers out.

For each label as given, numbers about it; for each place where a garment may be missing,
others; and of a photo that is taught with, the same of labels that were spoilt on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation.core import rle
from curation.core.atomic import replacing
from curation.issues import corruptions, embeddings, instance_features, missing_instances
from curation.issues.corruptions import (
    KINDS,
    WIDE,
    Change,
    Kind,
    Scene,
    Strength,
    fewest_pixels,
)
from curation.issues.embeddings import Projection
from curation.issues.evidence import Evidence
from curation.issues.geometry import Labelled
from curation.issues.issue import ErrorType
from curation.issues.observation import FINE, Seen, View

TAUGHT: Mapping[str, Kind] = {
    **{str(error_type): kind for error_type, kind in KINDS.items()},
    "leaking": corruptions.leaking,
    "patched": corruptions.patched,
}
"""What is taught: each type of error, and mistakes of no type, so that what was never planted
is not taken for right."""


@dataclass(frozen=True)
class Survey:
    """What is learned from a few photos before all are looked at.

    Attributes:
        thresholds: (K,) see :class:`Evidence`
        projection: of pooled features; None without a backbone's features
    """

    thresholds: NDArray[np.float32]
    projection: Projection | None


def survey(images: Iterable[Seen]) -> Survey:
    """Looks at some photos. Memory holds the pooled features of their instances."""
    sums: NDArray[np.float64] | float = 0.0
    counts: NDArray[np.float64] | float = 0.0
    looks = []
    for seen in images:
        view, p = View.of(seen), seen.p.astype(np.float32)
        total, count = np.zeros(len(p)), np.zeros(len(p))
        background = ~view.void
        for label in view.labels:
            background &= ~label.mask
            total[label.class_id] += p[label.class_id][label.mask].sum()
            count[label.class_id] += np.count_nonzero(label.mask)
            if seen.taps and label.mask.any():
                looks.append(embeddings.pooled(seen.taps, label.mask))
        total[0], count[0] = p[0][background].sum(), np.count_nonzero(background)
        sums, counts = sums + total, counts + count
    # What is labelled nowhere here is believed where it is likelier than all else together.
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), _NEVER_SEEN)
    enough = len(looks) > embeddings.DIMENSIONS
    projection = Projection.of(np.array(looks)) if enough else None
    return Survey(thresholds.astype(np.float32), projection)


_NEVER_SEEN = 0.5


@dataclass(frozen=True)
class Plan:
    """What is planted.

    Attributes:
        share: of the photos, told by their image_ids
        draws: mistakes of each of them, each into the labels as given
        kinds: names of ``TAUGHT``
        strength: of the mistakes
        seed: with the photo's image_id it decides everything
    """

    share: float
    draws: int
    kinds: tuple[str, ...] = tuple(TAUGHT)
    strength: Strength = WIDE
    seed: int = 0

    def includes(self, image_id: str) -> bool:
        """Whether errors are planted into this photo."""
        return _hash(image_id) < self.share * 2**64


def _hash(image_id: str) -> int:
    return int.from_bytes(blake2b(image_id.encode(), digest_size=8).digest())


@dataclass(frozen=True)
class Rows:
    """Tables of numbers about some photos; all have their image_id and group, see :class:`Seen`.

    Attributes:
        images: how many errors were drawn, and how many of a type planted
        given: each label as given: index among the labels of its photo, class_id,
            source_label, and columns of numbers
        planted: labels that were spoilt: kind, class_id, the same numbers
        decided: labels that a person decided on: the same, source_label, source_kind, and index
            of the label as it is now, -1 where it is gone
        missing: places where a garment may be missing, but for those where a person said that
            none is: class_id, mask as text, and other numbers
        dropped: such places that truly lack one, since it was planted: kind, class_id,
            the same numbers as of missing
        settled: such places that a person decided on: the same, of kind missing or ``FINE``
    """

    images: pd.DataFrame
    given: pd.DataFrame
    planted: pd.DataFrame
    decided: pd.DataFrame
    missing: pd.DataFrame
    dropped: pd.DataFrame
    settled: pd.DataFrame

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of several parts, one after the other."""
        tables = ([getattr(part, f.name) for part in parts] for f in fields(cls))
        return cls(*(pd.concat(each, ignore_index=True) for each in tables))

    def save(self, path: Path) -> None:
        """Writes an ``.npz`` that holds no pickles."""
        tables = {}
        for f in fields(self):
            frame = getattr(self, f.name)
            texts = {c: f"<U{max(frame[c].str.len().max(), 1) if len(frame) else 1}"
                     for c in TEXTS if c in frame}  # fmt: skip
            tables[f.name] = frame.to_records(index=False, column_dtypes=texts)
        with replacing(path) as part:
            np.savez(part, **tables)

    @classmethod
    def load(cls, path: Path) -> Rows:
        with np.load(path, allow_pickle=False) as file:
            return cls(*(pd.DataFrame.from_records(file[f.name]) for f in fields(cls)))


@dataclass(frozen=True)
class Scores:
    """What is made of rows, in their order.

    Attributes:
        instances: of each label as given: error_score (0 to 1), error_type; and, where there
            are source labels to tell apart, what :meth:`SourceRanking.score` says
        missing: of each place: error_score (0 to 1)
    """

    instances: pd.DataFrame
    missing: pd.DataFrame


TEXTS = ("image_id", "group", "kind", "mask", "source_label", "source_kind")
KEYS = (*TEXTS, "index", "class_id")
"""Columns that are no numbers about an instance or a place."""

_KEYS_OF = {
    "images": ("image_id", "group"),
    "given": ("image_id", "group", "index", "class_id", "source_label"),
    "planted": ("image_id", "group", "kind", "class_id"),
    "decided": ("image_id", "group", "kind", "class_id", "index", "source_label", "source_kind"),
    "missing": ("image_id", "group", "class_id", "mask"),
    "dropped": ("image_id", "group", "kind", "class_id"),
    "settled": ("image_id", "group", "kind", "class_id"),
}


def collect(images: Sequence[Seen], survey: Survey, plan: Plan) -> Rows:
    """The rows of some photos. A spurious label that is planted comes from another one of them."""
    views = [View.of(seen) for seen in images]
    tables: dict[str, list[dict]] = {f.name: [] for f in fields(Rows)}
    for number, view in enumerate(views):
        evidence = Evidence(view.seen.p.astype(np.float32), survey.thresholds)
        judge = _Judge(view, evidence, survey.projection)
        keys: dict[str, object] = {"image_id": view.seen.image_id, "group": view.seen.group}
        draws = plan.draws * plan.includes(view.seen.image_id)
        planted = 0
        for index, label in enumerate(view.labels):
            if (numbers := judge.instance(view.labels, index)) is not None:
                source = view.seen.source_labels[index] if view.seen.source_labels else ""
                known = {"index": index, "class_id": label.class_id, "source_label": source}
                tables["given"].append(keys | known | numbers)
        for label, said in zip(view.decided, view.seen.verdicts, strict=True):
            labels = [*(x for x in view.labels if (x.mask != label.mask).any()), label]
            if (numbers := judge.instance(labels, len(labels) - 1)) is not None:
                same = (i for i, x in enumerate(view.labels) if (x.mask == label.mask).all())
                known = {"kind": said.kind, "class_id": said.class_id, "index": next(same, -1)}
                known |= {"source_label": said.source_label, "source_kind": said.source_kind}
                tables["decided"].append(keys | known | numbers)
        settled = list(zip(view.places, view.seen.places, strict=True))
        for place, where in settled:
            # As it was: a garment that was added is a label by now.
            labels = [x for x in view.labels if (x.mask != place.mask).any()]
            kind = str(ErrorType.MISSING) if where.missing else FINE
            for region in judge.regions(labels):
                if _same(region, place):
                    known = keys | {"kind": kind, "class_id": place.class_id}
                    tables["settled"].append(known | region.features)
        dismissed = [place for place, where in settled if not where.missing]
        for region in judge.regions(view.labels):
            if any(_same(region, place) for place in dismissed):
                continue
            mask = {"mask": rle.to_text(rle.encode(region.mask))}
            known = keys | {"class_id": region.class_id} | mask
            tables["missing"].append(known | region.features)
        if plan.includes(view.seen.image_id):
            others = views[:number] + views[number + 1 :]
            for kind, found in _planted(judge, others, plan):
                planted += kind in KINDS
                for table, class_id, numbers in found:
                    known = keys | {"kind": kind, "class_id": class_id}
                    tables[table].append(known | numbers)
        tables["images"].append(keys | {"drawn": draws, "planted": planted})
    return Rows(**{name: _frame(rows, _KEYS_OF[name]) for name, rows in tables.items()})


def _same(region: missing_instances.Region, place: Labelled) -> bool:
    return region.class_id == place.class_id and missing_instances.matches(region.mask, place.mask)


def _frame(rows: list[dict], keys: Sequence[str]) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame({key: pd.Series(dtype=str if key in TEXTS else int) for key in keys})
    frame = pd.DataFrame(rows)
    numbers = [name for name in frame.columns if name not in KEYS]
    return frame.astype(dict.fromkeys(numbers, np.float32))


@dataclass(frozen=True)
class _Judge:
    """A photo's evidence, and the numbers that come of holding labels against it."""

    view: View
    evidence: Evidence
    projection: Projection | None

    def instance(self, labels: Sequence[Labelled], index: int) -> dict[str, float] | None:
        """All numbers about one label among others; None where it cannot be seen."""
        numbers = instance_features.features(self.evidence, labels, index)
        if numbers is None or self.projection is None or not self.view.seen.taps:
            return numbers
        looks = self.projection(embeddings.pooled(self.view.seen.taps, labels[index].mask))
        return numbers | {f"{LOOKS}{i}": value for i, value in enumerate(looks)}

    def regions(self, labels: Sequence[Labelled]) -> list[missing_instances.Region]:
        return missing_instances.find(self.evidence, labels, self.view.void)


LOOKS = "looks_"
"""How the columns of projected features begin."""


def _planted(
    judge: _Judge, others: Sequence[View], plan: Plan
) -> Iterator[tuple[str, list[tuple[str, int, dict[str, float]]]]]:
    """Each mistake's kind, and table, class and numbers of what it brings."""
    view = judge.view
    rng = np.random.default_rng([plan.seed, _hash(view.seen.image_id)])

    def donor() -> Labelled | None:
        other = others[int(rng.integers(len(others)))].labels if others else []
        if not other:
            return None
        label = other[int(rng.integers(len(other)))]
        seen = np.count_nonzero(label.mask) >= fewest_pixels(*label.mask.shape)
        return label if seen else None

    classes = range(1, len(judge.evidence.p))
    scene = Scene(view.labels, classes, donor, rng, plan.strength)
    for _ in range(plan.draws):
        kind = str(rng.choice(plan.kinds))
        change = TAUGHT[kind](scene)
        if change is None:
            continue
        yield kind, list(_brought(judge, change, scene.least))


def _brought(
    judge: _Judge, change: Change, least: int
) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Table, class and numbers: of the wrong label, and of the places where one lacks now."""
    before = judge.view.labels
    labels, wrong = change.applied(before)
    if wrong is not None:
        numbers = judge.instance(labels, wrong)
        if numbers is not None:
            yield "planted", labels[wrong].class_id, numbers
    if change.place is None:
        return
    for index in (change.place, change.absorbed):
        if index is None:
            continue
        class_id, whole = before[index].class_id, before[index].mask
        gone = whole.copy()
        for label in labels:
            if label.class_id == class_id:
                gone &= ~label.mask
        if np.count_nonzero(gone) < least:
            continue
        for region in judge.regions(labels):
            # Of a dropped garment the model may have seen that it is there, and not what it is.
            here = change.now is None and missing_instances.matches(region.mask, whole)
            part = np.count_nonzero(region.mask & gone) >= 0.6 * np.count_nonzero(region.mask)
            if here or (part and region.class_id == class_id):
                yield "dropped", region.class_id, region.features
