"""Things by name, on disk."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.core.spool import Spool

SOMEWHERE = Path(tempfile.gettempdir())


@given(st.dictionaries(st.text(), st.binary()))
def test_it_reads_as_the_mapping_that_it_was_written_from(things):
    spool = Spool(things.items(), SOMEWHERE)
    assert dict(spool) == things
    assert list(spool) == list(things)
    assert dict(spool.only(list(things)[::2])) == dict(list(things.items())[::2])


def test_what_a_function_makes_of_it_is_another_one(tmp_path):
    spool = Spool({"a": 1, "b": 2}.items(), tmp_path)
    assert dict(spool.mapped(lambda n: n + 1)) == {"a": 2, "b": 3}
    assert dict(spool) == {"a": 1, "b": 2}


def test_what_takes_the_place_of_a_thing_is_in_another_one(tmp_path):
    things = Spool([("a", 1), ("b", 2), ("c", 3)], tmp_path)
    other = things.updated([("b", "two")])
    assert list(other.items()) == [("a", 1), ("b", "two"), ("c", 3)]
    assert list(things.items()) == [("a", 1), ("b", 2), ("c", 3)]


def test_a_name_that_is_not_there_is_a_key_error(tmp_path):
    with pytest.raises(KeyError):
        Spool(iter(()), tmp_path)["a"]


def test_its_file_is_in_no_folder(tmp_path):
    spool = Spool({"a": 1}.items(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert spool["a"] == 1


def test_threads_read_each_their_own(tmp_path):
    things = {str(n): [n] * 1000 for n in range(50)}
    spool = Spool(things.items(), tmp_path)
    found = {}

    def read(number: int) -> None:
        found[number] = all(spool[name] == thing for name, thing in things.items())

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(4), True)
