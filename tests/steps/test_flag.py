"""What flagging keeps to on a real dataset; how it scores is tested in tests/issues."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curation import steps, store
from curation.core import rle, taxonomy
from curation.core.errors import RunError
from curation.core.records import ImageRecord, Instance
from curation.issues import issue_table, pipeline, suggestion_pipeline
from curation.issues.calibration import Check
from curation.issues.issue import SUSPECT, ImageScore, Issue
from curation.issues.observation import Label, LabelFeedback, MissingFeedback
from curation.issues.pipeline import Learning
from curation.issues.suggestion import SUGGESTED
from curation.steps import working_copy
from curation.steps.dataset_runs import DatasetRuns
from curation.steps.feedback import Feedback
from curation.steps.flag import FlagResult, flag
from curation.store import decisions, results
from curation.store.labels import remap
from curation.store.write import write
from tests.conftest import decide
from training.config import TrainConfig

module = import_module("curation.steps.flag")

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
EYE = rle.encode(np.eye(8))


@pytest.fixture
def dataset(tmp_path):
    """Twenty photos with a skirt each, and a copy of the first."""
    name = "test-flag"
    records = []
    for number in range(21):
        path = tmp_path / f"p{number:02d}.png"
        Image.new("RGB", (8, 8), (number % 20 * 10, 0, 0)).save(path)
        records.append(ImageRecord(path.stem, path, 8, 8, (Instance("skirt", EYE),)))
    store.delete(name)
    write(name, records)
    opened = store.open(name)
    (opened.folder / "decisions.csv").unlink(missing_ok=True)
    remap(opened, TOML, "supercategories")
    yield opened
    store.delete(name)


def train(dataset, run: str, folds: int) -> None:
    config = TrainConfig(size=32, steps=2, batch=4)
    steps.train(DatasetRuns(dataset), run, config, folds=folds)


def label(dataset, image_id: str) -> dict[str, str]:
    """The keywords of a decision on the one label of a photo."""
    (instance,) = working_copy.load(dataset).records[image_id].instances
    return {"image_id": image_id, "instance_id": instance.instance_id}


def feedback(dataset) -> Feedback:
    return Feedback.of(dataset, working_copy.load(dataset))


def names(dataset) -> tuple[str, ...]:
    return working_copy.load(dataset).channels.names


def read(result: FlagResult) -> pd.DataFrame:
    return issue_table.read(result.path, "error_score", again="flag again")


def kill(*args, **rest):
    raise KeyboardInterrupt


def test_a_killed_one_goes_on_where_it_was(dataset, monkeypatch):
    train(dataset, "r3", 2)
    folder = dataset.run_folder("r3")
    monkeypatch.setattr(pipeline, "SHARD", 8)
    asked = []
    predict = module.trainer.predict_with_features

    def counted(folder, images, **rest):
        asked.append(len(images))
        return predict(folder, images, **rest)

    with monkeypatch.context() as killed:
        killed.setattr(pipeline, "rank", kill)
        with pytest.raises(KeyboardInterrupt):
            flag(dataset, "r3")
    (folder / module.FLAGGING / "features-00001.npz").unlink()
    monkeypatch.setattr(module.trainer, "predict_with_features", counted)
    told = []
    result = flag(dataset, "r3", progress=lambda *news: told.append(news))
    assert asked[0] == 8
    issues = read(result)
    outlines = issues[issues.error_type.isin(SUGGESTED)]
    doubted = outlines[outlines.error_score >= SUSPECT].image_id.nunique()
    assert asked[1:] == [doubted], "they alone are predicted again, for their masks"
    assert ("compare with labels", 13, 21) in told
    assert ("compare with labels", 21, 21) in told
    assert not (folder / module.FLAGGING).exists()
    assert (issues.error_type != "missing").sum() == 21
    assert result.learning.check is None, "21 photos are too few to learn from"
    assert result.out_of_fold


def test_one_killed_while_it_suggests_masks_goes_on_with_those_that_are_missing(
    dataset, monkeypatch
):
    train(dataset, "r3", 2)
    classes = names(dataset)
    lower, feet = map(classes.index, ("lower-body", "feet"))

    def predicted(folder, images, **rest):
        """The skirt is where it is labelled, and shoes that are not are beside it."""
        seen = np.zeros((16, 16), np.intp)
        seen[np.abs(np.subtract.outer(np.arange(16), np.arange(16))) < 3] = lower
        seen[1:7, 9:15] = feet
        p = np.where(seen == np.arange(len(classes))[:, None, None], 0.95, 0.01)
        for image in images:
            yield image, p.astype(np.float16), ()

    monkeypatch.setattr(module.trainer, "predict_with_features", predicted)
    monkeypatch.setattr(suggestion_pipeline, "SHARD", 4)
    made = suggestion_pipeline.save
    left = iter(range(2))

    def until_killed(path, found):
        next(left, None) is None and kill()
        made(path, found)

    with monkeypatch.context() as killed:
        killed.setattr(suggestion_pipeline, "save", until_killed)
        with pytest.raises(KeyboardInterrupt):
            flag(dataset, "r3")
    assert not dataset.has("missing_r3"), "nothing is written before all of it is there"
    folder = dataset.run_folder("r3") / module.FLAGGING
    assert len(list(folder.glob("suggestions-*.npz"))) == 2
    again = []
    monkeypatch.setattr(
        suggestion_pipeline, "save", lambda *shard: (again.append(shard), made(*shard))
    )
    gaps = read(flag(dataset, "r3")).query("error_type == 'missing'")
    assert gaps.suggested_label.tolist() == ["feet"] * 21
    assert len(again) == 4, "of six shards of up to four photos two were there"
    garments = [d for (d,) in dataset.samples.values("missing_r3.detections")]
    assert {d.id: f"8 8 {d.rle}" for d in garments} == gaps.set_index("instance_id")[
        "mask"
    ].to_dict()


def test_each_label_and_each_photo_has_the_score_of_its_own(dataset, monkeypatch):
    """What the model gives a skirt is another probability in each photo; the rest is background."""
    train(dataset, "r3", 2)
    own = {f"p{n:02d}": 0.05 + 0.03 * (8 * n % 21) for n in range(21)}  # in no order of theirs
    classes = names(dataset)

    def predicted(folder, images, **rest):
        for image in images:
            p = np.zeros((len(classes), 16, 16), np.float16)
            p[classes.index("lower-body")] = own[image.image_id]
            p[0] = 1 - own[image.image_id]
            yield image, p, ()

    monkeypatch.setattr(pipeline, "SHARD", 8)
    monkeypatch.setattr(module.trainer, "predict_with_features", predicted)
    issues = read(flag(dataset, "r3"))
    # SUSPECT where background is as likely as the class, and its power of the log of the odds.
    expected = {i: 0.25 ** np.log2(1 / (1 - q)) for i, q in own.items()}
    close = pytest.approx(expected, abs=2e-3)
    assert dict(zip(issues.image_id, issues.error_score, strict=True)) == close
    assert issues.image_id.tolist() == sorted(own, key=own.__getitem__), "the worst come first"
    assert dict(zip(*dataset.samples.values(["image_id", "error_score"]), strict=True)) == close
    labels = dataset.samples.values(["image_id", "labels.detections.error_score"])
    assert {i: score for i, (score,) in zip(*labels, strict=True)} == close


def test_labels_that_are_too_small_for_the_model_are_counted(dataset, monkeypatch):
    train(dataset, "r3", 2)

    def predicted(folder, images, **rest):
        for image in images:
            side = 2 if image.image_id == "p00" else 16
            yield image, np.full((len(names(dataset)), side, side), 0.2, np.float16), ()

    monkeypatch.setattr(module.trainer, "predict_with_features", predicted)
    result = flag(dataset, "r3")
    assert (result.counts.rows, result.too_small) == (20, 1)
    assert "1 label has no score: too small at the size of the model" in result.summary()
    assert "p00" not in set(read(result).image_id)


def test_labels_that_changed_since_are_flagged_anew(dataset, monkeypatch):
    train(dataset, "r4", 2)
    monkeypatch.setattr(pipeline, "rank", kill)
    path = dataset.run_folder("r4") / module.FLAGGING / pipeline.FINGERPRINT
    fingerprints = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            flag(dataset, "r4")
        fingerprints.append(path.read_text())
        decide(dataset, "exclude", image_id="p03")
    assert fingerprints[0] != fingerprints[1]


def test_a_run_of_other_classes_is_refused(dataset):
    train(dataset, "r5", 0)
    other = TOML.replace('"feet"', '"shoes"')
    remap(dataset, other.replace('name = "supercategories"', 'name = "other"'), "other.toml")
    with pytest.raises(RunError, match=r"was trained on .*feet.* remap or train again"):
        flag(dataset, "r5")


def test_a_result_counts_what_nobody_decided_on_and_puts_the_worst_first(tmp_path):
    scores = {"a": (0.9, None), "b": (0.3, 0.4), "c": (0.1, 0.6), "d": (0.95, 0.8)}
    issues = [
        Issue(i, i, "", "top", score, "spurious", "", "", source_error_score=of_source)
        for i, (score, of_source) in scores.items()
    ]
    counts = issue_table.write(tmp_path / "issues.csv", issues, {"d"})
    assert (counts.suspects, counts.suspect_source_labels) == (2, 2)
    result = FlagResult(tmp_path / "issues.csv", counts, Learning(0, None), out_of_fold=True)
    assert result.worst("error_score", 2).image_id.tolist() == ["a", "b"]
    assert result.worst("source_error_score", 9).image_id.tolist() == ["c", "b", "d"]


def test_scores_are_learned_when_they_are_better_than_having_learned_nothing():
    assert Learning(400, Check(0.4, 0.5, better=True)).learned
    assert not Learning(400, Check(0.5, 0.4, better=False)).learned
    assert not Learning(10, None).learned


def test_what_reviewers_decided_is_about_labels_as_they_were(dataset):
    decide(dataset, "keep", **label(dataset, "p01"))
    decide(dataset, "relabel", category="feet", **label(dataset, "p02"))
    decide(dataset, "delete", **label(dataset, "p03"))
    said = feedback(dataset).labels
    classes = names(dataset)
    assert {
        i: [(classes[f.label.class_id], f.error) for f in those] for i, those in said.items()
    } == {
        "p01": [("lower-body", "correct")],
        "p02": [("lower-body", "wrong category")],
        "p03": [("lower-body", "wrong")],
    }
    decisions.undo(dataset)
    assert "p03" not in feedback(dataset).labels


def test_a_decision_on_the_source_label_says_that_the_class_is_correct(dataset):
    for image_id, name in (("p01", "pants"), ("p02", "dress")):
        decide(dataset, "relabel", category=name, taxonomy="source", **label(dataset, image_id))
    skirt = Label(names(dataset).index("lower-body"), EYE, "skirt")
    assert feedback(dataset).labels == {
        "p01": [LabelFeedback(skirt, "correct", "wrong")],
        "p02": [LabelFeedback(skirt, "wrong category", "")],
    }


def test_a_label_that_was_redrawn_was_wrong_and_its_class_only_where_that_was_changed(dataset):
    drawn = rle.to_text(rle.encode(np.ones((8, 8))))
    classes = {"p02": ("feet", ""), "p03": ("pants", "source")}
    for image_id in ("p01", "p02", "p03"):
        if named := classes.get(image_id):
            known = dict(zip(("category", "taxonomy"), named, strict=True))
            decide(dataset, "relabel", **known, **label(dataset, image_id))
        decide(dataset, "redraw", mask=drawn, **label(dataset, image_id))
    said = {i: (f.error, f.source_error) for i, (f,) in feedback(dataset).labels.items()}
    assert said == {"p01": ("wrong", ""), "p02": ("wrong category", ""), "p03": ("wrong", "wrong")}


def test_a_decision_in_another_vocabulary_is_not_learned_from(dataset):
    decide(dataset, "relabel", category="pants", taxonomy="source", **label(dataset, "p01"))
    other = TOML.replace('  "pants",\n', "").replace('name = "supercategories"', 'name = "other"')
    remap(dataset, other, "other.toml")
    assert feedback(dataset).labels == {}


def test_keeping_what_was_relabelled_says_nothing_of_the_label_that_was_imported(dataset):
    known = label(dataset, "p01")
    decide(dataset, "relabel", category="pants", taxonomy="source", **known)
    decide(dataset, "keep", **known)
    (said,) = feedback(dataset).labels["p01"]
    assert (said.error, said.source_error) == ("correct", "wrong")


def test_a_garment_that_was_added_and_then_deleted_is_not_missing(dataset):
    gap = Issue("p01", "5" * 24, "run:r1", "", 0.8, "missing", "feet", "", mask=EYE)
    results.write_scores(dataset, "r1", [ImageScore("p01", 0.9, (gap,))])
    decide(dataset, "add", image_id="p01", instance_id="5" * 24)
    results.write_scores(dataset, "r1", [ImageScore("p01", 0.0, ())])
    decide(dataset, "delete", image_id="p01", instance_id="5" * 24)
    ((said,),) = feedback(dataset).missing.values()
    assert not said.missing
    assert decisions.orphans(dataset) == []


def test_added_and_dismissed_garments_are_told_by_the_journal_alone(dataset):
    gaps = [Issue("p01", f"{n}" * 24, "run:r1", "", 0.8, "missing", "feet", "", mask=EYE)
            for n in (5, 6)]  # fmt: skip
    results.write_scores(dataset, "r1", [ImageScore("p01", 0.9, tuple(gaps))])
    decide(dataset, "add", image_id="p01", instance_id="5" * 24)
    decide(dataset, "delete", image_id="p01", instance_id="6" * 24)
    results.write_scores(dataset, "r2", [ImageScore("p01", 0.0, ())])
    dataset.samples.delete_sample_field("missing_r1")
    feet = names(dataset).index("feet")
    assert feedback(dataset).missing == {
        "p01": [MissingFeedback(feet, EYE, missing=True), MissingFeedback(feet, EYE, missing=False)]
    }
