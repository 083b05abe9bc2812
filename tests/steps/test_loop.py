"""What the loop keeps to, on a real dataset; training itself is tested in tests/training."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.core import console, rle, taxonomy
from curation.core.errors import DatasetError, RunError
from curation.core.records import ImageRecord, Instance
from curation.issues.issue import ImageScore, Issue
from curation.issues.observation import Place
from curation.steps import evaluate, feedback, parts, predict, resume, rounds, train, working_copy
from curation.steps.dataset_runs import DATA, DatasetRuns, image_files
from curation.store import decisions
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
    with pytest.raises(DatasetError, match=r"1 photos were imported .* --taxonomy supercategories"):
        load(dataset)


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


def test_more_folds_than_images_is_one_line_and_leaves_nothing(dataset):
    with pytest.raises(RunError, match="99 folds of 20 different photos"):
        train(DatasetRuns(dataset), "many", TrainConfig(size=32), folds=99)
    assert not DatasetRuns(dataset).folder("many").exists()


def test_images_that_look_alike_are_in_one_fold(dataset, tmp_path):
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
    assert (folder / DATA / "manifest.json").is_file()
    decide(dataset, "exclude", image_id="p03")
    assert resume(DatasetRuns(dataset), "r2")["measured_on"] == "test"
    assert not (folder / DATA).exists()


def test_flagging_goes_on_where_it_was_killed(dataset, monkeypatch):
    config = TrainConfig(size=32, steps=2, batch=4)
    train(DatasetRuns(dataset), "r3", config, folds=2)
    folder = DatasetRuns(dataset).folder("r3")
    monkeypatch.setattr(rounds.flagging, "SHARD", 8)
    asked = []
    evidence = rounds.trainer.predict_with_features

    def seen(folder, images, **rest):
        asked.append(len(images))
        return evidence(folder, images, **rest)

    def kill(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("curation.issues.pipeline.rank", kill)
        with pytest.raises(KeyboardInterrupt):
            rounds.flag(dataset, "r3", console.progress())
    (folder / rounds.FLAGGING / "rows-00001.npz").unlink()
    monkeypatch.setattr(rounds.trainer, "predict_with_features", seen)
    table, learned = rounds.flag(dataset, "r3", console.progress())
    assert asked == [8]
    assert not (folder / rounds.FLAGGING).exists()
    assert len(table[table.error_type != "missing"]) == 21
    assert learned.check is None, "21 photos are too few to learn from"
    samples = dict(zip(*dataset.samples.values(["image_id", "error_score"]), strict=True))
    assert all(0 <= score <= 1 for score in samples.values())


def test_decisions_are_told_to_the_ranking_as_the_labels_were(dataset):
    work = load(dataset)
    first, second, third = (work.records[i].instances[0].instance_id for i in ("p01", "p02", "p03"))
    decide(dataset, "keep", image_id="p01", instance_id=first)
    decide(dataset, "relabel", image_id="p02", instance_id=second, category="feet")
    decide(dataset, "delete", image_id="p03", instance_id=third)
    said = feedback.labels(dataset, load(dataset))
    names = load(dataset).channels.names
    assert {i: [(names[v.class_id], v.kind) for v in those] for i, those in said.items()} == {
        "p01": [("lower-body", "fine")],
        "p02": [("lower-body", "wrong category")],
        "p03": [("lower-body", "wrong")],
    }
    decisions.undo(dataset)
    assert "p03" not in feedback.labels(dataset, load(dataset))


def test_a_decision_on_the_source_label_says_that_the_class_is_right(dataset):
    work = load(dataset)
    for image_id, name in (("p01", "pants"), ("p02", "dress")):
        (key,) = (x.instance_id for x in work.records[image_id].instances)
        decide(dataset, "relabel", image_id=image_id, instance_id=key, category=name,
                     taxonomy="source")  # fmt: skip
    said = feedback.labels(dataset, load(dataset))
    kinds = {i: (v.kind, v.source_label, v.source_kind) for i, (v,) in said.items()}
    assert kinds == {"p01": ("fine", "skirt", "wrong"), "p02": ("wrong category", "skirt", "")}


def test_a_decision_in_another_vocabulary_is_not_learned_from(dataset):
    work = load(dataset)
    (key,) = (x.instance_id for x in work.records["p01"].instances)
    known = {"image_id": "p01", "instance_id": key, "taxonomy": "source"}
    decide(dataset, "relabel", category="pants", **known)
    other = TOML.replace('  "pants",\n', "").replace('name = "supercategories"', 'name = "other"')
    assert remap_labels(dataset, other, "other.toml").deferred == 1
    assert feedback.labels(dataset, load(dataset)) == {}


def test_keeping_what_was_relabelled_says_nothing_of_the_label_that_was_imported(dataset):
    (key,) = load(dataset).instance_ids["p01"]
    known = {"image_id": "p01", "instance_id": key}
    decide(dataset, "relabel", category="pants", taxonomy="source", **known)
    decide(dataset, "keep", **known)
    (said,) = feedback.labels(dataset, load(dataset))["p01"]
    assert (said.kind, said.source_kind) == ("fine", "wrong")


def test_a_garment_that_was_added_and_then_deleted_is_not_taught_as_missing(dataset):
    mask = rle.encode(np.eye(8)[::-1])
    gap = Issue("p01", "5" * 24, "run:r1", "", 0.8, "missing", "feet", "", mask=mask)
    store.write_scores(dataset, "r1", [ImageScore("p01", 0.9, (gap,))])
    decide(dataset, "add", image_id="p01", instance_id="5" * 24)
    store.write_scores(dataset, "r1", [ImageScore("p01", 0.0, ())])
    decide(dataset, "delete", image_id="p01", instance_id="5" * 24)
    ((place,),) = feedback.places(dataset, load(dataset)).values()
    assert not place.missing
    assert store.orphans(dataset) == []


def test_a_source_label_of_another_class_is_not_told_to_the_flagger(dataset):
    sample = dataset.samples.match({"image_id": "p01"}).first()
    sample.labels.detections[0].source_label = "shoe"  # as an earlier curate left it
    sample.save()
    assert load(dataset).records["p01"].instances[0].source_label == ""
    assert load(dataset).records["p02"].instances[0].source_label == "skirt"


def test_added_and_dismissed_garments_are_told_by_the_journal_alone(dataset):
    mask = rle.encode(np.eye(8)[::-1])
    gaps = [Issue("p01", f"{n}" * 24, "run:r1", "", 0.8, "missing", "feet", "", mask=mask)
            for n in (5, 6)]  # fmt: skip
    store.write_scores(dataset, "r1", [ImageScore("p01", 0.9, tuple(gaps))])
    decide(dataset, "add", image_id="p01", instance_id="5" * 24)
    decide(dataset, "delete", image_id="p01", instance_id="6" * 24)
    store.write_scores(dataset, "r2", [ImageScore("p01", 0.0, ())])
    dataset.delete_sample_field("missing_r1")
    work = load(dataset)
    feet = work.channels.names.index("feet")
    assert feedback.places(dataset, work) == {
        "p01": [Place(feet, mask, missing=True), Place(feet, mask, missing=False)]
    }


def test_labels_that_changed_since_are_flagged_anew(dataset, monkeypatch):
    config = TrainConfig(size=32, steps=2, batch=4)
    train(DatasetRuns(dataset), "r4", config, folds=2)
    with monkeypatch.context() as killed:
        killed.setattr("curation.issues.pipeline.rank", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rounds.flag(dataset, "r4", console.progress())
    shards = DatasetRuns(dataset).folder("r4") / rounds.FLAGGING
    before = (shards / "basis.txt").read_text()
    decide(dataset, "exclude", image_id="p03")
    with monkeypatch.context() as killed:
        killed.setattr("curation.issues.pipeline.rank", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rounds.flag(dataset, "r4", console.progress())
    assert (shards / "basis.txt").read_text() != before


def test_several_workers_are_sent_to_an_exported_folder(monkeypatch):
    monkeypatch.setattr(rounds.trainer, "is_distributed", lambda: True)
    with pytest.raises(RunError, match="several workers train on a folder: `curate export"):
        train(DatasetRuns(None), "r1", None, folds=2)
    with pytest.raises(RunError, match="several workers train on a folder: `curate export"):
        DatasetRuns(None).examples("r1")
