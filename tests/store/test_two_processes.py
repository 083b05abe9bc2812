"""Verbs of two processes on one dataset: none takes back what the other has told of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from curation import steps, store
from curation.core import rle, taxonomy
from curation.core.errors import CurateError, RunError
from curation.core.records import ImageRecord, Instance
from curation.issues.issue import ImageScore, Issue
from curation.steps.dataset_runs import DatasetRuns
from curation.steps.ingest import locked
from curation.store import bulk, labels, results, suspects
from curation.store.labels import remap
from curation.store.write import write
from tests.conftest import decide, picture
from training.config import TrainConfig

ROOT = Path(__file__).parents[2]
SUPER = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
OWN = """
name = "own"
paint_order = ["blouse"]
[[classes]]
id = 7
name = "blouse"
color = "#123456"
from = ["shirt, blouse"]
"""
BOX = picture("......", "###...", "###...", "......")


@pytest.fixture
def dataset(tmp_path):
    name = "test-two-processes"
    store.delete(name)
    Image.new("RGB", (6, 4), "red").save(tmp_path / "a.png")
    shirt = Instance("shirt, blouse", rle.encode(BOX), "t.csv:2")
    write(name, [ImageRecord("a", tmp_path / "a.png", 4, 6, (shirt,))])
    opened = store.open(name)
    (opened.folder / "decisions.csv").unlink(missing_ok=True)
    remap(opened, SUPER, "supercategories.toml")
    yield opened
    store.delete(name)


def other(dataset, code):
    """Runs a few lines about ``dataset`` in a process of its own."""
    head = f"from curation import store\ndataset = store.open({dataset.name!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code], cwd=ROOT, text=True, check=False,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


REMAP = f"from curation.store.labels import remap; remap(dataset, {OWN!r}, 'own.toml')"


def test_a_remap_during_a_prediction_stays(dataset, tmp_path):
    mask = tmp_path / "mask.png"
    Image.fromarray(np.ones((4, 6), np.uint8)).save(mask)

    # Not for the first time: while it declares a new field, FiftyOne reads the dataset anew.
    results.write_predictions(dataset, "r1", [("a", mask, mask)])

    def predicted():
        other(dataset, REMAP)
        yield "a", mask, mask

    results.write_predictions(dataset, "r1", predicted())
    dataset.samples.reload()
    assert (dataset.taxonomy.name, dataset.runs) == ("own", ("r1",))
    assert dataset.samples.default_mask_targets == {7: "blouse"}
    shown = dataset.samples.app_config.color_scheme.default_mask_targets_colors
    assert shown == [{"intTarget": 7, "color": "#123456"}]
    assert dataset.samples.label_schemas["labels"]["classes"] == ["blouse"]


def test_runs_that_end_during_a_remap_stay_and_so_do_their_fields_in_the_sidebar(dataset):
    code = """
from curation.core import rle
from curation.issues.issue import ImageScore
from curation.store import labels, results
results.write_scores(dataset, "r2", [ImageScore("a", 0.0, ())])
"""
    other(dataset, code)
    assert dataset.runs == ()  # nobody has told this process
    remap(dataset, OWN, "own.toml")
    assert (dataset.runs, dataset.flagged, dataset.taxonomy.name) == (("r2",), "r2", "own")
    groups = {group.name: group.paths for group in dataset.samples.app_config.sidebar_groups}
    assert "missing_r2" in groups["drawn on the photo"]


def test_of_two_runs_flagged_at_once_the_scores_of_one_are_there(dataset):
    code = """
from curation.issues.issue import ImageScore
from curation.store import results
results.write_scores(dataset, "r2", [ImageScore("a", 0.2, ())])
"""

    def scored():
        other(dataset, code)
        yield ImageScore("a", 0.1, ())

    results.write_scores(dataset, "r1", [ImageScore("a", 0.1, ())])
    with pytest.raises(CurateError, match="r1: r2 was flagged meanwhile; `curate flag"):
        results.write_scores(dataset, "r1", scored())
    assert dataset.flagged == "r2"
    assert dataset.column("error_score") == {"a": 0.2}


def test_a_remap_during_a_flag_stays_and_the_scores_are_of_no_label_that_it_changed(dataset):
    (label,) = next(dataset.records()).instances
    issue = Issue("a", label.instance_id, "t.csv:2", "upper-body", 0.9, "spurious", "", "so")
    results.write_scores(dataset, "r1", [ImageScore("a", 0.9, (issue,))])

    def scored():
        other(dataset, REMAP)
        yield ImageScore("a", 0.9, (issue,))

    results.write_scores(dataset, "r1", scored())
    assert (dataset.taxonomy.name, dataset.flagged) == ("own", "r1")
    (photo,) = labels.read(dataset, ["a"])
    (found,) = photo["labels"]["detections"]
    assert (found["label"], found.get("error_score")) == ("blouse", None)
    assert not suspects.read(dataset)


def test_labels_are_written_under_the_taxonomy_of_by_now(dataset):
    other(dataset, REMAP)
    assert dataset.taxonomy.name == "supercategories"  # nobody has told this process
    labels.rebuild(dataset, ["a"])
    (photo,) = labels.read(dataset, ["a"])
    assert [d["label"] for d in photo["labels"]["detections"]] == ["blouse"]


def test_a_class_that_a_remap_has_taken_away_just_now_is_decided_by_nobody(dataset):
    (label,) = next(dataset.records()).instances
    other(dataset, REMAP)
    with pytest.raises(CurateError, match="feet"):
        decide(dataset, "relabel", image_id="a", instance_id=label.instance_id, category="feet")
    assert dataset.journal.read() == []


def test_a_remap_does_not_vouch_for_another_one_that_was_killed(dataset, monkeypatch):
    rebuild = labels.rebuild
    killed = (
        "import os\nfrom curation.store import labels\nlabels.rebuild = lambda *_: os._exit(0)\n"
    )

    def remapped_meanwhile(*asked):
        rebuild(*asked)
        other(dataset, killed + f"labels.remap(dataset, {OWN!r}, 'own.toml')")

    with monkeypatch.context() as patched:
        patched.setattr(labels, "rebuild", remapped_meanwhile)
        remap(dataset, SUPER, "supercategories.toml")
    assert store.open(dataset.name).taxonomy.name == "own"
    (photo,) = labels.read(dataset, ["a"])
    assert [d["label"] for d in photo["labels"]["detections"]] == ["blouse"]


def test_what_somebody_else_keeps_in_info_stays(dataset):
    dataset.samples.info["theirs"] = "kept"
    dataset.samples.save()
    other(dataset, "dataset.remember_run('r1', flagged=True)")
    dataset.remember_run("r2")
    fresh = fo.load_dataset(dataset.name, reload=True).info
    assert fresh["theirs"] == "kept"
    assert fresh["curate"]["runs"] == ["r1", "r2"]
    assert fresh["curate"]["flagged"] == "r1"


def test_an_export_beside_a_remap_has_no_labels_of_two_taxonomies(dataset, tmp_path, monkeypatch):
    read = store.Dataset.records

    def remapped_meanwhile(self, *asked):
        yield from read(self, *asked)
        other(dataset, REMAP)

    monkeypatch.setattr(store.Dataset, "records", remapped_meanwhile)
    with pytest.raises(CurateError, match="was remapped to own while it was read: run this again"):
        steps.export(dataset, tmp_path / "out", "coco")
    assert not (tmp_path / "out").exists()


DECIDE = """
from curation.store import decisions
from curation.store.decisions import Request
decisions.decide(dataset, [Request({action!r}, "a", {instance!r}, {category!r})], "anna")
"""


@pytest.mark.parametrize("action", ["relabel", "exclude"])
def test_an_export_has_the_decisions_that_it_says_and_no_others(
    dataset, tmp_path, monkeypatch, action
):
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "b.png")
    shirt = Instance("shirt, blouse", rle.encode(BOX), "t.csv:3")
    write(dataset.name, [ImageRecord("b", tmp_path / "b.png", 4, 6, (shirt,))])
    read, (label,) = store.Dataset.records, next(dataset.records()).instances
    asked = {"relabel": (label.instance_id, "feet"), "exclude": ("", "")}[action]

    def decided_meanwhile(self, *asked_for):
        yield from read(self, *asked_for)
        monkeypatch.undo()
        code = DECIDE.format(action=action, instance=asked[0], category=asked[1])
        other(dataset, code)

    monkeypatch.setattr(store.Dataset, "records", decided_meanwhile)
    told = steps.export(dataset, tmp_path / "out", "coco")
    (decision,) = dataset.journal.read()
    made_of = told["made_of"]
    assert (made_of["decisions"], made_of["last_decision"]) == (1, decision.decision_id)
    held = json.loads((tmp_path / "out" / "instances.json").read_text())
    names = {c["id"]: c["name"] for c in held["categories"]}
    found = {p["file_name"]: names[x["category_id"]]
             for p in held["images"] for x in held["annotations"] if x["image_id"] == p["id"]
             }  # fmt: skip
    assert found == {"b.png": "upper-body"} | ({"a.png": "feet"} if action == "relabel" else {})
    steps.export(dataset, tmp_path / "again", "coco")
    again = (tmp_path / "again" / "manifest.json").read_bytes()
    assert again == (tmp_path / "out" / "manifest.json").read_bytes()


def test_two_curators_over_one_journal_lose_no_decision(dataset):
    (label,) = next(dataset.records()).instances
    code = f"""
import sys
from curation import store
from curation.store import decisions
from curation.store.decisions import Request
dataset = store.open({dataset.name!r})
print("ready", flush=True)
sys.stdin.readline()
for category in ("feet", "lower-body") * 5:
    asked = Request("relabel", "a", {label.instance_id!r}, category)
    decisions.decide(dataset, [asked], sys.argv[1])
"""
    pair = [
        subprocess.Popen([sys.executable, "-c", code, who], cwd=ROOT, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for who in ("anna", "bea")
    ]  # fmt: skip
    for process in pair:
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in pair:
        process.communicate()
        assert process.returncode == 0
    entries = dataset.journal.read()
    assert Counter(entry.reviewer for entry in entries) == {"anna": 10, "bea": 10}
    assert len({entry.decision_id for entry in entries}) == 20
    (photo,) = labels.read(dataset, ["a"])
    assert [d["label"] for d in photo["labels"]["detections"]] == [entries[-1].category]


def test_a_photo_that_an_import_takes_over_just_now_is_none_without_a_garment(dataset, tmp_path):
    read = store.Dataset.image_ids

    def changed_meanwhile(self):
        found = read(self)
        bulk.update(self.samples, {"a": {"labels": None}})
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store.Dataset, "image_ids", changed_meanwhile)
        with pytest.raises(CurateError, match=":a: has no labels: an import takes it over now"):
            list(dataset.records("labels"))


def test_two_imports_into_a_dataset_two_rounds_and_two_trainings_or_flags_of_a_run_are_refused(
    dataset, tmp_path
):
    """By what the other one is, in a process of its own that is killed in the end."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom curation.core.alone import alone\n"
        "with alone(Path(sys.argv[1]), 'x', 'is'):\n    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    runs = DatasetRuns(dataset)
    locks = (
        dataset.folder / "import.lock",
        dataset.folder / "rounds" / ".lock",
        *(runs.folder("r1").with_name(name) for name in (".r1.lock", ".r1.flag-1-of-1.lock")),
    )
    holders = [
        subprocess.Popen([sys.executable, "-c", code, str(lock)], cwd=ROOT, stdout=subprocess.PIPE)
        for lock in locks
    ]
    for holder in holders:
        holder.stdout.readline()
    try:
        says = f"is being imported into by process {holders[0].pid} on "
        with pytest.raises(CurateError, match=says), locked(dataset.name):
            pass
        says = f"has a round that is worked on by process {holders[1].pid} on "
        with pytest.raises(CurateError, match=says):
            steps.run_round(dataset)
        with pytest.raises(CurateError, match=f"r1: is being trained by process {holders[2].pid}"):
            steps.train(runs, "r1", TrainConfig())
        with pytest.raises(CurateError, match=f"r1: is being flagged by process {holders[3].pid}"):
            steps.flag(dataset, "r1")
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
    with locked(dataset.name):
        assert "process" in (dataset.folder / "import.by").read_text()
    with pytest.raises(RunError, match="r1: "):  # whoever was killed keeps nobody out
        steps.flag(dataset, "r1")
