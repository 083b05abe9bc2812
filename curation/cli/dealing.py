"""What verbs that deal photos to splits and folds share: ``--group-by`` and ``--split``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from curation.core import console

if TYPE_CHECKING:
    from curation.store import Dataset


def _shares(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        train, val, test = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter("three numbers for train, val and test: 0.8,0.1,0.1") from None
    if not (train > 0 and val >= 0 and test > 0 and abs(train + val + test - 1) < 1e-9):
        raise click.BadParameter("the three make 1, and train and test are more than 0")
    return train, val, test


def dealing(verb: Callable) -> Callable:
    """The options ``--group-by`` and ``--split``, for :func:`deal`."""
    group_by = click.option(
        "--group-by",
        metavar="REGEX|FIELD",
        help="Keep photos together that share a field, or what an expression finds in their "
        "names (its first group); '' for none. Kept with the dataset.",
    )
    split = click.option(
        "--split",
        "shares",
        metavar="TRAIN,VAL,TEST",
        callback=_shares,
        help="Shares of the splits, before photos are dealt; default: 0.8,0.1,0.1. Kept as well.",
    )
    return group_by(split(verb))


def deal(dataset: Dataset, group_by: str | None, shares: tuple[float, ...] | None) -> None:
    """Deals a dataset's photos as the options say, and says which change their split."""
    if group_by is None and shares is None:
        return
    from curation import steps

    with console.bars() as progress:
        moved = steps.deal(dataset, group_by=group_by, shares=shares, progress=progress)
    for (was, now), photos in sorted(moved.items()):
        console.say(f"{console.count(photos, 'photo')} went from {was} to {now}.", "yellow")
