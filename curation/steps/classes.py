"""What labels must show before anything is learnt from them: a pixel of a class."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from curation.core.errors import DatasetError
from curation.core.text import count

_log = logging.getLogger(__name__)


def check(where: str, classes: Sequence[str], missing: Collection[str], way_out: str) -> None:
    """Refuses labels without a pixel of any class: a model of background has the best figures.

    A class that has none is named in the log.

    Args:
        where: the dataset or the folder
        classes: all of them, without background
        missing: those that no image has a pixel of
        way_out: what there is instead, and what to do

    Raises:
        DatasetError: not one class has a pixel
    """
    named = ", ".join(name for name in classes if name in missing)
    if len(missing) == len(classes):
        what = count(len(classes), "class", "classes")
        raise DatasetError(where, f"no photo has a pixel of any of its {what} ({named}): {way_out}")
    if missing:
        _log.warning("No photo of %s has a pixel of %s that no other label covers.", where, named)
