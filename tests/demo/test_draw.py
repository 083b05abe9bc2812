import shutil

import pytest

from curation import store
from curation.core.errors import DatasetError
from curation.demo import run as demo
from curation.issues import injection
from curation.store import database


@pytest.fixture(autouse=True)
def no_earlier_demo():
    """What another test's demo left, in the database and on disk, is gone."""
    for name in (demo.DATASET, demo.STYLES, demo.TRUTH):
        store.delete(name)
        shutil.rmtree(database.folder(name), ignore_errors=True)
    shutil.rmtree(database.home() / "demo-data", ignore_errors=True)


def test_the_demo_never_removes_what_it_did_not_make():
    mine = database.folder(demo.DATASET)
    mine.mkdir(parents=True)
    (mine / "decisions.csv").write_text("a year of work")
    with pytest.raises(DatasetError, match="was not made by `curate demo`"):
        demo.run(60, pytest.fail)
    assert (mine / "decisions.csv").read_text() == "a year of work"
    (mine / "decisions.csv").unlink()
    mine.rmdir()


def test_a_demo_clears_away_the_last_one():
    """The second demo replaces what the first one made."""
    for _ in range(2):
        demo._forget(database.home() / "demo-data")
    injected, renamed = demo.draw(database.home() / "demo-data", 60)
    assert len(renamed) == 6
    assert {error.error_type for error in injected} == set(injection.TYPES)
    assert not store.exists(demo.DATASET)
