import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from curation.core.errors import CurateError
from training.data import row_cache
from training.data.row_cache import RowCache

ROW = np.dtype([("a", "u1", (3,)), ("b", "<f2")])
BATCHES = (["one", "two"], ["three", "four", "five", "six"], ["seven"])
KEYS = [key for batch in BATCHES for key in batch]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def shards_of_three_rows(monkeypatch):
    monkeypatch.setattr(row_cache, "SHARD", 3 * ROW.itemsize + 1)


def row(key):
    number = KEYS.index(key)
    return np.array(((number, number + 1, number + 2), number / 2), ROW)


def opened(folder):
    return RowCache(folder / "rows-v2", ROW, "its rows")


def add(folder, *batches):
    """Appends what is not there of each batch."""
    cache = opened(folder)
    with cache.appending() as append:
        for batch in batches:
            missing = [key for key in batch if key not in cache]
            append(missing, np.array([row(key) for key in missing], ROW))
    return cache


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / "rows-v2").iterdir()}


def test_a_row_is_read_as_it_was_written_whatever_shard_it_is_in(tmp_path):
    for cache in (add(tmp_path, *BATCHES), opened(tmp_path)):
        assert all(cache.row(cache.index(key)) == row(key) for key in KEYS)
        assert len(cache) == 7
        assert "eight" not in cache
    written = files(tmp_path)
    assert [len(written[f"rows-{n:04d}.bin"]) // ROW.itemsize for n in range(3)] == [3, 3, 1]


def test_of_many_rows_that_were_read_few_are_memory_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(row_cache, "SHARD", 8 << 20)
    monkeypatch.setattr(row_cache, "RESIDENT", 4 << 20)
    cache = RowCache(tmp_path / "rows-v1", np.dtype(("u1", (1 << 20,))), "its rows")
    written = np.arange(20, dtype=np.uint8)[:, None].repeat(1 << 20, axis=1)
    with cache.appending() as append:
        append([f"{number}" for number in range(20)], written)
    assert [int(cache.row(number).max()) for number in range(20)] == list(range(20))
    maps = [m for m in psutil.Process().memory_maps() if str(cache.folder) in m.path]
    assert len(maps) == 3
    assert sum(m.rss for m in maps) <= 5 << 20


def test_what_is_there_is_not_written_again(tmp_path):
    add(tmp_path, *BATCHES)
    before = files(tmp_path)
    add(tmp_path, *BATCHES)
    assert files(tmp_path) == before


def states():
    """Of each batch, the files as they grow: shards in their order, then the keys."""
    for number in range(len(BATCHES)):
        for cut in range(0, 4 * ROW.itemsize + 5 * 65, 7):
            yield number, cut


def test_a_kill_at_any_write_loses_one_batch_at_most_and_the_next_run_completes_it(tmp_path):
    whole = tmp_path / "whole"
    grown = [{}]
    for batch in BATCHES:
        add(whole, batch)
        grown.append(files(whole))
    for number, cut in states():
        folder = tmp_path / f"{number}-{cut}"
        (folder / "rows-v2").mkdir(parents=True)
        before, after, left = grown[number], grown[number + 1], cut
        for name in sorted(after, key=lambda name: (name == "keys.txt", name)):
            old, new = len(before.get(name, b"")), after[name]
            came = min(left, len(new) - old)
            left -= came
            if old + came:
                (folder / "rows-v2" / name).write_bytes(new[: old + came])
        cache = opened(folder)
        kept = [key for key in KEYS if key in cache]
        assert kept == KEYS[: len(kept)]
        assert len(kept) >= sum(map(len, BATCHES[:number]))
        assert all(cache.row(cache.index(key)) == row(key) for key in kept)
        add(folder, *BATCHES)
        assert files(folder) == files(whole)


def test_a_shard_that_is_gone_takes_what_comes_after_it_along(tmp_path):
    add(tmp_path, *BATCHES)
    whole = files(tmp_path)
    (tmp_path / "rows-v2" / "rows-0001.bin").unlink()
    assert [key in opened(tmp_path) for key in KEYS] == [True] * 3 + [False] * 4
    add(tmp_path, *BATCHES)
    assert files(tmp_path) == whole


def test_a_cache_of_an_earlier_build_is_removed_in_one_sentence(tmp_path, caplog):
    for name in ("rows-v1", "rows-v3", "other-v1", "rows-x-v1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.bin").touch()
    with caplog.at_level(logging.INFO, "training"):
        add(tmp_path, *BATCHES)
    there = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert there == {"rows-v2", "rows-v3", "other-v1", "rows-x-v1"}
    (record,) = caplog.records
    assert "rows-v1: its rows of an earlier build, deleted" in record.getMessage()


HELD = """
import sys, numpy as np
from pathlib import Path
from training.data.row_cache import RowCache
with RowCache(Path(sys.argv[1]), np.dtype("<f2"), "its rows").appending():
    print(flush=True)
    sys.stdin.read()
"""


def test_a_cache_that_another_process_adds_to_is_not_evicted_and_any_other_is(tmp_path):
    folder = tmp_path / "rows-v2"
    with subprocess.Popen(
        [sys.executable, "-c", HELD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as other:  # fmt: skip
        other.stdout.readline()
        with pytest.raises(CurateError, match="rows-v2: another process adds to it just now"):
            row_cache.evict(folder)
        other.stdin.close()
    cache = add(tmp_path, *BATCHES)
    row_cache.evict(folder)
    assert not folder.exists()
    assert cache.row(6) == row("seven"), "whoever reads it reads on"


EVICTED = """
import shutil, sys
from pathlib import Path
from training.data import row_cache
remove = shutil.rmtree
def slowly(folder):
    print(flush=True)
    sys.stdin.readline()
    remove(folder)
shutil.rmtree = slowly
row_cache.evict(Path(sys.argv[1]))
"""


def test_who_adds_to_a_cache_while_it_is_evicted_begins_it_anew(tmp_path, caplog):
    add(tmp_path, *BATCHES)
    folder, cache = tmp_path / "rows-v2", opened(tmp_path)
    with caplog.at_level(logging.INFO, "training"), subprocess.Popen(
        [sys.executable, "-c", EVICTED, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as other, ThreadPoolExecutor(1) as pool:  # fmt: skip
        other.stdout.readline()
        added = pool.submit(add, tmp_path, *BATCHES)
        while not (caplog.records or added.done()):  # it waits
            time.sleep(0.01)
        other.communicate(b"\n")
        added.result(60)
    assert cache.row(6) == row("seven"), "whoever reads it reads on"
    assert [opened(tmp_path).row(n) for n in range(7)] == [row(key) for key in KEYS]
