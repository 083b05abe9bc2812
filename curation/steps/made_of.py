"""What an export says of itself: what made it, and which of its photos are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from curation.core.splits import SPLITS
from curation.formats.export import About
from curation.steps import dealing
from curation.steps.together import Together
from curation.steps.working_copy import WorkingCopy
from curation.store import Dataset, frozen

_PACKAGES = ("curate", "numpy", "pillow", "opencv-python-headless", "pycocotools")
"""What decodes, scales and writes."""


def about(
    dataset: Dataset, work: WorkingCopy, together: Together, asked: Mapping[str, Any]
) -> About:
    """What any export of a dataset says, whatever its format.

    Args:
        work: the labels that are written
        together: the images that are kept together
        asked: what was asked for, for its manifest
    """
    manifest = {**asked, **_made_of(dataset, work), **_guarded(dataset, work, together)}
    return About(manifest, {"group": together.of})


def _made_of(dataset: Dataset, work: WorkingCopy) -> dict[str, Any]:
    """What the bytes of an export hang on. No time of day: the same labels give the same bytes."""
    how = dealing.load(dataset.folder)
    return {
        "made_of": {
            "labels": work.digest(),
            "taxonomy": sha256(dataset.taxonomy_toml.encode()).hexdigest(),
            "decisions": len(work.review.active),
            "last_decision": work.last_decision,
            "versions": {name: version(name) for name in _PACKAGES},
        },
        "shares": dict(zip(SPLITS, how.shares, strict=True)),
        "group_by": how.group_by,
    }


def _guarded(dataset: Dataset, work: WorkingCopy, together: Together) -> dict[str, Any]:
    """The frozen test set, as :class:`curation.steps.runs.FolderRuns` asks for it."""
    test_set = frozen.read(dataset.folder)
    if test_set is None:
        return {}
    hashes = sorted({work.groups[image_id] for image_id in together.held})
    return {"frozen": {"on": test_set.on[:10], "by": test_set.by, "photo_hashes": hashes}}
