"""The tables that the ranking learns from and scores: features of labels, and what they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from curation.core import npz
from curation.core.atomic import replacing
from curation.core.errors import CurateError

AGAIN = "delete the folder that it is in, and flag again"
"""The way out of a damaged file of :mod:`curation.issues.pipeline`."""

FOLDS = 4
"""Parts of the photos: no photo is judged by what was learned from its own part."""

EMBEDDING = "embedding_"
"""How the columns of an instance's embedding begin."""

TEXTS = ("image_id", "error", "mask", "source_label", "source_error")
PLACES = ("moved_right", "moved_down", "scaled_by", "scaled_right", "scaled_down")
"""Where all labels of a photo would fit best, see :mod:`curation.issues.whole_photo`."""
KEYS = (*TEXTS, *PLACES, "fold", "index", "class_id")
"""Columns that are no features of a label, a candidate or a photo."""


def hashed(text: str) -> int:
    """64 bits that are the same in every process: they deal photos to folds, and draw errors."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def fold_of(group: str) -> int:
    """The fold of a group of photos, the same whatever else is in the data.

    >>> fold_of("a.jpg"), fold_of("b.jpg")
    (1, 2)
    """
    return hashed(group) % FOLDS


@dataclass(frozen=True)
class FeatureTable:
    """Features of the labels of some photos; all tables have the image_id and the fold.

    Attributes:
        images: each photo: how many corruptions were drawn, and how many errors injected that
            are of a type
        given: each label as given: index among the labels of its photo, class_id,
            source_label, and a column for each feature
        injected: labels with an error in them: error (a name of ``CORRUPTIONS``), class_id,
            source_label (empty where the class is an injected one), the same features
        reviewed: labels that a reviewer decided on, as they were: the same, source_label,
            source_error, and index of the label as it is now, -1 where it is gone
        missing: candidates for missing garments, but for those that a reviewer dismissed:
            class_id, mask as text, and other features
        injected_missing: such candidates that are missing, since they were dropped: error,
            class_id, the same features
        reviewed_missing: such candidates that a reviewer decided on: error (missing, or
            ``CORRECT``), class_id, the same features
        photos: each photo that has labels: ``PLACES``, and features of all its labels together
        injected_photos: the same of photos with an error in all labels: error (a name of
            :class:`curation.issues.issue.PhotoErrorType`), the same features
    """

    images: pd.DataFrame
    given: pd.DataFrame
    injected: pd.DataFrame
    reviewed: pd.DataFrame
    missing: pd.DataFrame
    injected_missing: pd.DataFrame
    reviewed_missing: pd.DataFrame
    photos: pd.DataFrame
    injected_photos: pd.DataFrame

    @classmethod
    def of(cls, rows: Mapping[str, list[dict]]) -> FeatureTable:
        """From the rows of each table, by its name."""
        return cls(**{f.name: _frame(rows[f.name], _KEYS_OF[f.name]) for f in fields(cls)})

    @classmethod
    def concat(cls, parts: Sequence[FeatureTable]) -> FeatureTable:
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
    def load(cls, path: Path) -> FeatureTable:
        """Raises CurateError where the file is damaged."""
        tables = npz.read(path, AGAIN)
        if set(tables) != {f.name for f in fields(cls)}:
            raise CurateError(path, f"lacks tables; {AGAIN}")
        return cls(*(pd.DataFrame.from_records(tables[f.name]) for f in fields(cls)))


_KEYS_OF = {
    "images": ("image_id", "fold"),
    "given": ("image_id", "fold", "index", "class_id", "source_label"),
    "injected": ("image_id", "fold", "error", "class_id", "source_label"),
    "reviewed": ("image_id", "fold", "error", "class_id", "index", "source_label", "source_error"),
    "missing": ("image_id", "fold", "class_id", "mask"),
    "injected_missing": ("image_id", "fold", "error", "class_id"),
    "reviewed_missing": ("image_id", "fold", "error", "class_id"),
    "photos": ("image_id", "fold"),
    "injected_photos": ("image_id", "fold", "error"),
}


def _frame(rows: list[dict], keys: Sequence[str]) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame({key: pd.Series(dtype=str if key in TEXTS else int) for key in keys})
    frame = pd.DataFrame(rows)
    features = [name for name in frame.columns if name not in KEYS or name in PLACES]
    return frame.astype(dict.fromkeys(features, np.float32))


@dataclass(frozen=True)
class Scores:
    """What is made of a feature table, in the order of its rows.

    Attributes:
        instances: of each label as given: error_score (0 to 1), error_type; and, where there
            are source labels to tell apart, what :meth:`SourceRanking.score` says
        missing: of each candidate: error_score (0 to 1)
        photos: of each photo that has labels, all together: error_score (0 to 1), error_type;
            empty where nothing was learned
    """

    instances: pd.DataFrame
    missing: pd.DataFrame
    photos: pd.DataFrame
