"""Images that look alike stay together: what a model saw of one, it knows of the other.

So do those of which one was cut out of the other.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from curation.audit.crops import cropped
from curation.audit.duplicates import duplicates
from curation.audit.image_hash import ImageHash
from curation.core import splits
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
    images = list(hashes)
    group_of: dict[str, str] = {}
    for found in duplicates(images):
        first, *others = (contents[image_id] for image_id in found.image_ids)
        group_of |= dict.fromkeys(others, first) if not found.exact else {}
    whole = {image_id: group_of.get(content, content) for image_id, content in contents.items()}
    together, too_many = _without_large(whole, contents, largest)
    images = [image for image in images if image.image_id not in too_many]
    cut: dict[str, str] = {}
    for members in cropped(images, [together[image.image_id] for image in images]):
        cut |= dict.fromkeys(members, members[0])
    return _without_large(splits.joined(together, cut), together, largest)[0]


def _without_large(
    together: Mapping[str, str], before: Mapping[str, str], largest: int
) -> tuple[dict[str, str], set[str]]:
    """The groups, those that are too large as they were before; and the images of these."""
    sizes = Counter(together.values())
    large = {group for group, images in sizes.items() if images > max(largest, 1)}
    for group in sorted(large):
        _log.info(
            "%s look so alike that they would fill a part of the dataset: they are not taken for "
            "one photo.",
            count(sizes[group], "photo"),
        )
    gone = {image_id for image_id, group in together.items() if group in large}
    return {i: before[i] if i in gone else group for i, group in together.items()}, gone
