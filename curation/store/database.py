"""The database under FiftyOne, and the folder on disk that goes with a dataset.

Import this before ``fiftyone``: FiftyOne connects while it is being imported,
and waits half a minute for a database that is not there.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from curation.core import console
from curation.core.errors import DatasetError

PING_MS = 3000

_OUT_OF_DISK_SPACE = 14031
_UNAUTHORIZED = 13
"""MongoDB's codes of the errors."""


def prepare() -> None:
    """Sets FiftyOne's environment and pings an outside database.

    Raises:
        DatasetError: FIFTYONE_DATABASE_URI (or FiftyOne's config file) names a
            database that does not answer
    """
    # Before the first import, since FiftyOne reads them then; what the user set stays.
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")
    os.environ.setdefault("FIFTYONE_DATABASE_VALIDATION", "false")
    os.environ.setdefault("FIFTYONE_DEFAULT_APP_ADDRESS", "127.0.0.1")
    uri = database_uri()
    if uri and (reason := ping(uri)):
        raise DatasetError(
            "database",
            f"{without_password(uri)} does not answer ({reason}); start it, or unset "
            "FIFTYONE_DATABASE_URI to use the database that comes with FiftyOne",
        )
    say_when_away()


def lost(error: BaseException) -> str:
    """Why a database that went away, or has no room left, raised an error; empty for another."""
    if "pymongo" not in sys.modules:
        return ""
    from pymongo.errors import ConnectionFailure, OperationFailure

    where = without_password(database_uri() or "FiftyOne's own database")
    if isinstance(error, ConnectionFailure):
        reason = re.split(r" \(configured|,", str(error))[0]  # the rest is pymongo's own state
        return f"{where} does not answer any more ({reason})"
    if type(error).__name__ == "ServiceListenTimeout":
        return f"{where} did not start; another process may be starting or ending it just now"
    if isinstance(error, OperationFailure) and error.code == _OUT_OF_DISK_SPACE:
        return f"the disk of {where} is full"
    if isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED:
        return f"{where} lets this user not do that: it needs the role readWrite on FiftyOne's own"
    return ""


_ending: list[bool] = []


def say_nothing_more() -> None:
    """From here on a database may go: FiftyOne's own one ends with the process."""
    _ending.append(True)


def say_when_away() -> None:
    """Says on stderr when a database goes away, since pymongo waits for it without a word."""
    from pymongo import monitoring

    class Heartbeats(monitoring.ServerHeartbeatListener):
        away = False

        def started(self, event: monitoring.ServerHeartbeatStartedEvent) -> None:
            pass

        def succeeded(self, event: monitoring.ServerHeartbeatSucceededEvent) -> None:
            if self.away:
                console.say("The database is there again.", "yellow")
            self.away = False

        def failed(self, event: monitoring.ServerHeartbeatFailedEvent) -> None:
            if not self.away and not _ending:
                console.say("The database does not answer: waiting for it.", "yellow")
            self.away = True

    monitoring.register(Heartbeats())


def check_joined(joined: str, wanted: str) -> None:
    """Raises DatasetError where FiftyOne is on another database than the one that is configured.

    It joins any that a process of this user has started, whatever FIFTYONE_DATABASE_DIR says: one
    would see, and change, the datasets of another project.

    Args:
        joined, wanted: folders of databases
    """
    if Path(joined).expanduser().resolve() != Path(wanted).expanduser().resolve():
        raise DatasetError(
            "database",
            f"FiftyOne joined the one in {joined}, which another process of yours has started, and "
            f"not yours in {wanted}: end that process first, or give one of the two a MongoDB of "
            "its own with FIFTYONE_DATABASE_URI",
        )


def database_uri() -> str | None:
    """The MongoDB that the user named; None where FiftyOne starts its own.

    Raises:
        DatasetError: FiftyOne's config file is damaged, and it would not start
    """
    if uri := os.environ.get("FIFTYONE_DATABASE_URI"):
        return uri
    config = Path(os.environ.get("FIFTYONE_CONFIG_PATH", "~/.fiftyone/config.json")).expanduser()
    try:
        table = json.loads(config.read_text("utf-8"))
    except OSError:
        return None
    except (ValueError, RecursionError) as error:
        reason = f"FiftyOne's settings cannot be read: {error}; mend the file, or move it"
        raise DatasetError(config, reason) from None
    uri = table.get("database_uri") if isinstance(table, dict) else None
    if uri is not None and not isinstance(uri, str):
        raise DatasetError(config, f"{uri!r} is no address of a database", where="database_uri")
    return uri


def ping(uri: str) -> str:
    """Empty where a MongoDB answers at the URI within three seconds, else the reason."""
    import pymongo
    from pymongo.errors import PyMongoError

    try:
        client: pymongo.MongoClient = pymongo.MongoClient(uri, serverSelectionTimeoutMS=PING_MS)
        # Not "ping", which a database answers to somebody whom it will let do nothing else.
        client.admin.command("listDatabases", nameOnly=True, authorizedDatabases=True)
    except PyMongoError as error:
        return str(error).split(",")[0]
    return ""


def without_password(uri: str) -> str:
    """A URI as it may be shown."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def home() -> Path:
    """Where runs, decisions and lists are kept: ``CURATE_HOME``, or ``~/curate``."""
    return Path(os.environ.get("CURATE_HOME", "~/curate")).expanduser().resolve()


def person_folder() -> Path:
    """Where the networks that see people are kept; no dataset has a name like it."""
    return home() / ".person"


def folder(dataset_name: str) -> Path:
    """The folder of one dataset."""
    return home() / dataset_name
