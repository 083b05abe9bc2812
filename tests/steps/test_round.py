"""A round on a real dataset, from its start to its proof, stopped and gone on with."""

from __future__ import annotations

import re
from importlib import import_module

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from curation import steps, store
from curation.cli import main
from curation.core import rle, taxonomy
from curation.core.errors import CurateError, DatasetError
from curation.core.progress import silent
from curation.core.records import ImageRecord, Instance
from curation.rounds import state
from curation.rounds.comparison import Change, Comparison, Interval
from curation.rounds.state import State
from curation.steps.round import ROUNDS, read_proof
from curation.store.labels import remap
from curation.store.write import write
from tests.conftest import decide
from tests.steps.scenes import add, lose
from training.config import TrainConfig
from training.folder import ClassList, Parts, RunFolder

module = import_module("curation.steps.round")

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
OTHER = TOML.replace('name = "supercategories"', 'name = "other"').replace("#", "# ", 1)
QUICK = TrainConfig(size=32, steps=2, batch=4)
EYE, BLOCK = rle.encode(np.eye(8)), rle.encode(np.tri(8))


def record(folder, number, mask=EYE):
    path = folder / f"p{number:02d}.png"
    Image.new("RGB", (8, 8), (number * 10, 255 - number * 7, 0)).save(path)
    return ImageRecord(path.stem, path, 8, 8, (Instance("skirt", mask, "t.csv:1"),))


@pytest.fixture
def dataset(tmp_path):
    name = "test-round"
    store.delete(name)
    write(name, [record(tmp_path, number) for number in range(12)])
    opened = store.open(name)
    (opened.folder / "decisions.csv").unlink(missing_ok=True)
    for left in ("rounds", "runs"):
        module.shutil.rmtree(opened.folder / left, ignore_errors=True)
    remap(opened, TOML, "supercategories")
    yield opened
    store.delete(name)


def relabel(dataset, image_id="p00"):
    (label,) = next(dataset.records(image_ids=[image_id])).instances
    decide(
        dataset, "relabel", image_id=image_id, instance_id=label.instance_id, category="feet",
        reviewer="ann",
    )  # fmt: skip


def edit(dataset, image_id, label):
    """What somebody does in FiftyOne's Annotate tab."""
    sample = dataset.samples.match({"image_id": image_id}).first()
    sample.labels.detections[0].label = label
    sample.save()


def products(dataset):
    return {(found.product, found.why) for found in steps.round_status(dataset).stale}


@pytest.mark.slow
def test_a_round_from_its_start_to_its_proof_and_the_next_one(dataset):
    assert steps.round_status(dataset).next == "curate round test-round start"
    steps.start_round(dataset, QUICK, folds=2)
    with pytest.raises(CurateError, match="r001: is started, and not closed: go on with it"):
        steps.start_round(dataset, QUICK)
    with pytest.raises(CurateError, match="r001: is started: first run"):
        steps.close_round(dataset)
    told = CliRunner().invoke(main, ["round", dataset.name, "run"], catch_exceptions=False)
    assert "Too few labels to learn from: scores are plain disagreement" in told.stderr
    assert "Flagged " in told.stderr  # what the verb says by itself
    assert steps.round_status(dataset).rounds[0].state is State.FLAGGED
    assert (dataset.runs, dataset.flagged) == (("r001",), "r001")
    with pytest.raises(CurateError, match="nothing was decided in it yet: `curate review"):
        steps.close_round(dataset)
    relabel(dataset)
    assert products(dataset) == {("models", "decisions were taken")}
    proof = steps.close_round(dataset)
    assert proof.changed == {"relabel": 1}
    assert proof.comparison.photos == 12
    assert set(proof.comparison.iou) == {"lower-body", "feet"}
    assert read_proof(dataset, "r001") == steps.close_round(dataset) == proof
    status = steps.round_status(dataset)
    assert (status.rounds[0].state, status.decisions, status.stale) == (State.CLOSED, 1, ())

    page = steps.round_report(dataset).read_text("utf-8")
    assert "The round" in page
    assert "p00: ann relabelled it to feet." in page
    assert page.count("<figure>") == page.count('<img src="data:image/jpeg;base64,') == 1
    assert not re.search(r"https?://|<script|url\(", page)  # it needs no network

    following = steps.start_round(dataset, QUICK, folds=2)
    assert (following.parent, following.run, following.state) == ("r001", "r001_after", "predicted")
    assert steps.run_round(dataset).state is State.FLAGGED
    assert dataset.flagged == "r001_after"
    assert steps.round_status(dataset).decisions == 0
    assert steps.abandon_round(dataset).state is State.ABANDONED
    with pytest.raises(CurateError, match="no round is going on: `curate round test-round start`"):
        steps.run_round(dataset)
    another = steps.start_round(dataset, TrainConfig(size=32, steps=1, batch=4), folds=2)
    assert (another.name, another.run, another.state) == ("r003", "r003", "started")


@pytest.mark.long
def test_where_a_test_set_is_frozen_it_says_whether_a_round_helped(dataset):
    steps.start_round(dataset, QUICK, folds=2)
    steps.run_round(dataset)
    relabel(dataset)
    frozen = steps.freeze(dataset)  # too late for this round: its models learned from them
    tested = set(frozen.photos.values())
    assert tested
    first = steps.close_round(dataset).comparison
    assert (first.photos, first.frozen) == (12 - len(tested), False)
    assert "no test set was frozen before the round" in first.measured_on

    steps.start_round(dataset, QUICK, folds=2)
    steps.run_round(dataset)
    relabel(dataset, next(f"p{n:02d}" for n in range(1, 12) if f"p{n:02d}" not in tested))
    second = steps.close_round(dataset).comparison
    assert (second.photos, second.frozen) == (len(tested), True)
    steps.unfreeze(dataset)


@pytest.mark.long
def test_a_step_that_was_done_is_not_done_again(dataset, monkeypatch):
    """Stopped after each step, as by a kill: what is written is on disk by then."""
    steps.start_round(dataset, QUICK, folds=2)
    called = []
    for name in ("train", "predict", "flag"):
        real = getattr(module, name)

        def once(*args, name=name, real=real, **values):
            called.append(name)
            real(*args, **values)
            if called.count(name) == 1:
                raise KeyboardInterrupt

        monkeypatch.setattr(module, name, once)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            steps.run_round(dataset)
    assert steps.run_round(dataset).state is State.FLAGGED
    # A training that was finished before its round knew of it is found finished, not called again.
    assert called == ["train", "predict", "predict", "flag", "flag"]
    assert steps.run_round(dataset).state is State.FLAGGED
    assert len(called) == 5


@pytest.mark.long
def test_a_training_that_was_killed_before_its_labels_were_written_begins_anew(dataset):
    steps.start_round(dataset, QUICK, folds=2)
    folder = dataset.run_folder("r001")
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("half")
    assert steps.run_round(dataset).state is State.FLAGGED


@pytest.mark.slow
def test_what_happens_to_a_dataset_is_said_of_what_the_round_made(dataset, tmp_path):
    steps.start_round(dataset, QUICK, folds=2)
    steps.run_round(dataset)
    assert products(dataset) == set()
    write(dataset.name, [record(tmp_path, 3, BLOCK)], update=True)
    remap(dataset, TOML, "supercategories")
    corrected = {(p, "the annotation file was corrected") for p in ("models", "suspects")}
    assert products(dataset) == corrected
    write(dataset.name, [record(tmp_path, 20)])
    remap(dataset, TOML, "supercategories")
    came = {(p, "photos came or went") for p in ("models", "predictions", "suspects")}
    assert products(dataset) == corrected | came
    remap(dataset, OTHER, "other.toml")
    changed = {(p, "the taxonomy was changed") for p in ("models", "predictions", "suspects")}
    assert products(dataset) == corrected | came | changed
    relabel(dataset)
    with pytest.raises(CurateError, match="r001: was begun under another taxonomy than other"):
        steps.close_round(dataset)


@pytest.mark.slow
def test_a_report_needs_a_round_that_is_flagged(dataset):
    with pytest.raises(CurateError, match="has no round yet: `curate round test-round start`"):
        steps.round_report(dataset)
    steps.start_round(dataset, QUICK, folds=2)
    with pytest.raises(CurateError, match="r001: is started: first run"):
        steps.round_report(dataset)
    with pytest.raises(CurateError, match="there is no round r9; there is r001"):
        steps.round_report(dataset, "r9")


@pytest.mark.long
def test_a_killed_training_is_of_the_labels_that_it_was_begun_with(dataset, monkeypatch):
    steps.start_round(dataset, QUICK, folds=2)
    real = module.train

    def killed(*args, **values):
        real(*args, **values)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        steps.run_round(dataset)
    relabel(dataset)
    done = steps.run_round(dataset)
    assert (done.made_of[State.TRAINED].decisions, done.begun) == ("", None)
    assert products(dataset) == {("models", "decisions were taken")}


def test_what_was_edited_in_fiftyone_is_decided_in_the_round_in_which_it_was(dataset, monkeypatch):
    for name in ("train", "predict", "flag"):
        monkeypatch.setattr(module, name, lambda *args, **values: None)
    same = Interval(0, 0, 0)
    compared = Comparison(12, Change(0, 0, same), {})
    monkeypatch.setattr(module, "_compare", lambda *args: compared)
    edit(dataset, "p00", "feet")
    steps.start_round(dataset, QUICK, folds=2)
    assert steps.round_status(dataset).decisions == 0
    steps.run_round(dataset)
    edit(dataset, "p01", "feet")
    assert steps.close_round(dataset).changed == {"relabel": 1}
    (closed,) = steps.round_status(dataset).rounds
    assert closed.made_of[State.RETRAINED].decisions == closed.reviewed


def test_a_killed_training_under_another_taxonomy_is_not_gone_on_with(dataset, monkeypatch):
    def killed(*args, **values):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", killed)
    steps.start_round(dataset, QUICK, folds=2)
    with pytest.raises(KeyboardInterrupt):
        steps.run_round(dataset)
    remap(dataset, OTHER, "other.toml")
    with pytest.raises(CurateError, match="r001: was begun under another taxonomy than other"):
        steps.run_round(dataset)


@pytest.mark.slow
def test_a_damaged_file_or_journal_is_said_and_nothing_is_trained(dataset):
    steps.start_round(dataset, QUICK, folds=2)
    path = dataset.folder / ROUNDS / "r001" / state.FILE
    whole = path.read_text()
    path.write_text(whole.replace("size = 32", 'size = "big"'))
    with pytest.raises(CurateError, match=r"round\.toml:settings: .*restore it"):
        steps.run_round(dataset)
    path.write_text(whole.replace('since = ""', 'since = "gone"'))
    with pytest.raises(CurateError, match=r"decisions\.csv: lacks the decision gone"):
        steps.round_status(dataset)


@pytest.mark.slow
def test_a_dataset_without_a_taxonomy_has_no_round(tmp_path):
    name = "test-round-bare"
    store.delete(name)
    write(name, [record(tmp_path, 1)])
    with pytest.raises(DatasetError, match="has no taxonomy yet"):
        steps.start_round(store.open(name), QUICK)
    store.delete(name)


def test_what_goes_together_is_one_photo_to_the_interval_of_the_proof(tmp_path, monkeypatch):
    name = "test-round-together"
    lose(name)
    add(name, tmp_path, {"a": 1, "b": 2, "c": 3})
    dataset = add(name, tmp_path / "again", {"d": 1}, quality=60)
    work = module.working_copy.load(dataset)
    keys = tuple(work.groups[i] for i in "abcd")
    for run in ("r001", "r001_after"):
        folder = RunFolder(dataset.run_folder(run))
        classes = ClassList(work.channels.names, work.channels.colors)
        parts = Parts("fold", keys, tuple("abcd"), ("0", "1", "1", "0"))
        folder.begin(TrainConfig(), classes, parts, "")
        (folder.path / "predictions").mkdir()
        for key in keys:
            Image.new("L", (32, 32)).save(folder.path / "predictions" / f"{key}.png")
    round_ = state.Round("r001", State.RETRAINED, "", "r001", "r001_after", 2, {}, "")
    monkeypatch.setattr(module.comparison, "compare", lambda *args, **rest: args)
    _, _, groups, _ = module._compare(dataset, round_, work, silent)
    assert groups[0] == groups[3]
    assert len(set(groups)) == 3
    lose(name)
