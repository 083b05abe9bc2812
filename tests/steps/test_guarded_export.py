"""What an export says of splits that do not leak, and what a trainer makes of it elsewhere."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner

from curation.cli import main
from curation.core.errors import RunError
from curation.steps import evaluate, export, freeze, resume, train
from curation.steps.runs import FolderRuns
from tests.steps.scenes import add, lose
from training.config import TrainConfig
from training.data.records import Records
from training.folder import RunFolder

NAME = "test-guarded-export"
CONFIG = TrainConfig(size=32, steps=2, batch=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty photos and a copy of each of four, the test set frozen, as TFRecords."""
    lose(NAME)
    place = tmp_path_factory.mktemp("guarded")
    add(NAME, place, {f"p{i:02d}": i for i in range(20)})
    dataset = add(NAME, place, {f"c{i:02d}": i for i in range(4)}, quality=60)
    freeze(dataset, "anna")
    export(dataset, place / "out", size=32)
    yield place / "out"
    lose(NAME)


def rows(folder):
    with (folder / "splits.csv").open(newline="") as file:
        return {row["image_id"]: row for row in csv.DictReader(file)}


@pytest.fixture
def edited(folder):
    """Puts another split or group into ``splits.csv``, by image_id, and takes that back."""
    path = folder / "splits.csv"
    whole = path.read_text()

    def edit(image_id, **changes):
        row = rows(folder)[image_id]
        before = ",".join(row.values())
        path.write_text(path.read_text().replace(before, ",".join((row | changes).values())))

    yield edit
    path.write_text(whole)


def test_the_frozen_photos_are_in_the_manifest_and_photos_that_look_alike_in_one_group(folder):
    there = rows(folder)
    said = json.loads((folder / "manifest.json").read_text())["frozen"]
    assert said["by"] == "anna"
    tested = {row["photo_hash"] for row in there.values() if row["split"] == "test"}
    assert said["photo_hashes"] == sorted(tested) != []
    groups = [(there[f"p{i:02d}"]["group"], there[f"c{i:02d}"]["group"]) for i in range(4)]
    assert all(one == other for one, other in groups)
    assert len({row["group"] for row in there.values()}) == 20


def test_a_frozen_photo_that_was_put_into_the_training_is_refused_by_name(folder, edited, tmp_path):
    first = next(i for i, row in rows(folder).items() if row["split"] == "test")
    edited(first, split="train")
    with pytest.raises(
        RunError, match=rf"out: would train on photos of the frozen test set: {first};"
    ):
        train(FolderRuns(folder), str(tmp_path / "a"), CONFIG)
    assert not (tmp_path / "a").exists()


@pytest.mark.long
def test_folds_of_an_export_leave_the_frozen_photos_out_and_keep_groups(folder, edited, tmp_path):
    there = rows(folder)
    tested = {i for i, row in there.items() if row["split"] == "test"}
    one, other = [i for i in sorted(there) if i.startswith("p") and i not in tested][-2:]
    edited(one, group=there[other]["group"])
    metrics = train(FolderRuns(folder), str(tmp_path / "a"), CONFIG, folds=5)
    assert metrics["photos"] == len(there) - len(tested)
    parts = RunFolder(tmp_path / "a").parts()
    fold = dict(zip(parts.image_ids, parts.of, strict=True))
    assert fold.keys() == there.keys() - tested
    assert fold[one] == fold[other]
    assert evaluate(FolderRuns(folder), str(tmp_path / "a"))["photos"] == len(there)


def test_an_export_of_before_without_groups_and_frozen_photos_is_read(folder, edited):
    before = Records(folder)
    path = folder / "splits.csv"
    path.write_text(
        "".join(",".join(line.split(",")[:3]) + "\n" for line in path.read_text().splitlines())
    )
    after = Records(folder)
    assert after.images == before.images
    assert after.digest() == before.digest()
    assert [image.group for image in after.images] == [image.key for image in after.images]


def test_an_export_says_that_its_test_set_is_frozen(folder, tmp_path):
    result = CliRunner().invoke(main, ["export", NAME, str(tmp_path / "out"), "--format", "coco"])
    assert result.exit_code == 0, result.output
    assert "The test set frozen on 20" in result.output
    assert "by anna" in result.output


@pytest.mark.long
def test_a_killed_run_of_folds_goes_on_without_the_frozen_photos(folder, tmp_path):
    metrics = train(FolderRuns(folder), str(tmp_path / "a"), CONFIG, folds=2)
    (tmp_path / "a" / "metrics.json").unlink()  # as if killed before it was measured
    again = resume(FolderRuns(folder), str(tmp_path / "a"))
    assert again["photos"] == metrics["photos"] < len(rows(folder))
