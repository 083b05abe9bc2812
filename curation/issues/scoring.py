"""Scores of one photo's labels against a model's probabilities, as rows a person can read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation import masks, rle
from curation.issues import disagreement
from curation.records import ImageRecord
from curation.rle import Rle
from curation.taxonomy import IGNORE, Channels, Taxonomy, label_map

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Issue:
    """What the model says of one label, or of a garment without one.

    Attributes:
        image_id, instance_id, source: which label, and where it stands in its file
        category: as labelled; empty for a missing garment
        error_score: 0 good, 1 bad
        error_type: wrong category, spurious or missing
        suggested_label: what the model sees
        reason: a sentence for the reviewer
        mask: of a missing garment; None for a label, which has its own
    """

    image_id: str
    instance_id: str
    source: str
    category: str
    error_score: float
    error_type: str
    suggested_label: str
    reason: str
    mask: Rle | None = None


@dataclass(frozen=True, slots=True)
class PhotoScore:
    """A photo's score (0 good, 1 bad) and the issues of its labels and missing garments."""

    image_id: str
    error_score: float
    issues: tuple[Issue, ...]


def score_record(
    record: ImageRecord,
    instance_ids: Sequence[str],
    probabilities: NDArray[np.float32],
    taxonomy: Taxonomy,
    channels: Channels,
    run: str,
) -> PhotoScore:
    """Scores every label of one photo.

    Args:
        record: its categories are the taxonomy's classes or ``ignore``
        instance_ids: of the record's instances
        probabilities: (K, S, S), one channel for each of ``channels``
        run: goes into the ids of missing garments
    """
    size = probabilities.shape[-1]
    small = channels.encode(label_map(record, taxonomy, size))
    issues: list[Issue] = []
    views = []
    for instance, key in zip(record.instances, instance_ids, strict=True):
        if instance.category == IGNORE:
            continue
        given = channels.names.index(instance.category)
        inside = masks.resize_nearest(rle.decode(instance.mask), size, size)
        views.append((given, inside))
        found = disagreement.score_instance(probabilities, inside, given)
        if found is None:
            continue
        suggested = channels.names[found.suggested]
        issues.append(
            Issue(
                record.image_id,
                key,
                instance.source,
                instance.category,
                found.error_score,
                "wrong category" if found.suggested else "spurious",
                suggested,
                disagreement.sentence(found, instance.category, suggested),
            )
        )
    for region in disagreement.missing_regions(probabilities, small, views):
        name = channels.names[region.class_id]
        mask = rle.encode(masks.resize_nearest(region.mask, record.height, record.width))
        text = f"{run}\0{record.image_id}\0{name}\0".encode() + mask.counts
        issues.append(
            Issue(
                record.image_id,
                blake2b(text, digest_size=12).hexdigest(),
                f"run:{run}",
                "",
                region.score,
                MISSING,
                name,
                f"nothing is labelled here; the model sees {name} ({region.score:.2f})",
                mask,
            )
        )
    photo = disagreement.score_photo(probabilities, small)
    return PhotoScore(record.image_id, photo, tuple(issues))


def as_table(issues: Sequence[Issue], decided: Collection[str] = ()) -> pd.DataFrame:
    """Issues as rows, worst first; those that a reviewer decided on already come last.

    Masks are text, see :func:`curation.rle.to_text`.

    Args:
        decided: instance ids
    """
    columns = list(Issue.__slots__)
    rows = [[getattr(issue, name) for name in columns] for issue in issues]
    table = pd.DataFrame(rows, columns=columns)
    table["mask"] = [rle.to_text(i.mask) if i.mask else "" for i in issues]
    table["decided"] = [i.instance_id in decided for i in issues]
    order = ["decided", "error_score", "image_id", "instance_id"]
    return table.sort_values(order, ascending=[True, False, True, True], ignore_index=True)
