"""Every format of the table does what the table says."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from curation.core.errors import CurateError
from curation.formats import registry
from curation.formats.registry import FORMATS


@pytest.mark.parametrize("format_", registry.readers(), ids=lambda f: f.name)
def test_a_reader_takes_the_options_of_its_row(format_):
    taken = inspect.signature(format_.code().load).parameters
    own = [option.name for option in format_.options]
    assert list(taken)[2:] == own
    for option in format_.options:
        assert option.required == (taken[option.name].default is inspect.Parameter.empty)
    assert format_.example.startswith(f"{format_.name} ")


@pytest.mark.parametrize("format_", registry.writers(), ids=lambda f: f.name)
def test_a_writer_is_there(format_):
    assert callable(format_.code().write if format_.holds_images else format_.code().export)


def test_every_format_reads_or_writes_and_has_a_name_of_its_own():
    assert all(format_.reads or format_.writes for format_ in FORMATS)
    assert len({format_.name for format_ in FORMATS}) == len(FORMATS)


def test_an_unknown_format_is_told_with_those_that_are_there():
    there = "there are imaterialist, imaterialist-2019, via, coco, cvat, yolo-seg, masks, csv"
    with pytest.raises(CurateError, match=there):
        registry.writer("label-studio")


def test_the_table_loads_no_format():
    asked = "import sys, curation.formats.registry; print('numpy' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
