"""What the loop keeps to, on a real dataset; training itself is tested in tests/training."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.core import rle, taxonomy
from curation.core.errors import DatasetError, RunError
from curation.core.records import ImageRecord, Instance
from curation.steps import evaluate, export, flag, parts, predict, resume, train, working_copy
from curation.steps.dataset_runs import DATA, DatasetRuns, image_files
from curation.store.labels import remap as remap_labels
from curation.store.write import write as write_records
from tests.conftest import decide
from training.config import TrainConfig

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")


def record(folder, name, color, category="skirt"):
    path = folder / f"{name}.png"
    Image.new("RGB", (8, 8), color).save(path)
    return ImageRecord(name, path, 8, 8, (Instance(category, rle.encode(np.eye(8))),))


@pytest.fixture
def dataset(tmp_path):
    """Twenty photos and a copy of the first."""
    name = "test-rounds"
    records = [record(tmp_path, f"p{i:02d}", (i * 10, 0, 0)) for i in range(20)]
    records.append(record(tmp_path, "copy", (0, 0, 0)))
    store.delete(name)
    write_records(name, records)
    opened = store.open(name)
    for left in ("decisions.csv", "splits.csv"):
        (opened.folder / left).unlink(missing_ok=True)
    remap_labels(opened, TOML, "supercategories")
    yield opened
    store.delete(name)


def load(dataset):
    return working_copy.load(dataset)


def test_excluded_images_are_left_out(dataset):
    decide(dataset, "exclude", image_id="p03")
    assert "p03" not in load(dataset).records


def test_images_newer_than_the_remap_are_refused_not_taught_as_background(dataset, tmp_path):
    write_records(dataset.name, [record(tmp_path, "late", "white", "ball gown")])
    with pytest.raises(
        DatasetError, match=r"1 photo came or changed .* --taxonomy supercategories"
    ):
        load(dataset)


def relabel(dataset, tmp_path, category):
    """All photos labelled alike, as imported from a corrected file."""
    records = [record(tmp_path, f"p{i:02d}", (i * 10, 0, 0), category) for i in range(20)]
    records.append(record(tmp_path, "copy", (0, 0, 0), category))
    write_records(dataset.name, records, update=True)
    toml = 'name = "own"\nignore = ["umbrella"]\ndrop = ["sleeve"]\n'
    for number, name in enumerate(("skirt", "hat"), 1):
        toml += f'[[classes]]\nid = {number}\nname = "{name}"\ncolor = "#ff0000"\n'
    remap_labels(dataset, toml, "own.toml")


@pytest.mark.parametrize(("category", "ignored"), [("sleeve", 0), ("umbrella", 21)])
def test_labels_without_a_pixel_of_any_class_are_neither_learnt_nor_handed_on(
    dataset, tmp_path, category, ignored
):
    relabel(dataset, tmp_path, category)
    refused = pytest.raises(
        DatasetError,
        match=rf"test-rounds: no photo has a pixel of any of its 2 classes \(skirt, hat\): "
        rf"{ignored} labels, {ignored} of them ignored; .*curate remap",
    )
    with refused:
        train(DatasetRuns(dataset), "nothing", TrainConfig(size=32))
    with refused:
        export(dataset, tmp_path / "out", "coco")
    with refused:
        flag(dataset, "nothing")
    assert not (tmp_path / "out").exists()
    assert not DatasetRuns(dataset).folder("nothing").exists()


def test_a_label_under_what_is_ignored_is_no_pixel_of_its_class(dataset, tmp_path):
    relabel(dataset, tmp_path, "umbrella")
    for left in ("p00", "p01"):
        eye = rle.encode(np.eye(8))
        covered = Instance("skirt", eye), Instance("umbrella", eye)
        path = tmp_path / f"{left}.png"
        write_records(dataset.name, [ImageRecord(left, path, 8, 8, covered)], update=True)
    assert working_copy.load(dataset).classes_without_a_pixel() == ["skirt", "hat"]


def test_a_class_without_a_pixel_is_named_and_stops_nothing(dataset, tmp_path, caplog):
    relabel(dataset, tmp_path, "skirt")
    export(dataset, tmp_path / "out", "masks")
    assert (
        "No photo of test-rounds has a pixel of hat that no other label covers." in caplog.messages
    )


def test_copies_are_one_image_to_the_trainer(dataset):
    keys = {image.image_id: image.key for image in image_files(load(dataset))}
    assert keys["copy"] == keys["p00"] != keys["p01"]
    decide(dataset, "exclude", image_id="p00")
    assert {p.image_id: p.key for p in image_files(load(dataset))}["copy"] == keys["copy"]


def test_splits_outlive_the_database(dataset, tmp_path):
    work = load(dataset)
    before = parts.split(dataset, work)
    dataset.write_column("split", dict.fromkeys(before))
    write_records(dataset.name, [record(tmp_path, f"q{i}", (0, i, 0)) for i in range(1, 15)])
    after = parts.split(dataset, load(dataset))
    assert {i: after[i] for i in before} == before
    assert before["copy"] == before["p00"]


def test_a_lost_file_or_line_deals_nothing_anew(dataset, caplog):
    before = parts.split(dataset, load(dataset))
    path = dataset.folder / parts.SPLITS
    whole = path.read_text()
    for left in (None, "".join(whole.splitlines(keepends=True)[:-3])):
        path.unlink() if left is None else path.write_text(left)
        assert parts.split(dataset, load(dataset)) == before
        assert path.read_text() == whole
    assert "splits.csv lacked 3 photos; each keeps its split." in caplog.text


def test_a_photo_that_the_file_puts_elsewhere_is_said(dataset, caplog):
    before = parts.split(dataset, load(dataset))
    moved = next(i for i, name in before.items() if name == "test")
    path = dataset.folder / parts.SPLITS
    group = load(dataset).groups[moved]
    path.write_text(path.read_text().replace(f"{group},test", f"{group},train"))
    assert parts.split(dataset, load(dataset))[moved] == "train"
    assert f"{moved} goes from test to train" in caplog.text


def test_more_folds_than_images_is_one_line_and_leaves_nothing(dataset):
    with pytest.raises(RunError, match="99 folds of 20 different photos"):
        train(DatasetRuns(dataset), "many", TrainConfig(size=32), folds=99)
    assert not DatasetRuns(dataset).folder("many").exists()


def test_folds_of_a_run_that_is_refused_are_no_photos_folds(dataset):
    runs, config = DatasetRuns(dataset), TrainConfig(size=32)
    runs.begin("refused", config, folds=2)
    was = dataset.column("fold")
    assert set(was.values()) == {0, 1}
    with pytest.raises(RunError, match="holds a run with other settings"):
        runs.begin("refused", config, folds=3)
    assert dataset.column("fold") == was


def test_images_that_look_alike_are_in_one_fold_and_one_split(dataset, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(6):
        scene = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).resize((96, 96))
        for name, quality in ((f"s{number}a", 95), (f"s{number}b", 60)):
            path = tmp_path / f"{name}.jpg"
            scene.save(path, quality=quality)
            eye = (Instance("skirt", rle.encode(np.eye(96))),)
            write_records(dataset.name, [ImageRecord(name, path, 96, 96, eye)])
    remap_labels(dataset, TOML, "supercategories")
    for plain in (f"p{i:02d}" for i in range(1, 20)):
        decide(dataset, "exclude", image_id=plain)
    folds = parts.folds(dataset, load(dataset), "r1", 4)
    assert all(folds[f"s{n}a"] == folds[f"s{n}b"] for n in range(6))
    assert folds["copy"] == folds["p00"]
    assert len({folds[f"s{n}a"] for n in range(6)}) > 1
    dealt = parts.split(dataset, load(dataset))
    assert all(dealt[f"s{n}a"] == dealt[f"s{n}b"] for n in range(6))
    assert len({dealt[f"s{n}a"] for n in range(6)}) > 1


def test_a_run_keeps_no_copy_of_its_data_and_is_measured_on_the_labels_of_now(dataset):
    config = TrainConfig(size=32, steps=2, batch=4)
    metrics = train(DatasetRuns(dataset), "r1", config)
    folder = DatasetRuns(dataset).folder("r1")
    assert not (folder / DATA).exists()
    assert train(DatasetRuns(dataset), "r1", config) == metrics
    figures = evaluate(DatasetRuns(dataset), "r1")
    assert figures["photos"] == metrics["photos"]
    assert figures["iou"] == pytest.approx(metrics["iou"])
    tested = next(i for i, name in parts.split(dataset, load(dataset)).items() if name == "test")
    decide(dataset, "exclude", image_id=tested)
    assert evaluate(DatasetRuns(dataset), "r1")["photos"] < metrics["photos"]
    with pytest.raises(RunError, match="holds a run with other settings, photos or labels"):
        train(DatasetRuns(dataset), "r1", config)
    assert resume(DatasetRuns(dataset), "r1") == metrics


def test_probabilities_are_kept_when_asked_for(dataset):
    train(DatasetRuns(dataset), "r1", TrainConfig(size=32, steps=2, batch=4))
    folder = DatasetRuns(dataset).folder("r1") / "probabilities"
    predict(dataset, "r1")
    assert not folder.exists()
    assert predict(dataset, "r1", keep=True) == 21
    paths = sorted(folder.iterdir())
    assert len(paths) == 20, "copies share one"
    p = np.load(paths[0])["p"]
    mask = np.asarray(Image.open(folder.parent / "predictions" / f"{paths[0].stem}.png"))
    assert (p.shape, p.dtype) == ((6, 32, 32), np.uint8)
    assert np.abs(p.sum(axis=0, dtype=int) - 255).max() <= 3
    assert (p.max(axis=0) == np.take_along_axis(p, mask[None].astype(int), 0)[0]).all()


def test_a_killed_run_is_resumed_on_the_labels_that_it_began_with(dataset, monkeypatch):
    config = TrainConfig(size=32, steps=2, batch=4)

    def kill(*args, **rest):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("training.fitting.fit.fit", kill)
        with pytest.raises(KeyboardInterrupt):
            train(DatasetRuns(dataset), "r2", config)
    folder = DatasetRuns(dataset).folder("r2")
    manifest = json.loads((folder / DATA / "manifest.json").read_text())
    assert manifest["format"] == "label-maps", "no photo is written a second time"
    decide(dataset, "exclude", image_id="p03")
    assert resume(DatasetRuns(dataset), "r2")["measured_on"] == "test"
    assert not (folder / DATA).exists()


def test_several_workers_are_sent_to_an_exported_folder(monkeypatch):
    monkeypatch.setattr("training.run.is_distributed", lambda: True)
    with pytest.raises(RunError, match="several workers train on a folder: `curate export"):
        train(DatasetRuns(None), "r1", None, folds=2)
    with pytest.raises(RunError, match="several workers train on a folder: `curate export"):
        DatasetRuns(None).examples("r1")
