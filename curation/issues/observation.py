"""One photo as its labels, the model and the reviewers see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.core import masks
from curation.core.rle import Rle
from curation.issues.geometry import Labelled, Mask

FINE = "fine"
WRONG = "wrong"
"""What a person said of a label: nothing is wrong with it, or something is."""


@dataclass(frozen=True)
class Verdict:
    """What a person decided about a label, as it was before.

    Attributes:
        class_id, mask, source_label: of the label
        kind: what was wrong with its class or mask: as in ``TAUGHT``, ``WRONG`` or ``FINE``
        source_kind: ``WRONG`` or ``FINE`` of its source label within the class; empty where
            nothing was said of it
    """

    class_id: int
    mask: Rle
    kind: str
    source_label: str = ""
    source_kind: str = ""


@dataclass(frozen=True)
class Place:
    """Where the model saw a garment without a label, and a person said whether there is one."""

    class_id: int
    mask: Rle
    missing: bool


@dataclass(frozen=True)
class Seen:
    """One photo as the labels and the model see it.

    Attributes:
        image_id: the photo
        group: the same for all copies of a photo
        labels: class id and mask of each label
        void: masks of what is neither taught nor judged
        p: (K, S, S) float16 class probabilities
        taps: (h, w, channels) float16 features of the backbone; none where there are none
        source_labels: of each label; empty where it has none, or they are not known
        verdicts: about labels as they were
        places: that were decided on
    """

    image_id: str
    group: str
    labels: tuple[tuple[int, Rle], ...]
    void: tuple[Rle, ...]
    p: NDArray[np.float16]
    taps: tuple[NDArray[np.float16], ...] = ()
    source_labels: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class View:
    """A photo with its masks as arrays, at the size of the evidence."""

    seen: Seen
    labels: list[Labelled]
    decided: list[Labelled]
    places: list[Labelled]
    void: Mask

    @classmethod
    def of(cls, seen: Seen) -> View:
        side = seen.p.shape[-1]
        labels = [Labelled(class_id, _small(mask, side)) for class_id, mask in seen.labels]
        decided, places = (
            [Labelled(said.class_id, _small(said.mask, side)) for said in each]
            for each in (seen.verdicts, seen.places)
        )
        void = np.zeros((side, side), bool)
        for mask in seen.void:
            void |= _small(mask, side)
        return cls(seen, labels, decided, places, void)


def _small(mask: Rle, side: int) -> Mask:
    rows, columns = (masks.sample_points(n, side) for n in (mask.height, mask.width))
    return masks.sample(mask, rows, columns)
