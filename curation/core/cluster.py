"""A Dask cluster that does what :func:`curation.core.parallel.ordered` is given.

Its workers run the same ``curate`` and see the same folders under the same names. A worker that
dies loses nothing: Dask has what it worked on done by another one.
"""

from __future__ import annotations

import copyreg
import io
import logging
import pickle
import platform
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.core import parallel
from curation.core.errors import CurateError

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 5
"""Seconds in which a scheduler answers."""

_PACKAGES = ("curate", "numpy", "pillow", "opencv-python-headless", "pycocotools")
"""Other versions than this process has would make other bytes."""

_log = logging.getLogger(__name__)


@contextmanager
def joined(address: str) -> Iterator[None]:
    """In here, the workers of a cluster do what is parallel.

    Args:
        address: of its scheduler, e.g. ``tcp://10.0.0.1:8786``

    Raises:
        CurateError: the extra is not installed, no scheduler answers, or it went away
    """
    try:
        from distributed import Client
    except ImportError:
        raise CurateError("--dask", "needs Dask: pip install '.[dask]'") from None
    # Its own account of a scheduler that went away is a page long; ours is a sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    # What `flag` sees of 32 photos is some megabytes, and nothing that Dask could load itself.
    warnings.filterwarnings("ignore", "Sending large graph")
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = f"no Dask scheduler answers there ({error}): start one with `dask scheduler`"
        raise CurateError(address, reason) from None
    with client, parallel.elsewhere(partial(_ordered, client, address)):
        if not client.nthreads():
            _log.warning("No worker has joined %s yet: waiting for one.", address)
        yield


def _ordered(
    client: Client,
    address: str,
    function: Callable[[Any, Any], Any],
    shared: Any,
    items: Iterable[Any],
) -> Iterator[Any]:
    """As :func:`parallel.ordered`.

    Raises:
        CurateError: the cluster or its scheduler went away, a worker is not as this process, or an
            item ended one worker after the other
        Exception: what the function raised
    """
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    left, waiting = iter(items), deque[Any]()
    packed, paths = _packed(shared)
    try:
        # Not scattered: what is lost with a worker could not be made again.
        given = client.submit(_unpacked, packed, pure=False)
        while True:
            for item in islice(left, max(0, _room(client) - len(waiting))):
                what, where = _packed(item)
                call = (function, given, what, paths | where, _about())
                waiting.append(client.submit(_call, *call, pure=False))
            if not waiting:
                return
            yield waiting.popleft().result()
    except KilledWorker:
        reason = (
            "several workers died on the same photos, perhaps for memory: give each more "
            "(`dask worker --memory-limit`), and run the command again"
        )
        raise CurateError(address, reason) from None
    except (FutureCancelledError, CommClosedError):
        reason = (
            "the scheduler does not answer any more: what was done is kept; start it again, and "
            "run the same command again"
        )
        raise CurateError(address, reason) from None
    except RuntimeError as error:
        if "deserialization of the task graph" not in str(error):
            raise
        reason = "the scheduler has another environment: start it with the curate of this machine"
        raise CurateError(address, reason) from None
    finally:
        if waiting and client.status == "running":  # who took no more may come here later
            client.cancel(list(waiting))


def _room(client: Client) -> int:
    """How many items may be done or waiting; workers come and go."""
    return parallel.AHEAD * max(1, sum(client.nthreads().values()))


def _packed(value: Any) -> tuple[bytes, frozenset[Path]]:
    """A value through pickle, and of each folder that it names a path that is here.

    A path that is relative to the shell's folder would be another one on a worker.
    """
    found: dict[Path, Path] = {}

    def note(path: Path) -> Any:
        whole = path.absolute()
        found.setdefault(whole.parent, whole)
        return whole.__reduce__()

    out = io.BytesIO()
    pickler = pickle.Pickler(out, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {**copyreg.dispatch_table, type(Path()): note}
    pickler.dump(value)
    # A file that is to be written is not here yet, but its folder is.
    paths = (path if path.exists() else path.parent for path in found.values())
    return out.getvalue(), frozenset(path for path in paths if path.exists())


def _unpacked(packed: bytes) -> Any:
    return pickle.loads(packed)  # noqa: S301 - who starts a worker trusts the cluster


def _call(
    function: Callable[[Any, Any], Any],
    shared: Any,
    packed: bytes,
    paths: Iterable[Path],
    about: dict[str, str],
) -> Any:
    """One item, in a worker.

    Args:
        paths: that the caller sees
        about: what it runs

    Raises:
        CurateError: this worker has other versions, or does not see a path
    """
    worker, here = f"worker on {platform.node()}", _about()
    if others := [name for name in about if about[name] != here[name]]:
        name = others[0]
        reason = f"has {name} {here[name]}, and not {about[name]}: install the same on both"
        raise CurateError(worker, reason)
    if unseen := sorted(path for path in paths if not path.exists()):
        reason = "is not there: mount it under the same path on every machine of the cluster"
        raise CurateError(worker, f"{unseen[0]} {reason}")
    return function(shared, _unpacked(packed))


@cache
def _about() -> dict[str, str]:
    """What makes the same bytes of the same photos, by name."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, **{name: version(name) for name in _PACKAGES}}
