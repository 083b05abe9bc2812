"""What the loop keeps to, on a real dataset; training itself is tested in tests/training."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from curation import console, rle, rounds, store, taxonomy
from curation.errors import DatasetError, RunError
from curation.records import ImageRecord, Instance
from training.config import TrainConfig

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")


def record(folder, name, colour, category="skirt"):
    path = folder / f"{name}.png"
    Image.new("RGB", (8, 8), colour).save(path)
    return ImageRecord(name, path, 8, 8, (Instance(category, rle.encode(np.eye(8))),))


@pytest.fixture
def dataset(tmp_path):
    """Twenty photos and a copy of the first."""
    name = "test-rounds"
    records = [record(tmp_path, f"p{i:02d}", (i * 10, 0, 0)) for i in range(20)]
    records.append(record(tmp_path, "copy", (0, 0, 0)))
    store.delete(name)
    store.write(name, records)
    opened = store.open_dataset(name)
    for left in ("decisions.csv", "splits.csv"):
        (store.folder(opened) / left).unlink(missing_ok=True)
    store.remap(opened, TOML, "supercategories")
    yield opened
    store.delete(name)


def load(dataset):
    return rounds.load(dataset, console.progress())


def test_excluded_photos_are_left_out(dataset):
    store.decide(dataset, "exclude", image_id="p03")
    assert "p03" not in load(dataset).records


def test_photos_newer_than_the_remap_are_refused_not_taught_as_background(dataset, tmp_path):
    store.write(dataset.name, [record(tmp_path, "late", "white", "ball gown")])
    with pytest.raises(DatasetError, match=r"1 photos were imported .* --taxonomy supercategories"):
        load(dataset)


def test_copies_are_one_photo_to_the_trainer(dataset):
    keys = {photo.image_id: photo.key for photo in load(dataset).photos()}
    assert keys["copy"] == keys["p00"] != keys["p01"]
    store.decide(dataset, "exclude", image_id="p00")
    assert {p.image_id: p.key for p in load(dataset).photos()}["copy"] == keys["copy"]


def test_splits_outlive_the_database(dataset, tmp_path):
    work = load(dataset)
    before = rounds.split(dataset, work)
    store.write_column(dataset, "split", dict.fromkeys(before))
    store.write(dataset.name, [record(tmp_path, f"q{i}", (0, i, 0)) for i in range(1, 15)])
    after = rounds.split(dataset, load(dataset))
    assert {i: after[i] for i in before} == before
    assert before["copy"] == before["p00"]


def test_more_folds_than_photos_is_one_line_and_leaves_nothing(dataset):
    with pytest.raises(RunError, match="99 folds of 20 different photos"):
        rounds.train(dataset, "many", 99, TrainConfig(size=32), console.progress())
    assert not rounds.run_folder(dataset, "many").exists()


def test_a_run_keeps_no_copy_of_its_data_and_is_measured_on_the_labels_of_now(dataset):
    config = TrainConfig(size=32, steps=2, batch=4)
    metrics = rounds.train(dataset, "r1", 0, config, console.progress())
    folder = rounds.run_folder(dataset, "r1")
    assert not (folder / rounds.DATA).exists()
    assert rounds.train(dataset, "r1", 0, config, console.progress()) == metrics
    figures = rounds.evaluate(dataset, "r1", console.progress())
    assert figures["photos"] == metrics["photos"]
    assert figures["iou"] == pytest.approx(metrics["iou"])
    tested = next(i for i, name in rounds.split(dataset, load(dataset)).items() if name == "test")
    store.decide(dataset, "exclude", image_id=tested)
    assert rounds.evaluate(dataset, "r1", console.progress())["photos"] < metrics["photos"]
    with pytest.raises(RunError, match="holds a run with other settings, photos or labels"):
        rounds.train(dataset, "r1", 0, config, console.progress())
    assert rounds.resume(dataset, "r1", console.progress()) == metrics


def test_a_killed_run_is_resumed_on_the_labels_that_it_began_with(dataset, monkeypatch):
    config = TrainConfig(size=32, steps=2, batch=4)

    def kill(*args, **rest):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("training.run.fit", kill)
        with pytest.raises(KeyboardInterrupt):
            rounds.train(dataset, "r2", 0, config, console.progress())
    folder = rounds.run_folder(dataset, "r2")
    assert (folder / rounds.DATA / "manifest.json").is_file()
    store.decide(dataset, "exclude", image_id="p03")
    assert rounds.resume(dataset, "r2", console.progress())["measured_on"] == "test"
    assert not (folder / rounds.DATA).exists()


def test_several_workers_are_sent_to_an_exported_folder(monkeypatch):
    monkeypatch.setattr(rounds.trainer, "alone", lambda: False)
    with pytest.raises(RunError, match="several workers train on a folder: `curate export"):
        rounds.train(None, "r1", 2, None, None)
    with pytest.raises(RunError, match="several workers train on a folder: `curate export"):
        rounds.resume(None, "r1", None)
