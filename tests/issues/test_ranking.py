"""From labels and probabilities to scores: features, what is learned from them, and why."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.issues import ranking, scoring, usual
from curation.issues.calibration import Calibration
from curation.issues.extraction import (
    DatasetStatistics,
    InjectionConfig,
    dataset_statistics,
    extract_features,
)
from curation.issues.feature_table import FeatureTable, Scores, fold_of
from curation.issues.geometry import moved
from curation.issues.issue import SUSPECT, ErrorType, digest
from curation.issues.observation import (
    CORRECT,
    Label,
    LabelFeedback,
    MissingFeedback,
    Observation,
)
from curation.issues.ranking import Ranking
from tests.issues.scene import LABELS, SHIRT, SIDE, THRESHOLDS, TROUSERS, observed, predicted

NAMES = ("background", "shirt", "trousers", "shoes")
STATISTICS = DatasetStatistics(THRESHOLDS, None)
NOTHING = InjectionConfig(0, 1)


def image(number: int) -> tuple[Observation, str]:
    """A figure somewhere, seen by a model that is not sure everywhere; every tenth is wrong."""
    rng = np.random.default_rng(number)
    offset = rng.integers(-6, 7, 2)
    truth = [replace(x, mask=moved(x.mask, *offset)) for x in LABELS]
    noise = rng.normal(size=(4, 8, 8)).repeat(8, 1).repeat(8, 2)
    logits = np.log(predicted(truth, sure=0.8)) + 0.7 * noise
    p = np.exp(logits) / np.exp(logits).sum(0)
    labels = list(truth)
    error = ""
    if number % 10 == 0:
        labels[0], error = replace(labels[0], class_id=2), ErrorType.WRONG_CATEGORY
    elif number % 10 == 5:
        labels[1], error = replace(labels[1], mask=moved(labels[1].mask, 9, 0)), ErrorType.SHIFTED
    return replace(observed(f"p{number:03d}", labels), p=p.astype(np.float16)), str(error)


@pytest.fixture(scope="module")
def case() -> tuple[FeatureTable, list[str]]:
    """Features of 100 photos, and the error in each."""
    every = [image(number) for number in range(100)]
    images = [observation for observation, _ in every]
    parts = [
        extract_features(images[i : i + 25], STATISTICS, InjectionConfig(1.0, 3))
        for i in range(0, 100, 25)
    ]
    return FeatureTable.concat(parts), [error for _, error in every]


@pytest.fixture(scope="module")
def ranked(case) -> tuple[FeatureTable, list[str], Ranking, Scores]:
    table, errors = case
    learned = Ranking(table)
    return table, errors, learned, learned.score(table)


def test_rows_are_of_every_label_and_of_what_was_injected(case):
    table, _ = case
    assert len(table.images) == 100
    assert len(table.given) == 300
    assert set(table.injected["error"]) > {"wrong category", "shifted", "merged", "patched"}
    assert list(table.given.columns[5:]) == list(table.injected.columns[5:])
    assert list(table.missing.columns[4:]) == list(table.injected_missing.columns[4:])
    assert table.images["injected"].sum() <= table.images["drawn"].sum() == 300


def test_rows_come_back_from_disk_as_they_went(case, tmp_path):
    table, _ = case
    table.save(tmp_path / "table.npz")
    back = FeatureTable.load(tmp_path / "table.npz")
    for name, frame in vars(table).items():
        pd.testing.assert_frame_equal(getattr(back, name), frame, check_dtype=False)


def test_rows_without_a_single_label_go_to_disk_too(tmp_path):
    empty = extract_features([observed("a", [], truth=[])], STATISTICS, InjectionConfig(1.0, 2))
    empty.save(tmp_path / "table.npz")
    back = FeatureTable.load(tmp_path / "table.npz")
    assert len(ranking.by_disagreement(back).instances) == 0
    joined = FeatureTable.concat([back, extract_features([image(1)[0]], STATISTICS, NOTHING)])
    assert (len(joined.images), len(joined.given), len(joined.injected)) == (2, 3, 0)


def test_the_same_images_give_the_same_rows_and_others_do_not_matter(case):
    table, _ = case
    again = extract_features(
        [image(number)[0] for number in range(25)], STATISTICS, InjectionConfig(1.0, 3)
    )
    first = set(again.images["image_id"])
    kept = table.injected[table.injected["image_id"].isin(first)]
    pd.testing.assert_frame_equal(again.injected, kept.reset_index(drop=True))


def test_a_garment_is_missing_where_the_model_takes_it_for_another():
    # Of trousers that are labelled, the model sees shoes; the error is that they are dropped.
    mistaken = observed("p", [TROUSERS], truth=[replace(TROUSERS, class_id=3)])
    table = extract_features([mistaken], STATISTICS, InjectionConfig(1.0, 1, ("missing",)))
    assert table.injected_missing[["error", "class_id"]].to_numpy().tolist() == [["missing", 3]]


def test_errors_are_injected_into_their_share_of_the_images():
    config = InjectionConfig(0.3, 1)
    taken = [config.includes(f"photo{i}") for i in range(2000)]
    assert np.mean(taken) == pytest.approx(0.3, abs=0.04)


def test_wrong_labels_come_first_and_their_type_is_told(ranked):
    table, errors, _, scores = ranked
    errors_at = {f"p{i:03d}": (0 if i % 10 == 0 else 1) for i, error in enumerate(errors) if error}
    wrong = np.array([errors_at.get(i, -1) == k for i, k in
                      zip(table.given["image_id"], table.given["index"], strict=True)])  # fmt: skip
    score = scores.instances["error_score"].to_numpy()
    assert wrong.sum() == 20
    assert average_precision_score(wrong, score) > 0.8
    types = scores.instances["error_type"].to_numpy()[wrong]
    expected = [error for error in errors if error]
    assert np.mean(types == np.array(expected)) > 0.9


def test_what_was_learned_is_checked_against_softmin(ranked):
    *_, learned, _ = ranked
    assert 0 < learned.check.baseline < learned.check.learned <= 1
    assert learned.check.better


def test_what_a_reviewer_said_is_learned_from(case):
    table, _ = case
    # Somebody keeps labels that look as wrong as those injected: such are correct here.
    alike = (table.injected["error"] == "wrong category").to_numpy()
    kept = table.injected[alike].assign(error=CORRECT)
    taught = Ranking(replace(table, reviewed=pd.concat([kept] * 2, ignore_index=True)))
    swapped = ((table.given["index"] == 0) & table.given["image_id"].str.endswith("0")).to_numpy()
    before, after = (r.score(table).instances["error_score"] for r in (Ranking(table), taught))
    assert after[swapped].mean() < before[swapped].mean()


def test_a_reviewed_label_is_judged_as_it_was():
    swapped = LabelFeedback(Label(2, rle.encode(SHIRT.mask)), "wrong category")
    table = extract_features(
        [replace(observed("a"), label_feedback=(swapped,))], STATISTICS, InjectionConfig(0, 1)
    )
    (row,) = table.reviewed.to_dict("records")
    assert (row["error"], row["class_id"], row["other"]) == ("wrong category", 2, 1)
    assert row["labels"] == len(LABELS)
    assert row["index"] == 0


def test_what_a_reviewer_dismissed_is_no_missing_garment_in_any_run():
    unlabelled = observed("a", LABELS[1:])
    before = extract_features([unlabelled], STATISTICS, NOTHING).missing["class_id"].tolist()
    assert before == [SHIRT.class_id]
    shirt = rle.encode(moved(SHIRT.mask, 1, 0))  # as another run saw it
    dismissed = replace(unlabelled, missing_feedback=(MissingFeedback(1, shirt, missing=False),))
    table = extract_features([dismissed], STATISTICS, NOTHING)
    assert len(table.missing) == 0
    assert table.reviewed_missing[["error", "class_id"]].to_numpy().tolist() == [[CORRECT, 1]]


def test_a_garment_that_a_reviewer_added_is_judged_as_the_candidate_it_was():
    there = MissingFeedback(1, rle.encode(SHIRT.mask), missing=True)
    added = replace(observed("a"), missing_feedback=(there,))
    table = extract_features([added], STATISTICS, NOTHING)
    assert len(table.missing) == 0
    (row,) = table.reviewed_missing.to_dict("records")
    (candidate,) = extract_features(
        [observed("a", LABELS[1:])], STATISTICS, InjectionConfig(0, 1)
    ).missing.to_dict("records")
    assert (row["error"], row["p"], row["log_area"]) == (
        "missing",
        candidate["p"],
        candidate["log_area"],
    )


def test_no_image_is_judged_by_trees_that_saw_it(ranked):
    table, _, learned, scores = ranked
    own = table.given["fold"] == 2
    assert "p_own_low" not in usual.FEATURES  # a mean of other folds' labels is on every label
    low = table.given["p_own_low"].where(~own, 0)
    changed = replace(table, given=table.given.assign(p_own_low=low))
    again = Ranking(changed).score(table)
    # Labels of fold 2 were learned otherwise: only the other folds may be judged another way.
    model = learned._instances.forests[2].predict_proba(learned._instances._values(table.given))
    other = Ranking(changed)._instances.forests[2]
    assert (other.predict_proba(learned._instances._values(table.given)) == model).all()
    assert not np.allclose(again.instances["error_score"], scores.instances["error_score"])


def test_copies_of_an_image_are_judged_by_the_same_trees():
    copies = [replace(observed(name, LABELS[1:]), group="g") for name in ("a", "b", "c", "d")]
    table = extract_features(copies, STATISTICS, InjectionConfig(1.0, 4))
    for frame in (table.given, table.injected, table.missing, table.injected_missing):
        assert len(frame) > 3
        assert set(frame["fold"]) == {fold_of("g")}


def test_too_few_injected_errors_are_refused_and_plain_disagreement_takes_over(case):
    table, _ = case
    with pytest.raises(ValueError, match="too few to learn from"):
        Ranking(replace(table, injected=table.injected.head(10)))
    scores = ranking.by_disagreement(table)
    swapped = (table.given["image_id"] == "p000") & (table.given["index"] == 0)
    assert scores.instances["error_score"][swapped.to_numpy()].item() > 0.8
    assert scores.instances["error_type"][swapped.to_numpy()].item() == "wrong category"
    assert len(scores.missing) == len(table.missing)


def test_without_learning_a_label_is_suspect_where_another_class_is_as_likely(case):
    table, _ = case
    even = table.given.assign(margin_other=0.0, margin_background=2.0)
    score = ranking.by_disagreement(replace(table, given=even)).instances["error_score"]
    assert score.to_numpy() == pytest.approx(SUSPECT)
    crumb = table.missing.head(1).assign(p=0.95, log_area=np.log(0.001), unlabelled=1, rim_own=0)
    garment = crumb.assign(log_area=np.log(0.02), thickness_pixels=0.05)
    outline = garment.assign(thickness_pixels=0.005)
    candidates = pd.concat([crumb, garment, outline], ignore_index=True)
    found = ranking.by_disagreement(replace(table, missing=candidates)).missing["error_score"]
    assert found.tolist() == pytest.approx([0, 0.95, 0])


def test_scores_are_probabilities():
    """Of normal scores the share of wrong ones at each is known."""
    rng = np.random.default_rng(0)
    share = 0.05

    def probability(x):
        return 1 / (1 + np.exp(-x))

    wrong = rng.random(40_000) < share
    given = probability(rng.normal(np.where(wrong, 2.0, -1.0), 1.0))
    injected = probability(rng.normal(2.0, 1.0, 20_000))
    score = Calibration.fit(given, injected, share)(given)
    for low, high in ((0.0, 0.1), (0.1, 0.4), (0.4, 0.7), (0.7, 1.01)):
        inside = (score >= low) & (score < high)
        assert score[inside].mean() == pytest.approx(wrong[inside].mean(), abs=0.07)
    order = np.argsort(given)
    assert (np.diff(score[order]) >= 0).all()


def test_thresholds_are_the_mean_probability_of_each_class_where_it_is_labelled():
    known = dataset_statistics(
        [observed("a", [TROUSERS], ignored=[SHIRT.mask]), observed("b", [TROUSERS])]
    )
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
    ignored = Instance("ignore", rle.encode(LABELS[2].mask))
    given = replace(given, instances=(ignored, *given.instances))
    observation = Observation.of(given, NAMES, predicted(LABELS).astype(np.float16))
    table = extract_features([observation], STATISTICS, NOTHING)
    scores = ranking.by_disagreement(table)
    (found,) = scoring.image_scores(table, scores, {"a": given}, NAMES, "r1")
    wrong, *missing = found.issues
    assert (wrong.category, wrong.suggested_label) == ("trousers", "shirt")
    assert wrong.instance_id == given.instances[1].instance_id
    assert wrong.reason == "labelled trousers; the model sees shirt at 0.91 over 100% of it"
    assert wrong.digest == digest(given.instances[1])
    assert {issue.suggested_label for issue in missing} == {"trousers"}
    assert all(issue.mask and issue.error_type == "missing" for issue in missing)
    probabilities = np.array([issue.error_score for issue in found.issues])
    assert found.error_score == pytest.approx(1 - np.prod(1 - probabilities))


def test_an_error_that_only_one_fold_has_does_not_stop_the_learning(case):
    table, _ = case
    rare = table.injected["error"] == "merged"
    fold = table.injected["fold"][rare].iloc[0]
    kept = ~rare | (table.injected["fold"] == fold)
    assert kept.sum() >= ranking.FEWEST
    scores = Ranking(replace(table, injected=table.injected[kept])).score(table)
    assert scores.instances["error_score"].between(0, 1).all()


def test_missing_garments_of_one_fold_alone_teach_nothing(case):
    table, _ = case
    of_one = table.injected_missing.assign(fold=0)
    scores = Ranking(replace(table, injected_missing=of_one)).score(table)
    assert (scores.missing["error_score"] == 0).all()


@pytest.fixture(scope="module")
def turned() -> tuple[FeatureTable, Scores, dict[str, ImageRecord]]:
    """90 photos; all labels of one are turned by 180 degrees."""
    images = [image(number)[0] for number in range(1, 112) if number % 5]
    around = [replace(x, mask=x.mask[::-1, ::-1].copy()) for x in images[7].label_masks]
    images[7] = replace(observed(images[7].image_id, around), p=images[7].p)
    parts = [extract_features(images[i : i + 30], STATISTICS, InjectionConfig(1.0, 3))
             for i in range(0, len(images), 30)]  # fmt: skip
    table = FeatureTable.concat(parts)
    records = {x.image_id: record(x.label_masks, x.image_id) for x in images}
    return table, Ranking(table).score(table), records


def test_labels_that_are_wrong_all_together_are_one_finding_of_the_photo(turned):
    table, scores, records = turned
    found = list(scoring.image_scores(table, scores, records, NAMES, "r1"))
    doubted = [x for x in found if x.whole and x.whole.error_score >= SUSPECT]
    assert [x.image_id for x in doubted] == [table.images["image_id"][7]]
    (photo,) = doubted
    assert photo.whole.error_type == "turned labels"
    assert photo.whole.suggested_transform == "turn"
    assert photo.whole.reason.startswith("its labels would fit turned by 180 degrees: agreement")
    first, *rest = photo.rows
    assert (first.instance_id, first.error_type) == ("", "turned labels")
    own = scores.instances["error_score"][table.given["image_id"] == photo.image_id]
    left = [x.error_score for x in rest if x.mask is None]
    assert left == pytest.approx(list(own * (1 - photo.whole.error_score)))
    assert photo.error_score >= photo.whole.error_score


def test_what_would_not_mend_the_labels_is_not_suggested(turned):
    table, scores, records = turned
    (row,) = np.flatnonzero(table.photos["image_id"] == table.images["image_id"][7])
    photos = table.photos.assign(**{"gain_turned labels": 0.0})
    photo = list(scoring.image_scores(replace(table, photos=photos), scores, records, NAMES, "r1"))
    whole = photo[row].whole
    assert (whole.error_type, whole.suggested_transform) == ("labels of another photo", "")
    assert whole.reason.startswith("are its labels of another photo?")


def test_of_a_photo_that_is_no_suspect_as_a_whole_labels_keep_their_scores(turned):
    table, scores, records = turned
    right = next(x for x in scoring.image_scores(table, scores, records, NAMES, "r1"))
    own = scores.instances["error_score"][table.given["image_id"] == right.image_id]
    assert [x.error_score for x in right.issues if x.mask is None] == pytest.approx(list(own))
    assert right.rows == right.issues


@pytest.mark.parametrize("error_type", [t for t in ErrorType if t is not ErrorType.MISSING])
def test_every_type_has_a_sentence(error_type, case):
    table, _ = case
    row = table.given.iloc[0].to_dict()
    text = scoring.reason(row, error_type, "shirt", NAMES)
    assert text.startswith("labelled shirt; ")
    assert "nan" not in text


FEATURES = ("share_own", "share_other", "share_background", "p_other", "p_background", "goes_on",
            "fit_distance", "piece", "piece_p", "iou_same_class")  # fmt: skip


@hypothesis.given(
    st.fixed_dictionaries(dict.fromkeys(FEATURES, st.floats(0, 1))),
    st.sampled_from([t for t in ErrorType if t is not ErrorType.MISSING]),
)
def test_no_sentence_gives_next_to_nothing_as_its_reason(features, error_type):
    text = scoring.reason({**features, "other": 1, "piece_class": 1}, error_type, "shirt", NAMES)
    figures = re.findall(r"(\d+)%", text)
    assert all(int(figure) >= 5 for figure in figures), text
    assert all(float(p) >= 0.1 for p in re.findall(r" at (\d\.\d+)", text)), text
    assert not text.endswith(("; ", " "))


def test_an_edited_label_is_another_label():
    shirt = record(LABELS).instances[0]
    assert digest(shirt) == scoring.digest(replace(shirt, source="elsewhere"))
    assert digest(shirt) != scoring.digest(replace(shirt, category="coat"))
    moved_away = replace(shirt, mask=rle.encode(moved(SHIRT.mask, 1, 0)))
    assert digest(shirt) != scoring.digest(moved_away)
