"""What other reviewers have on screen, so that nobody is asked what somebody is answering.

Claims are in the database, since two Apps may show one dataset; they end by themselves, and are
worth nothing but time: a decision on what another one claimed is not refused for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from curation.store import bulk
from curation.store.dataset import Dataset

if TYPE_CHECKING:
    from pymongo.collection import Collection

COLLECTION = "curate.claims"
MINUTES = 3
"""That a claim holds, unless it is renewed."""


def claim(dataset: Dataset, reviewer: str, label_ids: Sequence[str]) -> dict[str, str]:
    """Puts a reviewer's name on labels, in place of those that the reviewer had claimed before.

    Args:
        label_ids: that the reviewer has on screen, or will have next

    Returns:
        what others hold now, by label id: who
    """
    claims, now = _claims(dataset), datetime.now(UTC)
    until = now + timedelta(minutes=MINUTES)
    of_dataset = {"dataset": dataset.name}
    claims.delete_many({**of_dataset, "$or": [
        {"reviewer": reviewer, "label": {"$nin": list(label_ids)}}, {"until": {"$lt": now}},
    ]})  # fmt: skip
    others = {c["label"]: c["reviewer"]
              for c in claims.find({**of_dataset, "reviewer": {"$ne": reviewer}})}  # fmt: skip
    mine = [label for label in label_ids if label not in others]
    if mine:
        from pymongo import UpdateOne

        # Who comes first has it: what another one inserted meanwhile stays as it is.
        claims.bulk_write([
            UpdateOne({"_id": f"{dataset.name}/{label}"},
                      {"$setOnInsert": {**of_dataset, "label": label, "reviewer": reviewer},
                       "$max": {"until": until}}, upsert=True)
            for label in mine
        ], ordered=False)  # fmt: skip
        theirs = {**of_dataset, "label": {"$in": mine}, "reviewer": {"$ne": reviewer}}
        others |= {c["label"]: c["reviewer"] for c in claims.find(theirs)}
    return others


def _claims(dataset: Dataset) -> Collection:
    return bulk.collection(dataset.samples).database[COLLECTION]
