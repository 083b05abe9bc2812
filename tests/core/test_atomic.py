import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation.core.atomic import replacing, scratch, sweep

ROOT = Path(__file__).parents[2]


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with replacing(path) as part:
        part.write_text("first")
        assert part.suffix == ".csv"
        assert not path.exists()
    assert path.read_text() == "first"
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "first"
    assert [p.name for p in path.parent.iterdir()] == ["table.csv"]


def test_a_folder_that_is_needed_for_a_while_is_gone_after_it_or_after_a_kill(tmp_path):
    with scratch(tmp_path) as folder:
        (folder / "a.txt").touch()
    assert not any(tmp_path.iterdir())
    code = (
        "from curation.core.atomic import scratch; import os, pathlib;"
        "held = scratch(pathlib.Path('.')); (held.__enter__() / 'a.txt').touch(); os._exit(9)"
    )
    around = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, env=around)
    assert any(tmp_path.iterdir())
    sweep(tmp_path)
    assert not any(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    killed = subprocess.run(
        [sys.executable, "-c", "from curation.core.atomic import replacing; import os, pathlib;"
         "part = replacing(pathlib.Path('a.csv')).__enter__(); part.touch(); os._exit(9)"],
        cwd=tmp_path, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert killed.returncode == 9
    (left,) = tmp_path.iterdir()
    users = tmp_path / ".theirs.part.csv"
    users.touch()
    with replacing(tmp_path / "b.csv") as part:
        part.touch()
        assert not left.exists()
        sweep(tmp_path)
        assert part.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [users.name, "b.csv"]
