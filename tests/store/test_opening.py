"""What a killed verb left behind is brought up to date as the dataset is opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.core import rle, taxonomy
from curation.core.records import ImageRecord, Instance
from curation.issues.issue import ImageScore, Issue, digest
from curation.review import journal
from curation.steps import import_decisions
from curation.store import bulk, labels, opening, results, saved, tiles
from curation.store.labels import remap
from curation.store.write import write
from tests.conftest import decide, picture

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
BOX = rle.encode(picture("......", "###...", "###...", "......"))
GAP = rle.encode(np.eye(4, 6) > 0)
MISSING = "5" * 24


class KilledError(BaseException):
    """As a kill, it passes whatever catches errors."""


def kill(*args, **kwargs):
    raise KilledError


@pytest.fixture
def dataset(tmp_path):
    """Photos a, b and c: the shirts of all are suspects, and in a a shoe is missing."""
    name = "test-opening"
    store.delete(name)
    photos = []
    for number, image_id in enumerate("abc"):
        path = tmp_path / f"{image_id}.png"
        Image.new("RGB", (6, 4), (60 * number, 0, 0)).save(path)
        photos.append(ImageRecord(image_id, path, 4, 6, (Instance("shirt, blouse", BOX),)))
    write(name, photos)
    opened = store.open(name)
    (opened.folder / "decisions.csv").unlink(missing_ok=True)
    remap(opened, TOML, "supercategories.toml")
    score(opened, "r1")
    yield opened
    store.delete(name)


def score(dataset, run, **doubts):
    scores = []
    for record in dataset.records():
        (label,) = record.instances
        doubt = doubts.get(record.image_id, 0.9)
        said = ("t", label.category, doubt, "wrong category", "feet", "why")
        issues = [Issue(record.image_id, label.instance_id, *said, digest=digest(label))]
        if record.image_id == "a":
            gap = ("a", MISSING, f"run:{run}", "", 0.8, "missing", "feet", "why")
            issues.append(Issue(*gap, mask=GAP))
        scores.append(ImageScore(record.image_id, doubt, tuple(issues)))
    results.write_scores(dataset, run, scores)


def unsure(dataset):
    """As an earlier curate left it, or one that was killed: nobody knows whether all is right."""
    bulk.set_info(dataset.samples, "curate", "labels_of", [])


def shirt(dataset, image_id):
    (record,) = dataset.records("ground_truth", [image_id])
    return record.instances[0].instance_id


def counts(dataset):
    fields = ["n_suspect", "review_status"]
    return {
        p["image_id"]: [p[f] for f in fields] for p in bulk.read(dataset.samples, "abc", fields)
    }


def on_tiles(dataset):
    """Of which photos the first view of tiles shows labels."""
    copies = dict(tiles._copies(dataset))[tiles.SUSPECT_LABELS]
    return sorted(bulk.collection(copies).distinct("image_id"))


def test_decisions_whose_labels_were_not_written(dataset, monkeypatch, tmp_path):
    path = tmp_path / "decisions.csv"
    path.write_text(
        "action,image_id,instance_id\n"
        + "".join(f"keep,{image_id},{shirt(dataset, image_id)}\n" for image_id in "ab")
    )
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(labels, "store_labels", kill)
        import_decisions(dataset, path)
    assert counts(dataset)["a"] == [2, ""]
    store.open(dataset.name)
    assert counts(dataset) == {"a": [1, "decided"], "b": [0, "decided"], "c": [1, ""]}
    assert on_tiles(dataset) == ["c"]


def test_a_file_that_is_imported_again_mends_what_the_killed_import_left(
    dataset, monkeypatch, tmp_path
):
    path = tmp_path / "decisions.csv"
    path.write_text(f"action,image_id,instance_id\nkeep,b,{shirt(dataset, 'b')}\n")
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(labels, "store_labels", kill)
        import_decisions(dataset, path)
    assert import_decisions(dataset, path) == []
    assert counts(dataset)["b"] == [0, "decided"]


def test_a_count_that_is_wrong_does_not_stay_wrong(dataset):
    bulk.update(dataset.samples, {"a": {"n_suspect": 7}, "b": {"n_source_suspect": 1}})
    unsure(dataset)
    assert list(opening.stale(dataset)) == ["a", "b"]
    store.open(dataset.name)
    assert counts(dataset)["a"] == [2, ""]
    assert list(opening.stale(dataset)) == []


def test_nothing_is_written_where_nothing_is_stale(dataset, monkeypatch):
    decide(dataset, "keep", image_id="a", instance_id=shirt(dataset, "a"))
    decide(dataset, "delete", image_id="a", instance_id=MISSING)
    decide(dataset, "exclude", image_id="c")
    monkeypatch.setattr(bulk, "update", kill)
    monkeypatch.setattr(tiles, "update", kill)
    store.open(dataset.name)


def test_tiles_that_were_not_made_anew(dataset, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(tiles, "update", kill)
        decide(dataset, "keep", image_id="a", instance_id=shirt(dataset, "a"))
    assert on_tiles(dataset) == ["a", "b", "c"]
    store.open(dataset.name)
    assert on_tiles(dataset) == ["b", "c"]


def test_scores_are_there_with_their_labels_and_counts_or_not_at_all(dataset, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(tiles, "update", kill)
        score(dataset, "r2", b=0.1)
    assert counts(dataset) == {"a": [2, ""], "b": [0, ""], "c": [1, ""]}
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(bulk, "update", kill)
        score(dataset, "r3", c=0.1)
    store.open(dataset.name)
    # The garments that r2 found missing are no suspects of r3.
    assert counts(dataset) == {"a": [1, ""], "b": [0, ""], "c": [1, ""]}


def test_an_edit_that_is_no_label_is_said_and_the_app_can_be_opened(dataset, monkeypatch, capsys):
    sample = dataset.samples.match({"image_id": "a"}).first()
    sample.labels.detections[0].label = "no class"
    sample.save()
    bulk.update(dataset.samples, {"a": {"n_suspect": 7}})
    unsure(dataset)
    store.open(dataset.name)
    assert "no class" in capsys.readouterr().err


@pytest.mark.parametrize("name", [results.SUSPECTS, tiles.SUSPECT_LABELS])
def test_a_view_that_was_half_saved_is_there_once(dataset, name):
    samples, database = dataset.samples, bulk.collection(dataset.samples).database
    (half,) = (view for view in samples._doc.saved_views if view.name == name)
    bulk.update_dataset(samples, {"$pull": {"saved_views": half.id}})
    results.save_views(dataset)
    ours = {"_dataset_id": bulk.dataset_id(samples), "name": name}
    assert database["views"].count_documents(ours) == 1
    assert samples.list_saved_views().count(name) == 1
    assert sorted(name for name, _ in tiles._copies(dataset)) == sorted(tiles._SCORE)


def test_a_view_that_was_half_deleted_is_made_again(dataset, caplog):
    samples = dataset.samples
    views = bulk.collection(samples).database["views"]
    views.delete_one({"_dataset_id": bulk.dataset_id(samples), "name": "decided"})
    samples.reload()
    results.save_views(dataset)
    caplog.clear()
    assert samples.list_saved_views().count("decided") == 1
    assert "corrupted" not in caplog.text


def test_views_that_are_there_are_not_made_again(dataset, monkeypatch):
    monkeypatch.setattr(saved.fo.Dataset, "save_view", kill)
    score(dataset, "r2", b=0.1)
    assert on_tiles(dataset) == ["a", "c"]


def test_tiles_whose_view_was_not_saved_go(dataset):
    database = bulk.collection(dataset.samples).database
    before = set(database.list_collection_names())
    unsaved = tiles._make(dataset, tiles.SUSPECT_LABELS)
    assert len(set(database.list_collection_names()) - before) == 1
    dataset.samples.delete_saved_view(tiles.SUSPECT_LABELS)
    results.save_views(dataset)
    assert unsaved._dataset.name not in store.names()


def test_what_a_killed_process_was_about_to_write_goes(dataset):
    code = (
        "import os, pathlib, sys\n"
        "from curation.core.atomic import replacing\n"
        "for path in map(pathlib.Path, sys.argv[1:]):\n"
        "    replacing(path).__enter__().write_text('half')\n"
        "print(len(os.listdir(path.parent)))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    paths = dataset.folder / "splits.csv", dataset.folder / "runs" / "r1" / "issues.csv"
    paths[1].parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", code, *map(str, paths)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == -9, done.stderr
    assert len(list(dataset.folder.rglob("*.part*"))) == 2
    store.open(dataset.name)
    assert list(dataset.folder.rglob("*.part*")) == []


def test_a_dataset_that_is_up_to_date_is_not_looked_through(dataset, monkeypatch):
    decide(dataset, "keep", image_id="a", instance_id=shirt(dataset, "a"))
    monkeypatch.setattr(opening, "stale", kill)
    assert store.open(dataset.name).is_current
    dataset.journal.append([journal.decision("exclude", "b", "anna")])
    assert not dataset.is_current
    with pytest.raises(KilledError):
        store.open(dataset.name)


@pytest.mark.parametrize("what", ["taxonomy", "run"])
def test_another_taxonomy_or_run_is_not_called_up_to_date_before_all_labels_are(
    dataset, what, monkeypatch
):
    module, name = {"taxonomy": (labels, "rebuild"), "run": (labels, "store_labels")}[what]
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(module, name, kill)
        if what == "taxonomy":
            remap(dataset, TOML.replace("accessories", "extras"), "mine.toml")
        else:
            score(dataset, "r2", a=0.1)
    dataset.samples.reload()
    assert not dataset.is_current
    assert store.open(dataset.name).is_current
