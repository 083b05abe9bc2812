"""Saved views and workspaces, each made once.

FiftyOne saves one with two writes, the document itself and the dataset's reference to it, and
overwrites one by deleting it first. A kill in between leaves a document that nobody refers to, or
a reference to none, of which FiftyOne complains ever after. So what is there stays, and of what is
about to be made the halves go first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bson import json_util

from curation.store import bulk
from curation.store.dataset import Dataset
from curation.store.lazy import fo


def save_view(
    dataset: Dataset, name: str, description: str, make: Callable[[], fo.DatasetView]
) -> None:
    """Saves a view, unless there is one of this name.

    Args:
        make: called where there is none
    """
    with dataset.locked():
        if not _is_saved(dataset, "saved_views", "views", name):
            view = make()
            if view._is_generated:
                # FiftyOne does so last; a kill before that had it drop the tiles of a saved view.
                view._dataset.persistent = True
            dataset.samples.save_view(name, view, description=description)


def replace_view(
    dataset: Dataset, name: str, description: str, make: Callable[[], fo.DatasetView]
) -> None:
    """Saves a view, or what it shows by now in the one of this name: with one write, as FiftyOne
    would delete that first."""
    with dataset.locked():
        save_view(dataset, name, description, make)
        stages = [json_util.dumps(stage) for stage in make()._serialize(include_uuids=False)]
        views = bulk.collection(dataset.samples).database["views"]
        of_name = {"_dataset_id": bulk.dataset_id(dataset.samples), "name": name}
        views.update_one(of_name, {"$set": {"view_stages": stages}})


def save_workspace(
    dataset: Dataset, name: str, description: str, make: Callable[[], fo.Space]
) -> None:
    """Saves a workspace, as :func:`save_view`."""
    with dataset.locked():
        if not _is_saved(dataset, "workspaces", "workspaces", name):
            dataset.samples.save_workspace(name, make(), description=description)


def generated(view: Mapping[str, Any]) -> Iterator[str]:
    """The datasets that FiftyOne keeps the tiles of a saved view in.

    Args:
        view: its document
    """
    for text in view.get("view_stages") or ():
        state = dict(json.loads(text)["kwargs"]).get("_state") or {}
        if fo.dataset_exists(state.get("name", "")):
            yield state["name"]


def _is_saved(dataset: Dataset, references: str, documents: str, name: str) -> bool:
    """Whether the dataset refers to one of this name; halves of it are removed."""
    from fiftyone.core.utils import to_slug

    kept = bulk.collection(dataset.samples).database[documents]
    listed = bulk.read_dataset(dataset.samples, references) or []
    there = kept.distinct("_id", {"_id": {"$in": listed}})
    if lost := [key for key in listed if key not in there]:
        bulk.update_dataset(dataset.samples, {"$pull": {references: {"$in": lost}}})
    # By the slug: FiftyOne takes no second one that differs by case alone.
    of_name = {"_dataset_id": bulk.dataset_id(dataset.samples), "slug": to_slug(name)}
    saved = False
    for document in kept.find(of_name):
        if document["_id"] in there:
            saved = True
            continue
        for copies in generated(document):
            fo.delete_dataset(copies)
        kept.delete_one({"_id": document["_id"]})
    return saved
