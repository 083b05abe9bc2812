"""The one FiftyOne adapter: records <-> samples, the working copy, results, views.

The dataset is a workbench. What cannot be computed again (the annotation
files, the journal of decisions, the runs) is on disk.
"""

# ruff: noqa: E402
from curation.store import database

database.prepare()  # FiftyOne connects while it is imported

from curation.store.app_config import configure
from curation.store.datasets import (
    check_name,
    count_images,
    count_unmapped,
    delete,
    exists,
    folder,
    image_groups,
    info,
    list_datasets,
    open_dataset,
    read,
    select,
    write_column,
)
from curation.store.decisions import decide, orphans, take_file, undo
from curation.store.edits import refresh
from curation.store.faults import write_faults
from curation.store.intake import (
    complete,
    open_or_create,
    take,
    target,
    update_notes,
    write,
)
from curation.store.labels import (
    active_taxonomy,
    decisions,
    excluded,
    finer_labels,
    remap,
)
from curation.store.results import prediction_paths, write_predictions, write_scores

__all__ = [
    "active_taxonomy",
    "check_name",
    "complete",
    "configure",
    "count_images",
    "count_unmapped",
    "decide",
    "decisions",
    "delete",
    "excluded",
    "exists",
    "finer_labels",
    "folder",
    "image_groups",
    "info",
    "list_datasets",
    "open_dataset",
    "open_or_create",
    "orphans",
    "prediction_paths",
    "read",
    "refresh",
    "remap",
    "select",
    "take",
    "take_file",
    "target",
    "undo",
    "update_notes",
    "write",
    "write_column",
    "write_faults",
    "write_predictions",
    "write_scores",
]
