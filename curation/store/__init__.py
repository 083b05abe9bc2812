"""The one FiftyOne adapter: records <-> samples, the working copy, results, views.

``store.open(name)`` gives a :class:`Dataset`; until then no database is started. The dataset
is a workbench: what cannot be computed again (annotation files, the journal of decisions, the
runs) is on disk.
"""

from curation.store.dataset import (
    Dataset,
    check_name,
    delete,
    exists,
    names,
    open_or_create,
    wrap,
)
from curation.store.opening import open, renew

__all__ = [
    "Dataset",
    "check_name",
    "delete",
    "exists",
    "names",
    "open",
    "open_or_create",
    "renew",
    "wrap",
]
