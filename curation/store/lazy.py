"""FiftyOne at its first use: it starts and connects to its database while it is imported.

Every module of the store takes ``fo`` from here, so that importing one starts nothing.
"""

from __future__ import annotations

import atexit
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from curation.core import console
from curation.store import database

if TYPE_CHECKING:
    import fiftyone as fo
else:

    class _FiftyOne:
        def __getattr__(self, name: str) -> Any:
            return getattr(_start(), name)

    fo = _FiftyOne()


@cache
def _start() -> Any:
    database.prepare()  # it pings an outside database: once, not at each use
    import fiftyone

    connection = _connect()
    if not database.database_uri():
        options = connection.client.admin.command("getCmdLineOpts")["parsed"]
        database.check_joined(options["storage"]["dbPath"], fiftyone.config.database_dir)
    atexit.register(database.say_nothing_more)  # after FiftyOne's hooks, so before them
    return fiftyone


def _connect() -> Any:
    """FiftyOne's connection to its database; tried once more where its own does not start.

    The one of a process that is just ending may still have held the files, and is gone by then.
    """
    from fiftyone.core.odm import database as of_fiftyone
    from fiftyone.core.service import ServiceListenTimeout

    try:
        return of_fiftyone.get_db_conn()
    except ServiceListenTimeout:
        console.say("FiftyOne's database did not start: trying once more.", "yellow")
        of_fiftyone._db_service = None  # or it would take the one that did not start
        return of_fiftyone.get_db_conn()


def let_go() -> None:
    """Has the process end at once, where the database is away.

    FiftyOne would ask it for what may be cleaned up, and wait for it half a minute once more.
    """
    if "fiftyone" in sys.modules:
        from fiftyone.core.odm import database as of_fiftyone

        atexit.unregister(of_fiftyone._delete_non_persistent_datasets_if_allowed)


__all__ = ["fo", "let_go"]
