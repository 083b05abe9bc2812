"""Source labels told apart within their class: shirt for jacket, sock for shoe."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from curation.issues import source_ranking
from curation.issues.feature_table import EMBEDDING, FeatureTable, fold_of
from curation.issues.observation import CORRECT, WRONG
from curation.issues.source_ranking import SourceRanking

CLASS_OF = {"shirt": 1, "jacket": 1, "pants": 2, "shoe": 3, "sock": 3, "boot": 3}


def label(rng, image_id: str, index: int, name: str) -> dict:
    """A label that looks like its name, more or less; shirts and jackets look alike."""
    center = np.eye(6)[list(CLASS_OF).index(name)] * (2.0 if CLASS_OF[name] == 1 else 4.0)
    embedding = center + rng.normal(size=6)
    features = dict.fromkeys((*source_ranking._SHAPE, *source_ranking._OF_CLASS), 0.5)
    return {
        "image_id": image_id, "fold": fold_of(image_id), "index": index,
        "class_id": CLASS_OF[name], "source_label": name,
        **features, **{f"{EMBEDDING}{i}": value for i, value in enumerate(embedding)},
    }  # fmt: skip


def table_of(given: list[dict]) -> FeatureTable:
    frame = pd.DataFrame(given)
    images = pd.DataFrame({"image_id": frame["image_id"].unique(), "drawn": 1, "injected": 0})
    empty = FeatureTable.of(defaultdict(list))
    return replace(empty, images=images, given=frame)


@pytest.fixture(scope="module")
def case() -> tuple[FeatureTable, np.ndarray]:
    """150 photos with a pair on the feet; in every tenth one of the two is called another name."""
    rng = np.random.default_rng(0)
    given, wrong = [], []
    for number in range(150):
        on_feet = str(rng.choice(["shoe", "sock", "boot"], p=[0.7, 0.2, 0.1]))
        names = [str(rng.choice(["shirt", "jacket"])), "pants", on_feet, on_feet]
        image = [label(rng, f"p{number:03d}", i, name) for i, name in enumerate(names)]
        if number % 10 == 0:
            image[3]["source_label"] = "boot" if on_feet == "sock" else "sock"
        given += image
        wrong += [False, False, False, number % 10 == 0]
    return table_of(given), np.array(wrong)


def test_swapped_source_labels_come_first_with_what_they_look_like(case):
    known, wrong = case
    scores = SourceRanking(known).score(known.given)
    judged = scores["source_error_score"].notna().to_numpy()
    assert average_precision_score(wrong[judged], scores["source_error_score"][judged]) > 0.8
    truth = known.given["source_label"].shift().to_numpy()[wrong]
    assert np.mean(scores["suggested_source_label"].to_numpy()[wrong] == truth) > 0.8
    assert (scores["source_p"][judged] <= 1).all()


def test_it_is_better_than_the_probability_of_the_label_alone(case):
    known, _ = case
    learned, alone, _ = SourceRanking(known).check
    assert 0 < alone < learned <= 1


def test_a_class_of_one_label_and_a_label_without_a_name_are_not_judged(case):
    known, _ = case
    given = known.given.copy()
    given.loc[3, "source_label"] = ""
    scores = SourceRanking(known).score(given)
    unjudged = scores["source_error_score"].isna().to_numpy()
    assert unjudged[3]
    assert (given["source_label"][unjudged].isin(["pants", ""])).all()
    assert (scores["suggested_source_label"].to_numpy()[unjudged] == "").all()


def test_a_label_that_was_never_seen_in_its_class_is_not_judged(case):
    known, _ = case
    given = known.given.copy()
    given.loc[0, "source_label"] = "toga"
    given.loc[4, "source_label"] = "sock"
    scores = SourceRanking(known).score(given)
    assert scores["source_error_score"].isna().to_numpy()[[0, 4]].all()


def test_an_image_is_judged_alike_in_whatever_part_it_comes(case):
    known, _ = case
    learned = SourceRanking(known)
    whole, part = learned.score(known.given), learned.score(known.given.iloc[40:80])
    pd.testing.assert_frame_equal(whole.iloc[40:80], part)


def test_what_a_reviewer_said_is_learned_from(case):
    known, wrong = case
    doubted = known.given[wrong].assign(error=CORRECT)
    said = {
        kind: replace(known, reviewed=pd.concat([doubted.assign(source_error=kind)] * 8))
        for kind in (CORRECT, WRONG)
    }
    right, bad = (SourceRanking(r).score(known.given)["source_error_score"] for r in said.values())
    assert right[wrong].mean() < bad[wrong].mean()


def test_without_embeddings_or_with_few_labels_nothing_is_learned(case):
    known, _ = case
    blind = replace(known, given=known.given.drop(columns=[f"{EMBEDDING}{i}" for i in range(6)]))
    few = replace(known, given=known.given.head(40))
    one = replace(known, given=known.given[known.given["class_id"] == 2])
    assert not any(source_ranking.learnable(r) for r in (blind, few, one))
    with pytest.raises(ValueError, match="too few"):
        SourceRanking(few)


def test_names_without_meaning_teach_nothing():
    """Dealt at random, no score can be better than chance: nothing is learned from the judged."""
    rng = np.random.default_rng(1)
    names = [f"name-{n:02d}" for n in range(40)]
    given = []
    for number in range(200):
        for index in range(2):
            row = label(rng, f"p{number:03d}", index, "shirt")
            given.append(row | {"source_label": str(rng.choice(names))})
    learned, *_ = SourceRanking(table_of(given)).check
    # A fifth of the photos are taken to have an error: one label in ten.
    assert learned < 0.14


def test_a_name_that_no_other_image_has_is_not_judged(case):
    known, _ = case
    given = known.given.copy()
    given.loc[0, "source_label"] = "toga"
    scores = SourceRanking(replace(known, given=given)).score(given)
    assert np.isnan(scores["source_error_score"][0])


def test_labels_of_one_fold_are_too_few(case):
    known, _ = case
    alone = known.given[known.given["image_id"] == "p000"]
    many = pd.concat([alone.assign(index=i) for i in range(60)], ignore_index=True)
    assert not source_ranking.learnable(replace(known, given=many))


def test_a_kept_label_is_no_company_of_itself(case):
    known, _ = case
    classifier = source_ranking.SourceLabelClassifier(source_ranking.distinguishable(known.given))
    row = known.given[known.given["index"] == 0].head(1)
    given = classifier.features(row, known.given)
    kept = classifier.features(row.assign(error=CORRECT, source_error=CORRECT), known.given)
    gone = classifier.features(row.assign(index=-1), known.given)
    assert (given == kept).all()
    assert gone[0, 3] == given[0, 3] + 1


def test_names_that_hardly_occur_are_left_alone_and_break_nothing(case):
    known, _ = case
    rare = [f"name-{n}" for n in range(len(known.given))]
    assert not source_ranking.learnable(replace(known, given=known.given.assign(source_label=rare)))
    half = known.given["source_label"].where(known.given["class_id"] != 1, rare)
    given = known.given.assign(source_label=half)
    scores = SourceRanking(replace(known, given=given)).score(given)
    assert (
        scores["source_error_score"].notna().to_numpy().tolist()
        == (given["class_id"] == 3).tolist()
    )
