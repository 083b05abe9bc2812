"""One photo as its labels, the model and the reviewers see it, and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curation.core import masks
from curation.core.person import Person
from curation.core.records import ImageRecord, Instance
from curation.core.rle import Rle
from curation.core.taxonomy import IGNORE
from curation.issues.geometry import InstanceMask, Mask, Pieces, Window

CORRECT = "correct"
WRONG = "wrong"
"""What a reviewer said of a label: nothing is wrong with it, or something is."""

FLOOR = 1e-4
"""Probabilities below it count as it: one pixel must not decide a mean logarithm."""

_CONFIDENT = 0.9
"""Of a class's own threshold: from there on a pixel is confidently of that class."""


@dataclass(frozen=True)
class Label:
    """A label as the annotation file has it, or had it.

    Attributes:
        class_id: 1 to K - 1
        mask: exact, at the photo's own size
        source_label: what the annotation file calls it; empty where that is not known
    """

    class_id: int
    mask: Rle
    source_label: str = ""


@dataclass(frozen=True)
class LabelFeedback:
    """What a reviewer decided about a label.

    Attributes:
        label: as it was before
        error: what was wrong with its class or mask: a name of ``CORRUPTIONS``, ``WRONG`` or
            ``CORRECT``
        source_error: ``WRONG`` or ``CORRECT`` of its source label within the class; empty where
            nothing was said of it
    """

    label: Label
    error: str
    source_error: str = ""


@dataclass(frozen=True)
class MissingFeedback:
    """Where the model saw a garment without a label, and a reviewer said whether there is one."""

    class_id: int
    mask: Rle
    missing: bool


@dataclass(frozen=True)
class Observation:
    """One photo as its labels, the model and the reviewers see it.

    What is derived is computed once, when it is first asked for, and does not go through pickle:
    a worker process is sent the fields alone.

    Attributes:
        image_id: the photo
        group: the same for all copies of a photo
        labels: as given
        ignored: masks of what is neither trained on nor judged
        p: (K, S, S) float16 class probabilities, background first
        feature_maps: (h, w, channels) float16 of a frozen backbone, the finest first; none where
            nobody needs them
        label_feedback: about labels as they were
        missing_feedback: about garments without a label
        person: who is in it; None where nobody was looked for
    """

    image_id: str
    group: str
    labels: tuple[Label, ...]
    ignored: tuple[Rle, ...]
    p: NDArray[np.float16]
    feature_maps: tuple[NDArray[np.float16], ...] = ()
    label_feedback: tuple[LabelFeedback, ...] = ()
    missing_feedback: tuple[MissingFeedback, ...] = ()
    person: Person | None = None

    @classmethod
    def of(
        cls,
        record: ImageRecord,
        names: Sequence[str],
        p: NDArray[np.float16],
        feature_maps: tuple[NDArray[np.float16], ...] = (),
        *,
        group: str = "",
        label_feedback: Sequence[LabelFeedback] = (),
        missing_feedback: Sequence[MissingFeedback] = (),
        person: Person | None = None,
    ) -> Observation:
        """A record beside what the model sees.

        Args:
            record: its categories are class names or ``ignore``
            names: (K,) of the classes, background first
            group: empty for a photo that has no copies
        """
        return cls(
            record.image_id,
            group or record.image_id,
            tuple(Label(names.index(x.category), x.mask, x.source_label) for x in judged(record)),
            tuple(x.mask for x in record.instances if x.category == IGNORE),
            p,
            feature_maps,
            tuple(label_feedback),
            tuple(missing_feedback),
            person,
        )

    def __getstate__(self) -> dict:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def forget(self) -> None:
        """Drops what was derived, but for ``label_masks``: of many photos it would fill memory."""
        for name in vars(self).keys() - {f.name for f in fields(self)} - {"label_masks"}:
            del vars(self)[name]

    @property
    def side(self) -> int:
        """Pixels; everything below is at this size, S x S."""
        return self.p.shape[-1]

    @cached_property
    def label_masks(self) -> list[InstanceMask]:
        """Of the labels, in their order."""
        return [InstanceMask(x.class_id, self.scaled(x.mask)) for x in self.labels]

    @cached_property
    def wide_features(self) -> tuple[NDArray[np.float32], ...]:
        """``feature_maps`` but the finest, edges and colors, ready to be computed with: each label
        asks for means of them."""
        return tuple(f.astype(np.float32) for f in self.feature_maps[1:])

    @cached_property
    def ignored_mask(self) -> Mask:
        """(S, S) where the labels say nothing."""
        ignored = np.zeros((self.side, self.side), bool)
        for mask in self.ignored:
            ignored |= self.scaled(mask)
        return ignored

    def scaled(self, mask: Rle) -> Mask:
        """(S, S) a mask of the photo's own size, sampled."""
        rows, columns = (masks.sample_points(n, self.side) for n in (mask.height, mask.width))
        return masks.sample(mask, rows, columns)

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """(K, S, S) ``p``, ready to be computed with."""
        return self.p.astype(np.float32)

    @cached_property
    def log_p(self) -> NDArray[np.float32]:
        """(K, S, S) logarithms, of ``FLOOR`` at least."""
        return np.log(np.maximum(self.probabilities, FLOOR))

    @cached_property
    def best(self) -> NDArray[np.uint8]:
        """(S, S) the likeliest class."""
        return self.probabilities.argmax(axis=0).astype(np.uint8)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """(S, S) probability of the likeliest class."""
        return np.asarray(self.probabilities.max(axis=0))

    def confident(self, thresholds: NDArray[np.float32], window: Window) -> Mask:
        """(h, w) of a window, where the likeliest class is confident.

        Args:
            thresholds: (K,) see :class:`curation.issues.extraction.DatasetStatistics`
        """
        return self.confidence[window] >= _CONFIDENT * thresholds[self.best[window]]

    @cached_property
    def entropy(self) -> NDArray[np.float32]:
        """(S, S) of the probabilities, 0 (sure) to 1 (all classes alike)."""
        p = self.probabilities
        return -(p * self.log_p).sum(axis=0) / np.float32(np.log(len(p)))

    @cached_property
    def mean_entropy(self) -> float:
        return float(self.entropy.mean())

    @cached_property
    def pieces(self) -> tuple[Pieces, ...]:
        """For each class, the connected pieces of what the model takes for it."""
        return tuple(Pieces.of(self.best == k) for k in range(len(self.p)))


def judged(record: ImageRecord) -> list[Instance]:
    """The instances that are judged: all but the ignored ones."""
    return [x for x in record.instances if x.category != IGNORE]
