"""The verbs on databases as teams have them: with a user, as a replica set, far away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from curation.demo import run as demo
from curation.store import database
from tests.databases import FarAway, add_user, begin_replica_set, mongod

ROOT = Path(__file__).parents[2]
PAUSE = 0.1

VERBS = """
import imaterialist NAME --annotations train.csv --images photos
remap NAME --taxonomy supercategories
audit NAME
decisions NAME import decisions.csv
freeze NAME
export NAME cleaned --format coco
train NAME --run r1 --folds 2 --size 32 --steps 2
predict NAME --run r1
flag NAME --run r1
report NAME --run r1
estimate NAME
round NAME
"""
ON_LABELS = "".join(VERBS.splitlines(keepends=True)[:7])

SHELL = """
import sys
from curation.cli import main
for line in sys.stdin:
    main.main(line.split(), standalone_mode=False)
    print("# did", line.split()[0], flush=True)
"""
"""In one process, as each start of TensorFlow takes seconds."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    demo.draw(folder, 16)
    (folder / "decisions.csv").write_text("action,image_id\nexclude,figure-0003\n")
    return folder


@contextmanager
def with_user(folder):
    with mongod(folder, "--auth") as port:
        add_user(port, "curator", "p/ss:w@rd")
        yield f"mongodb://curator:p%2Fss%3Aw%40rd@127.0.0.1:{port}/?authSource=admin"


@contextmanager
def replica_set(folder):
    with mongod(folder, "--replSet", "one") as port:
        begin_replica_set(port, "one")
        yield f"mongodb://127.0.0.1:{port}/?replicaSet=one"


@contextmanager
def far_away(folder):
    with mongod(folder) as port:
        proxy = FarAway(port, PAUSE)
        yield f"mongodb://127.0.0.1:{proxy.port}"
        proxy.close()


def curate(lines, folder, uri, home):
    """What the verbs said, and whether all of them went through."""
    done = subprocess.run(
        [sys.executable, "-c", SHELL], cwd=folder, input=lines, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "FIFTYONE_DATABASE_URI": uri, "CURATE_HOME": str(home),
             "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    return done.stdout, done.returncode


@pytest.mark.long
@pytest.mark.parametrize("kind", [with_user, replica_set, far_away])
def test_every_verb_works(kind, drawn, tmp_path):
    with kind(tmp_path / "db") as uri:
        lines = VERBS.strip().replace("NAME", "photos")
        told, code = curate(lines, drawn, uri, tmp_path / "home")
    shutil.rmtree(drawn / "cleaned", ignore_errors=True)
    assert code == 0, told
    did = re.findall(r"# did (\w+)", told)
    assert did == [line.split()[0] for line in lines.splitlines()]


@pytest.mark.slow
def test_no_verb_on_labels_asks_once_for_each_photo(tmp_path):
    """Of a far database a question for each photo would be minutes."""
    asked = {}
    with mongod(tmp_path / "db") as port:
        proxy = FarAway(port, 0)
        for photos in (8, 72):
            folder = tmp_path / str(photos)
            folder.mkdir()
            demo.draw(folder, photos)
            names = [f"exclude,{p.stem}" for p in sorted((folder / "photos").iterdir())]
            (folder / "decisions.csv").write_text("\n".join(["action,image_id", *names[::2]]))
            before = proxy.queries
            lines = ON_LABELS.strip().replace("NAME", f"p{photos}")
            uri = f"mongodb://127.0.0.1:{proxy.port}"
            told, code = curate(lines, folder, uri, tmp_path / "home")
            assert code == 0, told
            asked[photos] = proxy.queries - before
        proxy.close()
    assert asked[72] - asked[8] < 64, asked


@pytest.mark.slow
def test_who_may_not_is_told_so_in_one_sentence_without_the_password(tmp_path):
    refused = {
        "reader:wrong@": "Authentication failed",
        "": "requires authentication",
        "reader:secret@": "it needs the role readWrite",
    }
    with mongod(tmp_path / "db", "--auth") as port:
        add_user(port, "reader", "secret", "read")
        for user, why in refused.items():
            uri = f"mongodb://{user}127.0.0.1:{port}/?serverSelectionTimeoutMS=2000"
            started = time.monotonic()
            code = "from curation.cli import main; main()"
            done = subprocess.run(
                [sys.executable, "-c", code, "audit", "photos"], cwd=ROOT, text=True,
                capture_output=True, check=False,
                env={**os.environ, "FIFTYONE_DATABASE_URI": uri, "CURATE_HOME": str(tmp_path)},
            )  # fmt: skip
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            assert not re.search("wrong|secret", done.stderr)
            assert why in done.stderr
            assert f"mongodb://127.0.0.1:{port}" in done.stderr
            assert time.monotonic() - started < 60


def test_a_uri_without_its_password_can_be_shown():
    shown = database.without_password("mongodb://a:b%40@host:1/?authSource=admin")
    assert shown == "mongodb://host:1/?authSource=admin"
