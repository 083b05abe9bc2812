"""Photos that an augmentation made of one photo, by the names that Roboflow gives them.

Turned by some degrees, blurred and with noise, they look too different for any hash.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping

from curation.core.text import count

_log = logging.getLogger(__name__)

_VERSION = re.compile(r"(.+)\.rf\.[0-9A-Za-z]{16,}(\.\w+)?")


def sources(names: Mapping[str, str], largest: int) -> dict[str, str]:
    """What photos were made of, by image_id; one that was made of nothing, and into nothing, is
    left out.

    Args:
        names: of the photos' files, by image_id; they may lack their suffix
        largest: photos that one source may have. More than these are other photos of one name,
            as a telephone calls each ``image.jpg``

    >>> sources({"1": "a_jpg.rf.0123456789abcdef.jpg", "2": "a.jpg", "3": "b.jpg"}, 9)
    {'1': 'a_jpg', '2': 'a_jpg'}
    """
    made = {i: found[1] for i, name in names.items() if (found := _VERSION.fullmatch(name))}
    known = set(made.values())
    called = {i: name.replace(".", "_") for i, name in names.items()}
    of = made | {i: source for i, source in called.items() if source in known}
    sizes = Counter(of.values())
    many = {source for source, photos in sizes.items() if photos > max(largest, 1)}
    together = sum(n for source, n in sizes.items() if n > 1 and source not in many)
    if together:
        _log.info(
            "By their names, Roboflow made %s out of fewer: those of one stay together.",
            count(together, "photo"),
        )
    for source in sorted(many):
        _log.info(
            "%s called %s would fill a part of the dataset: they are not taken for one photo.",
            count(sizes[source], "photo"), source,
        )  # fmt: skip
    return {i: source for i, source in of.items() if source not in many}
