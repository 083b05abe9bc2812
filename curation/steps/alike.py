"""Images that look alike stay together: what a model saw of one, it knows of the other."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from curation.audit.duplicates import duplicates
from curation.audit.image_hash import ImageHash
from curation.core.text import count

_log = logging.getLogger(__name__)


def groups(
    contents: Mapping[str, str], hashes: Iterable[ImageHash], largest: int
) -> dict[str, str]:
    """The group of each image, those that look alike in one.

    Args:
        contents: content hash of each image, by image_id
        hashes: of the same; an image without one looks like no other
        largest: images that a group may have. One color, one pose: more than these are no copies
            of each other, and of them only equal files are a group

    Returns:
        by image_id, the content hash of one of the group
    """
    group_of: dict[str, str] = {}
    for found in duplicates(list(hashes)):
        first, *others = (contents[image_id] for image_id in found.image_ids)
        group_of |= dict.fromkeys(others, first) if not found.exact else {}
    together = {image_id: group_of.get(content, content) for image_id, content in contents.items()}
    for group, images in Counter(together.values()).items():
        if images > max(largest, 1):
            _log.info(
                "%s look so alike that they would fill a part of the dataset: of them, only equal "
                "files are kept together.",
                count(images, "photo"),
            )
            together |= {i: contents[i] for i, its in together.items() if its == group}
    return together
