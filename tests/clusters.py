"""Dask clusters on this machine, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.conftest import lacking


def require_dask() -> None:
    """Skips a test of Dask where it is not here."""
    if find_spec("distributed") is None:
        lacking("Dask is not installed: pip install '.[dask]'")


@contextmanager
def two_workers(folder: Path) -> Iterator[str]:
    """The address of a scheduler with two worker processes.

    Args:
        folder: for what they keep
    """
    require_dask()
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50,
        local_directory=folder,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address
