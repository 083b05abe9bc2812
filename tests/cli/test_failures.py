"""What stops a verb from outside is one sentence, and the verb can be run again."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.cli import failures
from curation.core import rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.review.journal import Journal, decision
from curation.store.labels import remap
from curation.store.write import write
from tests.conftest import decide, mongod_away

ROOT = Path(__file__).parents[2]
NAME = "test-failures"
TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
HELD = """
import sys
from curation.cli import main
from curation.store import bulk
real = bulk.update
def held(*args):
    print("here", flush=True)
    sys.stdin.readline()
    bulk.update = real
    real(*args)
bulk.update = held
main()
"""
"""``curate``, which stops before it writes a batch of photos, until it is told to go on."""


@pytest.fixture
def dataset(tmp_path):
    store.delete(NAME)
    Image.new("RGB", (6, 4), "red").save(tmp_path / "a.png")
    shirt = Instance("shirt, blouse", rle.encode(np.eye(4, 6) > 0))
    write(NAME, [ImageRecord("a", tmp_path / "a.png", 4, 6, (shirt,))])
    opened = store.open(NAME)
    (opened.folder / "decisions.csv").unlink(missing_ok=True)
    remap(opened, TOML, "supercategories.toml")
    yield opened
    store.delete(NAME)


def curate(*arguments, code="from curation.cli import main; main()", seconds=30, **rest):
    uri = f"{os.environ['FIFTYONE_DATABASE_URI']}/?serverSelectionTimeoutMS={seconds * 1000}"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FIFTYONE_DATABASE_URI": uri}, **rest,
    )  # fmt: skip


def said(process, *going_on):
    _, err = process.communicate(*going_on, timeout=60)
    assert "Traceback" not in err, err
    return process.returncode, err


def test_a_database_that_goes_away_is_a_sentence(dataset):
    process = curate("audit", NAME, code=HELD, seconds=1)
    assert process.stdout.readline() == "here\n"
    with mongod_away():
        code, err = said(process, "\n")
    assert code == 1
    assert "Error: database: mongodb://127.0.0.1" in err
    assert "does not answer any more" in err
    assert ", at audit: 1 of 1; " in err
    assert "run the same command again" in err
    code, err = said(curate("audit", NAME))
    assert code == 0, err


def test_one_that_comes_back_is_waited_for_and_that_is_said(dataset):
    process = curate("audit", NAME, code=HELD)
    assert process.stdout.readline() == "here\n"
    with mongod_away():
        process.stdin.write("\n")
        process.stdin.flush()
        said_so = any("waiting for it" in line for line in iter(process.stderr.readline, ""))
        assert said_so
    code, err = said(process)
    assert code == 0, err
    assert "The database is there again." in err


def test_a_full_disk_is_a_sentence_and_the_file_is_as_it_was(dataset, tmp_path):
    (record,) = dataset.records()
    decide(dataset, "keep", image_id="a", instance_id=record.instances[0].instance_id)
    path = tmp_path / "out.csv"
    path.write_text("before")

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))

    code, err = said(curate("decisions", NAME, "export", str(path), preexec_fn=full))
    assert code == 1
    assert f"Error: {path}: cannot be written (File too large)" in err
    assert "make room, and run the same command again" in err
    assert path.read_text() == "before"
    assert list(tmp_path.glob(".*")) == []


def test_a_journal_on_a_full_disk_takes_all_decisions_or_none(tmp_path):
    code = f"""
import resource, sys
from pathlib import Path
from curation.review.journal import Journal, decision
journal = Journal(Path({str(tmp_path / "decisions.csv")!r}))
made = [decision("exclude", f"photo {{n}}", "ann") for n in range(100)]
journal.append(made[:1])
size = journal.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size * 3, size * 3))
try:
    journal.append(made[1:])
except OSError as error:
    sys.exit(f"{{error.filename}}")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    journal = Journal(tmp_path / "decisions.csv")
    assert done.stderr == f"{journal.path}\n"
    assert [d.image_id for d in journal.read()] == ["photo 0"]
    journal.append([decision("exclude", "b", "ann")])
    assert len(journal.read()) == 2


def test_a_photo_folder_that_vanishes_is_a_sentence(dataset, tmp_path):
    (tmp_path / "a.png").unlink()
    code, err = said(curate("export", NAME, str(tmp_path / "out"), "--format", "tfrecord"))
    assert code == 1
    assert str(tmp_path / "a.png") in err


def raised(act):
    with pytest.raises(Exception) as caught:
        act()
    return caught.value


def test_a_database_of_fiftyones_own_that_does_not_start_is_a_sentence():
    from fiftyone.core.service import ServiceListenTimeout

    said = failures.sentence(ServiceListenTimeout("mongod", 27017))
    assert "did not start; another process may be starting or ending it just now" in said
    assert "run the same command again" in said


def test_what_is_no_failure_of_the_machine_keeps_its_traceback():
    def while_a_file_is_away():
        try:
            Path("/nowhere").read_text()
        except OSError:
            {}["a fault of ours"]

    assert failures.sentence(raised(while_a_file_is_away)) == ""
    assert failures.sentence(BrokenPipeError(errno.EPIPE, "Broken pipe")) == ""
    assert "/nowhere: No such file or directory" in failures.sentence(
        raised(Path("/nowhere").read_text)
    )
    full = raised(lambda: Path("/dev/full").write_text("x"))
    assert failures.sentence(full).startswith("cannot be written (No space left on device)")
