"""Which photos of a dataset an export holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from curation.core.errors import DatasetError
from curation.store import Dataset, photo_sets, suspects
from curation.store.fields import LABELS


@dataclass(frozen=True, slots=True)
class Selection:
    """What all photos of an export have in common; None and False ask for nothing.

    Attributes:
        view: the name of a saved view that has them
        tag: one of their tags
        only_decided: a person decided on something in them
        without_suspects: nothing in them that nobody decided on has this score or more
    """

    view: str | None = None
    tag: str | None = None
    only_decided: bool = False
    without_suspects: float | None = None

    def asked(self) -> dict[str, str | float]:
        """What was asked for, by name."""
        return {name: v for name, v in asdict(self).items() if v is not None and v is not False}


EVERY_PHOTO = Selection()


def select(dataset: Dataset, selection: Selection, image_ids: Iterable[str]) -> set[str]:
    """Those of some photos that are selected.

    Raises:
        DatasetError: no such view or tag, with those there are; no flagged run has scored; or
            no photo is left
    """
    left = set(image_ids)
    if selection.view is not None:
        left &= photo_sets.of_view(dataset, selection.view)
    if selection.tag is not None:
        left &= photo_sets.of_tag(dataset, selection.tag)
    if selection.only_decided:
        left &= dataset.review().by_image.keys()
    if selection.without_suspects is not None:
        left -= _suspected(dataset, selection.without_suspects)
    if not left:
        asked = " ".join(
            f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
            for name, value in selection.asked().items()
        )
        raise DatasetError(dataset.name, f"no photo is left to export: none answers to {asked}")
    return left


def _suspected(dataset: Dataset, score: float) -> set[str]:
    """The photos with an undecided label, or garment that is missing, of this score or more, and
    those that are doubted as a whole."""
    if dataset.flagged is None:
        reason = f"has no scores yet; run `curate flag {dataset.name} --run RUN`"
        raise DatasetError(dataset.name, reason)
    others = (s for s in suspects.every(dataset) if s.field != LABELS and s.score >= score)
    return {s.image_id for s in others} | photo_sets.of_suspects(dataset, score)
