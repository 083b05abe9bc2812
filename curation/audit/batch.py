"""All that is to be known of some photos by themselves. Runs in worker processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from curation.audit import duplicates, image_hash, instances
from curation.audit.duplicates import ImageLabels
from curation.audit.image_hash import ImageHash
from curation.core.finding import Finding
from curation.core.records import ImageRecord


class Checked(NamedTuple):
    """A photo's own findings, and what it is compared with others by."""

    image_id: str
    findings: list[Finding]
    image: ImageHash | None
    labels: ImageLabels


def check(known: Mapping[str, ImageHash], records: Sequence[ImageRecord]) -> list[Checked]:
    """Audits each photo's labels and its file.

    Args:
        known: hashes from an earlier time, by image_id: see :func:`image_hash.check_image`
    """
    result = []
    for record in records:
        image, of_image = image_hash.check_image(record, known.get(record.image_id))
        found = instances.audit_record(record) + of_image
        result.append(Checked(record.image_id, found, image, duplicates.summarise(record)))
    return result
