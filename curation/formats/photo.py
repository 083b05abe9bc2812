"""A photo on its way out of a dataset: what every writer of labels is handed."""

from __future__ import annotations

from dataclasses import dataclass

from curation.core.records import ImageRecord


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and the labels that an export says of it.

    Attributes:
        image_id: in the dataset
        record: named by its path in the folder of photos, with the labels that the format can say
        split: train, val or test
    """

    image_id: str
    record: ImageRecord
    split: str
