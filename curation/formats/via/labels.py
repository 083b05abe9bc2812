"""What regions are: by one of their attributes, or one label for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from curation.core.errors import CurateError, FormatError
from curation.core.finding import Finding, FindingKind
from curation.formats.messages import MAX_NAMED, alike, listed, printable, quoted
from curation.formats.via.regions import Listing, Region


def naming(
    path: Path, listings: Sequence[Listing], label_attribute: str | None, label: str | None
) -> Callable[[Region], str]:
    """What gives each region its label, as :func:`label_of` does, or one label for all.

    Raises:
        CurateError: both are given, or no list could show the label
        FormatError: see :func:`attribute`
    """
    if label is None:
        return partial(label_of, attribute=attribute(path, listings, label_attribute))
    if label_attribute is not None:
        both = "--label gives all regions one label, --label-attribute each its own"
        raise CurateError(path, f"{both}: leave one out")
    try:
        one = printable(label)
    except ValueError as error:
        raise CurateError("--label", str(error)) from None
    return lambda _: one


def attribute(path: Path, listings: Sequence[Listing], asked: str | None) -> str:
    """The attribute that holds the labels: the one that is asked for, or the only one.

    Raises:
        FormatError: no region has it, or more than one may be meant; with those there are
    """
    every = [region for listing in listings for region in listing.regions]
    regions = [region for region in every if isinstance(region, Region)]
    present = Counter(name for region in regions for name in region.attributes)
    if asked is None and len(present) == 1:
        asked = next(iter(present))
    if asked is not None and asked in present:
        return asked
    if not present:
        unread = [region.detail for region in every if isinstance(region, Finding)]
        if unread and not regions:
            raise FormatError(path, f"no region can be read; the first: {unread[0]}")
        wrong = "no region has an attribute" + (f", so none has {asked!r}" if asked else "")
        raise FormatError(path, f"{wrong}; --label NAME gives all regions one label")
    wrong = "name the label attribute"
    if asked is not None:
        wrong = f"no region has the attribute {asked!r}{alike(asked, present)}"
    raise FormatError(path, f"{wrong}; there are: {listed(present)}")


def label_of(region: Region, attribute: str) -> str:
    """What a region is, by one attribute: a text, a number, or the only box ticked.

    Raises:
        ValueError: it has no such attribute, or a value that cannot be a label
    """
    if attribute not in region.attributes:
        raise ValueError(f"no {quoted(attribute)} in its region_attributes")
    value = region.attributes[attribute]
    if isinstance(value, dict):  # a checkbox: {"preppy": true}
        ticked = [name for name, on in value.items() if on]
        if len(ticked) != 1:
            raise ValueError(f"{len(ticked)} boxes of {quoted(attribute)} are ticked, not one")
        value = ticked[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{quoted(attribute)} is {quoted(value)}, not a text")
    return printable(str(value))


def numbers(path: Path, labels: Iterable[str]) -> tuple[Finding, ...]:
    """A word on a file all of whose labels are numbers, as ids of options often are."""
    found = set(labels)
    if not found or not all(label.isdecimal() for label in found):
        return ()
    ordered = sorted(found, key=lambda label: (len(label), label))
    named = ", ".join(ordered[:MAX_NAMED]) + (", ..." if len(found) > MAX_NAMED else "")
    return (Finding(FindingKind.NUMBERS_FOR_LABELS, path.name, f"they are {named}"),)
