"""Runs on an exported folder, where there is no FiftyOne; training itself: tests/training."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from curation import steps
from curation.cli import main
from curation.core.errors import DatasetError, RunError
from curation.steps.runs import FolderRuns
from tests.training.drawn import QUICK, SIZE, draw, export
from training.errors import DivergedError
from training.folder import RunFolder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    return export(folder / "data", *draw(folder, 12))


def train(data, run, folds=0, config=QUICK):
    return steps.train(FolderRuns(data), str(run), config, folds=folds)


def test_a_run_is_where_its_name_says_and_its_features_beside_it(data, tmp_path):
    metrics = train(data, tmp_path / "runs" / "a")
    assert metrics["measured_on"] == "val"  # of an export without test photos
    assert (tmp_path / "runs" / "features").is_dir()
    with pytest.raises(RunError, match=r"this run trained on all photos of .*data"):
        steps.evaluate(FolderRuns(data), str(tmp_path / "runs" / "a"))


def test_folds_are_dealt_and_every_image_measured(data, tmp_path):
    metrics = train(data, tmp_path / "a", folds=3)
    assert metrics["photos"] == 12
    again = steps.evaluate(FolderRuns(data), str(tmp_path / "a"))
    assert again["iou"] == pytest.approx(metrics["iou"])
    of = RunFolder(tmp_path / "a").parts().of
    assert sorted(set(of)) == ["0", "1", "2"]


def test_another_size_than_the_exports_names_both_ways_out(data, tmp_path):
    with pytest.raises(RunError, match=rf"take --size {SIZE}, or export with --size 96"):
        train(data, tmp_path / "a", config=replace(QUICK, size=96))


def test_an_export_without_a_pixel_of_any_class_is_not_trained_on(tmp_path):
    images, labels = draw(tmp_path, 12)
    folder = export(tmp_path / "data", images, labels * 0)
    reason = r"data: no photo has a pixel of any of its 2 classes \(top, skirt\): export a dataset"
    with pytest.raises(DatasetError, match=reason):
        train(folder, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_class_without_a_pixel_in_an_export_is_named(tmp_path, caplog):
    images, labels = draw(tmp_path, 12)
    folder = export(tmp_path / "data", images, np.minimum(labels, 1))
    FolderRuns(folder).begin(str(tmp_path / "a"), QUICK)
    assert caplog.messages == [
        f"No photo of {folder} has a pixel of skirt that no other label covers."
    ]


def test_an_export_that_changed_since_is_not_trained_on(data, tmp_path):
    train(data, tmp_path / "a")
    (tmp_path / "drawn").mkdir()
    other = export(tmp_path / "data", *draw(tmp_path / "drawn", 12, seed=1))
    with pytest.raises(RunError, match="holds a run with other settings, photos or labels"):
        train(other, tmp_path / "a")


def test_resume_needs_a_run_and_takes_no_settings(data, tmp_path):
    words = ["train", f"{data}/", "--run", str(tmp_path / "none"), "--resume"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "no run here: train one first" in result.output
    result = CliRunner().invoke(main, [*words, "--size", "64"])
    assert result.exit_code == 2
    assert "--resume takes no settings" in result.output


def test_no_fiftyone_is_needed(data, tmp_path):
    """As where it is not installed: whatever asks for it fails, also where that would be caught."""
    program = (
        "import sys\n"
        "sys.modules['fiftyone'] = None\n"
        "from curation.cli import main\n"
        "main.main(sys.argv[1:], standalone_mode=False)\n"
        "assert sys.modules['fiftyone'] is None\n"
    )
    words = ["train", f"{data}/", "--run", str(tmp_path / "a"), "--size", "64", "--steps", "2"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "recipe laptop" in done.stderr
    metrics = RunFolder(tmp_path / "a").metrics()
    told = dict(re.findall(r"^│ (\w+) +│ +([\d.]+) │$", done.stdout, re.M))
    keys = ("miou_foreground", "miou", "f1", "boundary_f_foreground", "ece", "loss")
    assert {key: told[key] for key in keys} == {key: f"{metrics[key]:.3f}" for key in keys}


def test_a_sweep_goes_on_past_a_rate_that_runs_away(data, tmp_path, monkeypatch):
    real = steps.train

    def runaway(runs, run, config, **rest):
        if config.learning_rate == 1.0:
            raise DivergedError(run, "the loss is nan", where="step 4")
        return real(runs, run, config, **rest)

    monkeypatch.setattr(steps, "train", runaway)
    words = ["sweep", f"{data}/", "--run", str(tmp_path / "s"), "--size", "64", "--steps", "2"]
    words += ["--learning-rate", "1", "--learning-rate", "0.01"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "ran away" in result.output
    assert (tmp_path / "s_sweep.png").is_file()
    assert (tmp_path / "s_0p01" / "metrics.json").is_file()


def test_an_export_that_moved_is_trained_on_where_it_lies_now(data, tmp_path):
    train(data, tmp_path / "a")
    (tmp_path / "a" / "metrics.json").unlink()  # as if killed before it was measured
    moved = shutil.copytree(data, tmp_path / "elsewhere")
    assert steps.resume(FolderRuns(moved), str(tmp_path / "a"))["measured_on"] == "val"


def test_a_folder_named_as_a_dataset_is_asked_back(data, tmp_path, monkeypatch):
    monkeypatch.chdir(data.parent)
    result = CliRunner().invoke(main, ["train", "data", "--run", "a"])
    assert result.exit_code == 2
    assert "data is a folder, no dataset: write data/" in result.output


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["--backbone", "none"], "goes with model = 'unet'"),
        (["--recipe", "laptop-finetune", "--frozen"], "or take --finetune"),
        (["--recipe", "none"], "there are imaterialist"),
        (["--size", "100"], "not a multiple of 32"),
    ],
)
def test_settings_that_do_not_fit_name_the_way_out(data, tmp_path, words, way_out):
    start = ["train", f"{data}/", "--run", str(tmp_path / "a")]
    result = CliRunner().invoke(main, [*start, *words])
    assert result.exit_code in (1, 2)
    assert way_out in " ".join(result.output.split())


def test_a_unet_needs_no_other_option(data, tmp_path):
    start = ["train", f"{data}/", "--run", str(tmp_path / "a"), "--size", "64", "--model", "unet"]
    result = CliRunner().invoke(main, [*start, "--steps", "1", "--batch", "2"])
    assert result.exit_code == 0, result.output
