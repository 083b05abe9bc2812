"""Errors that name the file, the place in it, the reason and the way out."""

from __future__ import annotations

from functools import partial
from pathlib import Path


class CurateError(Exception):
    """Something a user can put right.

    Args:
        path: the file (or dataset) that is wrong
        reason: what is wrong, and, where one exists, the way out
        where: the place in it: a line, a key, a column; empty for the whole

    >>> raise CurateError("train.csv", "not a number", where="1042")
    Traceback (most recent call last):
    curation.core.errors.CurateError: train.csv:1042: not a number
    """

    def __init__(self, path: str | Path, reason: str, *, where: str = "") -> None:
        self.path = str(path)
        self.where = where
        self.reason = reason
        location = f"{self.path}:{where}" if where else self.path
        super().__init__(f"{location}: {reason}")

    def __reduce__(self) -> tuple:
        """A worker process sends it through pickle, which knows only the message."""
        return partial(type(self), where=self.where), (self.path, self.reason)


class FormatError(CurateError):
    """An annotation file is wrong as a whole: nothing was read from it."""


class TaxonomyError(CurateError):
    """A taxonomy file is wrong, or does not cover the labels of a dataset."""


class DatasetError(CurateError):
    """A dataset is missing, or lacks what a verb needs."""


class RunError(CurateError):
    """A training run is missing, unfinished or does not fit the dataset."""
