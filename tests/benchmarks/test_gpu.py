"""The script for a machine with a GPU does all that it does there, tiny, on the CPU."""

import json
import sys

import pytest

from tests.benchmarks import gpu
from tests.conftest import require_backend


@pytest.mark.long
def test_it_tells_of_each_model_what_it_reaches_from_a_folder_and_on_one_batch(
    tmp_path, monkeypatch
):
    require_backend("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    path = tmp_path / "gpu.json"
    tiny = "--size 32 --photos 6 --batch 2 --steps 1 --rounds 1 --backend torch --only UNet"
    monkeypatch.setattr(sys, "argv", ["gpu", *tiny.split(), "--json", str(path)])
    gpu.main()
    told = json.loads(path.read_text("utf-8"))
    (unet,) = told["results"]
    assert unet["images_per_second"] > 0
    assert 0 <= unet["waited"] <= 1
    assert [model["peer"] for model in unet["one_batch"]] == [False, True]
    assert told["left_out"] == []


def test_what_there_is_no_time_for_is_said_and_not_begun(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    path = tmp_path / "gpu.json"
    monkeypatch.setattr(gpu, "find_spec", lambda name: True)
    monkeypatch.setattr(sys, "argv", ["gpu", "--photos", "4", "--size", "32", "--minutes", "0",
                                      "--backend", "jax", "--json", str(path)])  # fmt: skip
    gpu.main()
    assert json.loads(path.read_text("utf-8"))["results"] == []
    assert "Left out, as 0.0 minutes were over: UNet under jax" in capsys.readouterr().err
