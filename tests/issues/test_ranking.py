"""From labels and probabilities to scores: rows, what is learned from them, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.issues import ranking, scoring
from curation.issues.calibration import Calibration, fold_of
from curation.issues.feature_table import Plan, Rows, Survey, collect, survey
from curation.issues.geometry import moved
from curation.issues.issue import SUSPECT, ErrorType, digest
from curation.issues.observation import FINE, Place, Seen, Verdict
from curation.issues.ranking import Ranking
from tests.issues.scene import LABELS, SHIRT, SIDE, THRESHOLDS, TROUSERS, seen, seen_as

NAMES = ("background", "shirt", "trousers", "shoes")
KNOWN = Survey(THRESHOLDS, None)


def image(number: int) -> tuple[Seen, str]:
    """A figure somewhere, seen by a model that is not sure everywhere; every tenth is wrong."""
    rng = np.random.default_rng(number)
    offset = rng.integers(-6, 7, 2)
    truth = [replace(x, mask=moved(x.mask, *offset)) for x in LABELS]
    noise = rng.normal(size=(4, 8, 8)).repeat(8, 1).repeat(8, 2)
    logits = np.log(seen_as(truth, sure=0.8)) + 0.7 * noise
    p = np.exp(logits) / np.exp(logits).sum(0)
    labels = list(truth)
    error = ""
    if number % 10 == 0:
        labels[0], error = replace(labels[0], class_id=2), ErrorType.WRONG_CATEGORY
    elif number % 10 == 5:
        labels[1], error = replace(labels[1], mask=moved(labels[1].mask, 9, 0)), ErrorType.SHIFTED
    taken = replace(seen(f"p{number:03d}", labels), p=p.astype(np.float16))
    return taken, str(error)


@pytest.fixture(scope="module")
def case() -> tuple[Rows, list[str]]:
    """Rows of 100 photos, and the error in each."""
    every = [image(number) for number in range(100)]
    images = [taken for taken, _ in every]
    parts = [collect(images[i : i + 25], KNOWN, Plan(1.0, 3)) for i in range(0, 100, 25)]
    return Rows.joined(parts), [error for _, error in every]


@pytest.fixture(scope="module")
def ranked(case) -> tuple[Rows, list[str], Ranking, scoring.Scores]:
    rows, errors = case
    learned = Ranking(rows)
    return rows, errors, learned, learned.score(rows)


def test_rows_are_of_every_label_and_of_what_was_planted(case):
    rows, _ = case
    assert len(rows.images) == 100
    assert len(rows.given) == 300
    assert set(rows.planted["kind"]) > {"wrong category", "shifted", "merged", "patched"}
    assert list(rows.given.columns[5:]) == list(rows.planted.columns[4:])
    assert list(rows.missing.columns[4:]) == list(rows.dropped.columns[4:])
    assert rows.images["planted"].sum() <= rows.images["drawn"].sum() == 300


def test_rows_come_back_from_disk_as_they_went(case, tmp_path):
    rows, _ = case
    rows.save(tmp_path / "rows.npz")
    back = Rows.load(tmp_path / "rows.npz")
    for name, frame in vars(rows).items():
        pd.testing.assert_frame_equal(getattr(back, name), frame, check_dtype=False)


def test_rows_without_a_single_label_go_to_disk_too(tmp_path):
    empty = collect([seen("a", [], truth=[])], KNOWN, Plan(1.0, 2))
    empty.save(tmp_path / "rows.npz")
    back = Rows.load(tmp_path / "rows.npz")
    assert len(ranking.by_disagreement(back).instances) == 0
    joined = Rows.joined([back, collect([image(1)[0]], KNOWN, Plan(0, 1))])
    assert (len(joined.images), len(joined.given), len(joined.planted)) == (2, 3, 0)


def test_the_same_images_give_the_same_rows_and_others_do_not_matter(case):
    rows, _ = case
    again = collect([image(number)[0] for number in range(25)], KNOWN, Plan(1.0, 3))
    first = set(again.images["image_id"])
    kept = rows.planted[rows.planted["image_id"].isin(first)]
    pd.testing.assert_frame_equal(again.planted, kept.reset_index(drop=True))


def test_a_garment_is_missing_where_the_model_takes_it_for_another():
    # Of trousers that are labelled, the model sees shoes; planted is that they are dropped.
    mistaken = seen("p", [TROUSERS], truth=[replace(TROUSERS, class_id=3)])
    rows = collect([mistaken], KNOWN, Plan(1.0, 1, ("missing",)))
    assert rows.dropped[["kind", "class_id"]].to_numpy().tolist() == [["missing", 3]]


def test_a_plan_takes_its_share_of_the_images():
    plan = Plan(0.3, 1)
    taken = [plan.includes(f"photo{i}") for i in range(2000)]
    assert np.mean(taken) == pytest.approx(0.3, abs=0.04)


def test_wrong_labels_come_first_and_their_type_is_told(ranked):
    rows, errors, _, scores = ranked
    spoilt = {f"p{i:03d}": (0 if i % 10 == 0 else 1) for i, error in enumerate(errors) if error}
    wrong = np.array([spoilt.get(i, -1) == k for i, k in
                      zip(rows.given["image_id"], rows.given["index"], strict=True)])  # fmt: skip
    score = scores.instances["error_score"].to_numpy()
    assert wrong.sum() == 20
    assert average_precision_score(wrong, score) > 0.8
    types = scores.instances["error_type"].to_numpy()[wrong]
    expected = [error for error in errors if error]
    assert np.mean(types == np.array(expected)) > 0.9


def test_what_was_learned_is_checked_against_softmin(ranked):
    *_, learned, _ = ranked
    ours, plain = learned.check
    assert 0 < plain < ours <= 1


def test_what_a_person_said_is_learned_from(case):
    rows, _ = case
    # Somebody keeps labels that look as wrong as those planted: such are right here.
    alike = (rows.planted["kind"] == "wrong category").to_numpy()
    kept = rows.planted[alike].assign(kind=FINE)
    told = Ranking(replace(rows, decided=pd.concat([kept] * 2, ignore_index=True)))
    swapped = ((rows.given["index"] == 0) & rows.given["image_id"].str.endswith("0")).to_numpy()
    before, after = (r.score(rows).instances["error_score"] for r in (Ranking(rows), told))
    assert after[swapped].mean() < before[swapped].mean()


def test_a_decided_label_is_judged_as_it_was():
    swapped = Verdict(2, rle.encode(SHIRT.mask), "wrong category")
    rows = collect([replace(seen("a", LABELS), verdicts=(swapped,))], KNOWN, Plan(0, 1))
    (said,) = rows.decided.to_dict("records")
    assert (said["kind"], said["class_id"], said["other"]) == ("wrong category", 2, 1)
    assert said["labels"] == len(LABELS)
    assert said["index"] == 0


def test_a_place_that_a_person_dismissed_is_no_missing_garment_in_any_run():
    unlabelled = seen("a", LABELS[1:])
    before = collect([unlabelled], KNOWN, Plan(0, 1)).missing["class_id"].tolist()
    assert before == [SHIRT.class_id]
    shirt = rle.encode(moved(SHIRT.mask, 1, 0))  # as another run saw it
    dismissed = replace(unlabelled, places=(Place(1, shirt, missing=False),))
    rows = collect([dismissed], KNOWN, Plan(0, 1))
    assert len(rows.missing) == 0
    assert rows.settled[["kind", "class_id"]].to_numpy().tolist() == [[FINE, 1]]


def test_a_garment_that_a_person_added_is_judged_as_the_place_it_was():
    added = replace(seen("a", LABELS), places=(Place(1, rle.encode(SHIRT.mask), missing=True),))
    rows = collect([added], KNOWN, Plan(0, 1))
    assert len(rows.missing) == 0
    (said,) = rows.settled.to_dict("records")
    (place,) = collect([seen("a", LABELS[1:])], KNOWN, Plan(0, 1)).missing.to_dict("records")
    assert (said["kind"], said["p"], said["log_area"]) == ("missing", place["p"], place["log_area"])


def test_no_image_is_judged_by_trees_that_saw_it(ranked):
    rows, _, learned, scores = ranked
    part = fold_of(rows.given["group"]) == 2
    spoilt = replace(rows, given=rows.given.assign(p_own=rows.given["p_own"].where(~part, 0)))
    again = Ranking(spoilt).score(rows)
    # Labels of part 2 were taught otherwise: only the other parts may be judged another way.
    model = learned._instances.forests[2].predict_proba(learned._instances._values(rows.given))
    other = Ranking(spoilt)._instances.forests[2]
    assert (other.predict_proba(learned._instances._values(rows.given)) == model).all()
    assert not np.allclose(again.instances["error_score"], scores.instances["error_score"])


def test_copies_of_a_image_are_judged_by_the_same_trees():
    copies = [replace(seen(name, LABELS[1:]), group="g") for name in ("a", "b", "c", "d")]
    rows = collect(copies, KNOWN, Plan(1.0, 4))
    for frame in (rows.given, rows.planted, rows.missing, rows.dropped):
        assert len(frame) > 3
        assert len(set(fold_of(frame["group"]))) == 1


def test_too_few_planted_errors_are_refused_and_plain_disagreement_takes_over(case):
    rows, _ = case
    with pytest.raises(ValueError, match="too few to learn from"):
        Ranking(replace(rows, planted=rows.planted.head(10)))
    scores = ranking.by_disagreement(rows)
    swapped = (rows.given["image_id"] == "p000") & (rows.given["index"] == 0)
    assert scores.instances["error_score"][swapped.to_numpy()].item() > 0.8
    assert scores.instances["error_type"][swapped.to_numpy()].item() == "wrong category"
    assert len(scores.missing) == len(rows.missing)


def test_without_learning_a_label_is_suspect_where_another_class_is_as_likely(case):
    rows, _ = case
    even = rows.given.assign(margin_other=0.0, margin_background=2.0)
    score = ranking.by_disagreement(replace(rows, given=even)).instances["error_score"]
    assert score.to_numpy() == pytest.approx(SUSPECT)
    crumb = rows.missing.head(1).assign(p=0.95, log_area=np.log(0.001), unlabelled=1, rim_own=0)
    garment = crumb.assign(log_area=np.log(0.02), thickness_pixels=0.05)
    outline = garment.assign(thickness_pixels=0.005)
    places = pd.concat([crumb, garment, outline], ignore_index=True)
    found = ranking.by_disagreement(replace(rows, missing=places)).missing["error_score"]
    assert found.tolist() == pytest.approx([0, 0.95, 0])


def test_scores_are_probabilities():
    """Of normal scores the share of wrong ones at each is known."""
    rng = np.random.default_rng(0)
    share = 0.05

    def probability(x):
        return 1 / (1 + np.exp(-x))

    wrong = rng.random(40_000) < share
    given = probability(rng.normal(np.where(wrong, 2.0, -1.0), 1.0))
    planted = probability(rng.normal(2.0, 1.0, 20_000))
    score = Calibration.of(given, planted, share)(given)
    for low, high in ((0.0, 0.1), (0.1, 0.4), (0.4, 0.7), (0.7, 1.01)):
        inside = (score >= low) & (score < high)
        assert score[inside].mean() == pytest.approx(wrong[inside].mean(), abs=0.07)
    order = np.argsort(given)
    assert (np.diff(score[order]) >= 0).all()


def test_thresholds_are_the_mean_probability_of_each_class_where_it_is_labelled():
    void = SHIRT.mask
    known = survey([seen("a", [TROUSERS], void=[void]), seen("b", [TROUSERS])])
    assert known.thresholds[2] == pytest.approx(0.91, abs=1e-3)
    assert known.thresholds[0] < 0.91  # shoes and, once, a shirt lie there
    assert known.thresholds[1] == 0.5  # nobody labelled one
    assert known.projection is None


def record(labels, image_id="a") -> ImageRecord:
    instances = [Instance(NAMES[x.class_id], rle.encode(x.mask), "t.csv:2") for x in labels]
    return ImageRecord(image_id, Path("a.jpg"), SIDE, SIDE, tuple(instances))


def test_issues_say_what_is_wrong_and_what_is_missing():
    labels = [replace(SHIRT, class_id=2)]
    given = record(labels)
    void = Instance("ignore", rle.encode(LABELS[2].mask))
    given = replace(given, instances=(void, *given.instances))
    taken = scoring.seen(given, NAMES, seen_as(LABELS).astype(np.float16))
    rows = collect([taken], KNOWN, Plan(0, 1))
    scores = ranking.by_disagreement(rows)
    keys = [i.instance_id for i in given.instances]
    (found,) = scoring.image_scores(rows, scores, {"a": (given, keys)}, NAMES, "r1")
    wrong, *missing = found.issues
    assert (wrong.instance_id, wrong.category, wrong.suggested_label) == (
        keys[1],
        "trousers",
        "shirt",
    )
    assert wrong.reason == "labelled trousers; the model sees shirt at 0.91 over 100% of it"
    assert wrong.digest == digest(given.instances[1])
    assert {issue.suggested_label for issue in missing} == {"trousers"}
    assert all(issue.mask and issue.error_type == "missing" for issue in missing)
    probabilities = np.array([issue.error_score for issue in found.issues])
    assert found.error_score == pytest.approx(1 - np.prod(1 - probabilities))
    table = scoring.as_table(found.issues, {wrong.instance_id})
    assert table["decided"].tolist() == [False, True]


@pytest.mark.parametrize("error_type", [t for t in ErrorType if t is not ErrorType.MISSING])
def test_every_type_has_a_sentence(error_type, case):
    rows, _ = case
    row = rows.given.iloc[0].to_dict()
    text = scoring.reason(row, error_type, "shirt", NAMES)
    assert text.startswith("labelled shirt; ")
    assert "nan" not in text


def test_an_edited_label_is_another_label():
    shirt = record(LABELS).instances[0]
    assert digest(shirt) == scoring.digest(replace(shirt, source="elsewhere"))
    assert digest(shirt) != scoring.digest(replace(shirt, category="coat"))
    moved_away = replace(shirt, mask=rle.encode(moved(SHIRT.mask, 1, 0)))
    assert digest(shirt) != scoring.digest(moved_away)
