"""Copies of photos, by hashes and by features."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_copies_of_real_photos_are_compared_by_hashes_and_by_features(real_data, tmp_path):
    smaller = ["--ccp", real_data / "ccp", "--photos", "6", "--copies", "2"]
    command = [sys.executable, "-m", "tests.benchmarks.near_copies", *smaller]
    subprocess.run([*command, "--json", tmp_path / "found.json"], cwd=ROOT, check=True)
    rows = {row["kind"]: row for row in json.loads((tmp_path / "found.json").read_text())["rows"]}
    assert rows["JPEG, quality 15"]["by_hash"] == 2
    assert rows["mirrored"]["by_hash"] == rows["cut by 10 %"]["by_hash"] == 2
    assert rows["mirrored"]["by_features"] == 2
