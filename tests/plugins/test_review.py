"""What the review panel asks, and what it is told: on a real dataset, without the browser."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation import steps, store
from curation.core import rle
from curation.review.suspect import MISSING
from curation.store import app, bulk, database, pictures
from curation.store import queue as found_queue
from tests.app.dataset import RUN, build, with_copy


@pytest.fixture
def dataset(tmp_path) -> Iterator[store.Dataset]:
    name = f"panel-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path, images=4)
    store.delete(name)


def ask(dataset: store.Dataset, name: str, **asked: Any) -> dict[str, Any]:
    questions = {q.name: q for q in app.load_plugin().QUESTIONS}
    return questions[name]().execute(SimpleNamespace(dataset=dataset.samples, params=asked))


def decide(dataset, suspect: dict, action: str, reviewer: str = "anna", **values: Any) -> dict:
    named = {"image_id": suspect["image_id"], "instance_id": suspect["id"]}
    said = {"action": action, **named, "seen": suspect["seen"], "also": suspect["also"]}
    return ask(dataset, "review_decide", reviewer=reviewer, decisions=[said | values])


def queue(dataset) -> list[dict]:
    """The suspects in it."""
    return [s for s in ask(dataset, "review_queue")["suspects"] if s["doubted"]]


def suspect(dataset, kind: str) -> dict:
    return next(s for s in queue(dataset) if s["kind"] == kind)


def test_the_queue_is_worst_first_and_says_what_and_why(dataset):
    told = ask(dataset, "review_queue")
    kinds = [s["kind"] for s in told["suspects"] if s["doubted"]]
    assert kinds[:4] == ["wrong category"] * 2 + [MISSING] * 2
    assert set(kinds[4:]) == {"source label"}
    assert [s["doubted"] for s in told["suspects"][: len(kinds)]] == [True] * len(kinds)
    first = told["suspects"][0]
    assert (first["reason"], first["score"]) == ("another class", 0.95)
    assert first["suggested"] != first["label"]
    assert (first["width"], first["height"]) == (256, 384)
    assert told["counts"] == {"decided": 0, "decisions": 0}
    assert [c["name"] for c in told["classes"]] == [c.name for c in dataset.taxonomy.classes]
    assert {"name": "sock", "class": "feet"} in told["source_labels"]


def test_after_the_suspects_labels_follow_that_are_less_likely_to_be_wrong(dataset, monkeypatch):
    whole = ask(dataset, "review_queue")
    assert not whole["goes_on"], "all labels are in it"
    every = {x.instance_id for r in dataset.records() for x in r.instances}
    assert every < {s["id"] for s in whole["suspects"]}
    rest = [s for s in whole["suspects"] if not s["doubted"]]
    assert {s["score"] for s in rest} == {0.1}
    monkeypatch.setattr(found_queue, "LEAST", len(whole["suspects"]) - 3)
    told = ask(dataset, "review_queue")
    assert told["goes_on"]
    assert len(told["suspects"]) == len(whole["suspects"]) - 3
    decide(dataset, rest[0], "relabel", category="feet")
    told = ask(dataset, "review_queue")
    assert rest[0]["id"] not in {s["id"] for s in told["suspects"]}
    assert len(told["suspects"]) == len(whole["suspects"]) - 3, "another one is in its place"
    back = ask(dataset, "review_undo", reviewer="anna")
    assert back["front"] == [rest[0]["id"]]
    (again,) = (s for s in back["suspects"] if s["id"] == rest[0]["id"])
    assert again == rest[0]


def test_outlines_of_the_label_and_of_what_would_be_right(dataset):
    wrong, missing = suspect(dataset, "wrong category"), suspect(dataset, MISSING)
    told = ask(dataset, "review_outlines", suspects=[wrong, missing, wrong | {"id": "f" * 24}])
    drawn = told["outlines"][wrong["id"]]
    assert drawn["own"]
    assert drawn["predicted"]
    assert drawn["suggestion_label"] == wrong["suggested"]
    assert drawn["seen"] == wrong["seen"]
    x, y, w, h = wrong["box"]
    points = np.array([point for ring in drawn["own"] for point in ring])
    assert (points >= (x, y)).all()
    assert (points <= (x + w, y + h)).all()
    of_missing = told["outlines"][missing["id"]]
    assert of_missing["suggestion"] == of_missing["own"] != []
    assert told["outlines"]["f" * 24] == {"gone": True}


def test_of_two_photos_that_show_the_same_the_other_is_excluded_and_comes_back(dataset, tmp_path):
    with_copy(dataset, tmp_path)
    steps.audit(dataset)
    photo = next(s for s in queue(dataset) if s["field"] == "photo")
    before = {s["id"] for s in queue(dataset)}
    of_other = {s["id"] for s in queue(dataset) if s["image_id"] == photo["other"]}
    asked = {"instance_id": "", "exclude": photo["other"]}
    told = decide(dataset, photo, "include", **asked)
    assert [(d.action, d.image_id) for d in dataset.journal.read()] == [
        ("include", "figure-99"), ("exclude", "figure-00")]  # fmt: skip
    says = "anna kept the photo figure-99; anna excluded the photo figure-00"
    assert told["message"] == says
    assert {s["id"] for s in queue(dataset)} == before - of_other - {photo["id"]}
    told = ask(dataset, "review_undo", reviewer="anna")
    back = {s["id"] for s in told["suspects"] if s["doubted"]}
    assert back == of_other | {photo["id"]}
    assert {s["id"] for s in queue(dataset)} == before


def test_a_decision_is_taken_and_its_suspect_gone(dataset):
    wrong = suspect(dataset, "wrong category")
    told = decide(dataset, wrong, "relabel", category=wrong["suggested"], seconds=3.25)
    assert told["counts"]["decisions"] == 1
    (decision,) = dataset.journal.read()
    assert (decision.reviewer, decision.before) == ("anna", wrong["label"])
    assert (decision.category, decision.seconds) == (wrong["suggested"], "3.2")
    assert wrong["id"] not in {s["id"] for s in queue(dataset)}


def test_a_label_that_changed_meanwhile_is_not_decided_on(dataset):
    wrong = suspect(dataset, "wrong category")
    decide(dataset, wrong, "relabel", "bea", category="feet")
    told = decide(dataset, wrong, "delete")
    assert "changed since you saw it: bea relabelled it to feet" in told["refused"]
    assert len(dataset.journal.read()) == 1


def test_the_predicted_mask_takes_the_place_of_the_label(dataset):
    wrong = suspect(dataset, "wrong category")
    mask = predicted(dataset, wrong)
    told = decide(dataset, wrong, "redraw", category=wrong["suggested"], predicted=mask)
    assert len(told["saved"]) == 2
    (record,) = dataset.records("labels", [wrong["image_id"]])
    label = next(x for x in record.instances if x.instance_id == wrong["id"])
    assert label.category == wrong["suggested"]
    # The fixture's prediction is the truth, and the wrong label has the right mask.
    (source,) = dataset.records("ground_truth", [wrong["image_id"]])
    before = next(x.mask for x in source.instances if x.instance_id == wrong["id"])
    a, b = rle.decode(label.mask), rle.decode(before)
    assert (a & b).sum() / (a | b).sum() > 0.97
    told = ask(dataset, "review_undo", reviewer="anna")
    assert [s["id"] for s in told["suspects"]] == [wrong["id"]]
    assert (suspect(dataset, "wrong category")["seen"]) == wrong["seen"]


def test_a_prediction_that_is_another_one_by_now_is_not_taken_over(dataset):
    wrong = suspect(dataset, "wrong category")
    mask = predicted(dataset, wrong)
    photo = next(bulk.read(dataset.samples, [wrong["image_id"]], [f"prediction_{dataset.flagged}"]))
    path = Path(photo[f"prediction_{dataset.flagged}"]["mask_path"])
    kept = path.read_bytes()
    try:
        seen = np.array(Image.open(path))
        rows = np.flatnonzero((seen == dataset.taxonomy.class_id(wrong["suggested"])).any(axis=1))
        seen[rows[len(rows) // 2 :]] = 0
        Image.fromarray(seen).save(path)
        told = decide(dataset, wrong, "redraw", category=wrong["suggested"], predicted=mask)
        assert "another mask is suggested by now" in told["refused"]
    finally:
        path.write_bytes(kept)
    assert not dataset.journal.read()


def predicted(dataset, suspect: dict) -> str:
    """What the panel says that it drew."""
    drawn = ask(dataset, "review_outlines", suspects=[suspect])["outlines"][suspect["id"]]
    assert drawn["suggestion_label"] == suspect["suggested"]
    return drawn["predicted"]


def test_nothing_is_redrawn_where_the_model_sees_nothing(dataset):
    wrong = suspect(dataset, "wrong category")
    absent = next(c.name for c in dataset.taxonomy.classes if c.name not in _seen(dataset, wrong))
    told = decide(dataset, wrong, "redraw", category=absent)
    assert "the model sees nothing there" in told["refused"]


def _seen(dataset, suspect: dict) -> set[str]:
    """The classes whose predicted regions reach into the suspect's box."""
    names = [c.name for c in dataset.taxonomy.classes]
    one = suspect["image_id"], suspect["id"]
    return {name for name in names if pictures.suggestion(dataset, *one, name)}


def test_a_batch_is_taken_back_as_one_and_only_by_whose_it_is(dataset):
    socks = [s for s in queue(dataset) if s["kind"] == "source label"]
    many = [{"action": "keep", "image_id": s["image_id"], "instance_id": s["id"], "seen": s["seen"]}
            for s in socks]  # fmt: skip
    assert len(many) > 2
    ask(dataset, "review_decide", reviewer="anna", decisions=many)
    missing = suspect(dataset, MISSING)
    decide(dataset, missing, "add", "bea")
    told = ask(dataset, "review_undo", reviewer="anna")
    assert told["message"] == f"Took back: {len(many)} decisions."
    assert {s["id"] for s in told["suspects"]} == {s["id"] for s in socks}
    assert ask(dataset, "review_undo", reviewer="anna")["undone"] == []
    assert [d.action for d in dataset.review().active] == ["add"], "bea's stays"


def test_what_is_asked_twice_since_the_answer_was_lost_is_done_once(dataset):
    first, second = (s for s in queue(dataset) if s["kind"] == "wrong category")
    for suspect_, key in ((first, "1"), (second, "2"), (second, "2")):
        decision = {"action": "delete", "image_id": suspect_["image_id"],
                    "instance_id": suspect_["id"], "seen": suspect_["seen"]}  # fmt: skip
        told = ask(dataset, "review_decide", reviewer="anna", key=key, decisions=[decision])
        assert len(told["saved"]) == 1
    assert len(dataset.journal.read()) == 2
    for _ in range(2):
        told = ask(dataset, "review_undo", reviewer="anna", key="3")
        assert [d["instance_id"] for d in told["undone"]] == [second["id"]]
    assert [d.instance_id for d in dataset.review().active] == [first["id"]]


def test_what_another_one_decided_on_it_since_is_not_taken_away_under_them(dataset):
    wrong = suspect(dataset, "wrong category")
    decide(dataset, wrong, "relabel", category="feet")
    bea = {"action": "keep", "image_id": wrong["image_id"], "instance_id": wrong["id"]}
    ask(dataset, "review_decide", reviewer="bea", decisions=[bea])
    told = ask(dataset, "review_undo", reviewer="anna")
    assert "bea kept the feet, and that stands on it" in told["refused"]


def test_one_garment_found_twice_is_decided_once(dataset):
    """The wrong label's photo gets a missing garment at the same place."""
    wrong = suspect(dataset, "wrong category")
    samples = dataset.samples
    field = f"missing_{RUN}"
    label = next(d for d in samples.match({"image_id": wrong["image_id"]}).first().labels.detections
                 if d.id == wrong["id"])  # fmt: skip
    twin = {"_id": "a" * 24, **{n: label[n] for n in ("bounding_box", "mask", "rle", "source")}}
    sample = samples.match({"image_id": wrong["image_id"]}).first()
    import fiftyone as fo

    twin.pop("_id")
    sample[field] = fo.Detections(
        detections=[fo.Detection(label=wrong["suggested"], confidence=0.8, reason="", **twin)]
    )
    sample.save()
    (one,) = [s for s in queue(dataset) if s["image_id"] == wrong["image_id"] and s["score"] >= 0.8]
    assert (one["id"], bool(one["also"])) == (wrong["id"], True)
    decide(dataset, one, "relabel", category=wrong["suggested"])
    left = [s for s in queue(dataset) if s["image_id"] == wrong["image_id"] and s["score"] >= 0.8]
    assert left == []
    ask(dataset, "review_undo", reviewer="anna")
    (one,) = [s for s in queue(dataset) if s["image_id"] == wrong["image_id"] and s["score"] >= 0.8]
    assert one["also"]


def test_what_was_edited_in_fiftyone_is_the_reviewers_decision(dataset):
    wrong = suspect(dataset, "wrong category")
    sample = dataset.samples.match({"image_id": wrong["image_id"]}).first()
    label = next(d for d in sample.labels.detections if d.id == wrong["id"])
    label.label = "feet"
    sample.save()
    told = ask(dataset, "review_edited", reviewer="bea", image_id=wrong["image_id"])
    assert told["decisions"] == 1
    assert [(d.action, d.reviewer) for d in dataset.journal.read()] == [("relabel", "bea")]
    assert wrong["id"] not in {s["id"] for s in told["suspects"]}


def test_wrong_keys_are_said_on_the_screen(dataset):
    path = database.home() / "review.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('[keys]\nkeep = "d"\n')
    try:
        assert "delete and keep have the same key" in ask(dataset, "review_queue")["refused"]
    finally:
        path.unlink()


def test_two_reviewers_are_asked_about_different_labels(dataset):
    ids = [s["id"] for s in queue(dataset)]
    ask(dataset, "review_claim", reviewer="anna", ids=ids[:2])
    told = ask(dataset, "review_claim", reviewer="bea", ids=ids[2:4])
    assert told["others"] == dict.fromkeys(ids[:2], "anna")


def test_what_another_one_decided_on_the_same_garment_is_not_taken_away(dataset):
    """A label and a missing garment are one suspect; bea adds the garment meanwhile."""
    wrong, missing = suspect(dataset, "wrong category"), suspect(dataset, MISSING)
    pair = missing | {"also": missing["id"], "also_seen": missing["seen"]}
    label = next(s for s in queue(dataset) if s["image_id"] == missing["image_id"] and s != missing)
    decide(dataset, missing, "add", "bea")
    told = decide(dataset, label, "keep", also=pair["also"], also_seen=pair["also_seen"])
    assert "bea added " in told["refused"]
    assert [d.reviewer for d in dataset.journal.read()] == ["bea"]
    assert decide(dataset, wrong, "keep")["saved"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("review_decide", {}),
        ("review_decide", {"decisions": "keep"}),
        ("review_decide", {"decisions": []}),
        ("review_decide", {"decisions": [1]}),
        ("review_outlines", {"suspects": [None]}),
        ("review_claim", {"reviewer": "anna", "ids": [{}]}),
        ("review_decide", {"decisions": [{"action": "keep"}], "reviewer": "\ud800"}),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(dataset, name, asked):
    assert ask(dataset, name, **asked)["refused"]
    assert dataset.journal.read() == []


@pytest.mark.parametrize("seconds", ["NaN", -1, 1e99, "x", []])
def test_no_time_is_written_that_nobody_spent(dataset, seconds):
    decide(dataset, suspect(dataset, "wrong category"), "keep", seconds=seconds)
    assert [d.seconds for d in dataset.journal.read()] == [""]
