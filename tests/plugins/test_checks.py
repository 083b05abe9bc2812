"""Checks in the queue of the review panel: unmarked, and never written to the data."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest
from click.testing import CliRunner

from curation import store
from curation.cli import main
from curation.review import keys
from curation.review.checks import FILE, Check, token
from curation.store import app, checks, database, decisions, pictures
from curation.store.decisions import Request
from tests.app.dataset import build
from tests.plugins.test_review import ask, decide

KEPT_BY = ("anna", "bea")


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> Iterator[store.Dataset]:
    """Two people have kept all that was not doubted; a quarter of the queue are checks."""
    name = f"checks-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path / "photos", images=6)
    config = database.home() / keys.FILE
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("checks = 0.25\n")
    for who in KEPT_BY:
        right = [d for d in _labels(dataset) if not d[2]]
        decisions.decide(dataset, [Request("keep", *d[:2]) for d in right], who)
    yield dataset
    config.unlink()
    store.delete(name)


def _labels(dataset) -> list[tuple[str, str, bool]]:
    """Photo and id of each label, and whether it is doubted."""
    rows = dataset.samples.values(["image_id", "labels.detections.id",
                                   "labels.detections.error_score"])  # fmt: skip
    return [
        (image_id, key, score > 0.5)
        for image_id, ids, scores in zip(*rows, strict=True)
        for key, score in zip(ids, scores, strict=True)
    ]


def check_of(dataset, suspect) -> Check | None:
    return checks.check_of(dataset, suspect["id"], suspect["seen"])


def asked(dataset, who: str = "cleo") -> list[dict]:
    """The checks in the queue of a reviewer."""
    suspects = ask(dataset, "review_queue", reviewer=who)["suspects"]
    return [s for s in suspects if check_of(dataset, s)]


def answers(dataset) -> list[dict]:
    path = dataset.folder / FILE
    return [json.loads(x) for x in path.read_text().splitlines()] if path.is_file() else []


def test_a_share_of_the_queue_are_checks_and_nobody_can_tell_which(dataset):
    suspects = ask(dataset, "review_queue", reviewer="cleo")["suspects"]
    planted = asked(dataset)
    assert len(planted) == round(0.25 * (len(suspects) - len(planted))) > 0
    assert len({s["id"] for s in suspects}) == len(suspects)
    others = [s for s in suspects if s not in planted]
    assert all(s.keys() == others[0].keys() for s in planted)
    assert all(s["kind"] and s["reason"] and s["score"] >= 0.25 for s in planted)
    assert {len(s["seen"]) for s in planted} == {len(others[0]["seen"])}


def test_without_a_share_there_is_none(dataset):
    (database.home() / keys.FILE).write_text("checks = 0\n")
    assert asked(dataset) == []


def test_what_is_decided_on_a_check_changes_no_label_and_is_in_no_journal(dataset):
    before, lines = _drawn(dataset), len(dataset.journal.read())
    counts = ask(dataset, "review_claim", reviewer="cleo", ids=[])["counts"]
    for suspect in asked(dataset):
        told = decide(dataset, suspect, "delete", "cleo", seconds=2)
        assert told["message"] == f"cleo deleted the {suspect['label']} in {suspect['image_id']}"
        assert told["counts"]["decisions"] > counts["decisions"], "as for any other"
        assert suspect["id"] not in {s["id"] for s in asked(dataset)}
    assert (_drawn(dataset), len(dataset.journal.read())) == (before, lines)
    assert {(a["reviewer"], a["action"], a["seconds"]) for a in answers(dataset)} == {
        ("cleo", "delete", "2.0")
    }


def _drawn(dataset) -> list:
    dataset.samples.reload()
    return [
        [(d.id, d.label, d.review_status, d.rle) for d in s.labels.detections]
        for s in dataset.samples.iter_samples()
    ]


def test_a_planted_error_is_shown_as_one(dataset):
    shown = {Check.CLASS: 0, Check.SHIFTED: 0}
    truth = {key: name for row in _drawn(dataset) for key, name, *_ in row}
    for suspect in _every_check(dataset):
        drawn = ask(dataset, "review_outlines", suspects=[suspect])["outlines"][suspect["id"]]
        assert drawn["seen"] == suspect["seen"]
        as_it_is = (suspect["id"], suspect["image_id"], "labels", "")
        own = pictures.outlines(dataset, [as_it_is])[suspect["id"]]["own"]
        moved = np.subtract(drawn["own"][0], own[0])
        _, _, w, h = suspect["box"]
        far = 0.3 * (w * h) ** 0.5 if check_of(dataset, suspect) is Check.SHIFTED else 0
        assert np.abs(moved).sum(axis=1) == pytest.approx(far)
        check = check_of(dataset, suspect)
        assert (suspect["label"] != truth[suspect["id"]]) == (check is Check.CLASS)
        if check in shown:
            shown[check] += 1
            assert suspect["suggested"] == truth[suspect["id"]]
    assert all(shown.values())


def _every_check(dataset) -> list[dict]:
    return [asdict(s) for s in checks.asked(dataset, "cleo", 1000)]


def test_an_undo_takes_the_last_answer_back_and_then_the_decision_before_it(dataset):
    queue = ask(dataset, "review_queue", reviewer="cleo")["suspects"]
    real = next(s for s in queue if not check_of(dataset, s) and s["kind"] == "wrong category")
    decide(dataset, real, "delete", "cleo")
    check = asked(dataset)[0]
    decide(dataset, check, "keep", "cleo")
    told = ask(dataset, "review_undo", reviewer="cleo", key="1")
    assert told["front"] == [check["id"]]
    assert told["message"] == f"Took back: cleo kept the {check['label']} in {check['image_id']}."
    assert ask(dataset, "review_undo", reviewer="cleo", key="1")["front"] == [check["id"]]
    assert checks.answers(dataset) == []
    told = ask(dataset, "review_undo", reviewer="cleo", key="2")
    assert told["front"] == [real["id"]]
    assert ask(dataset, "review_undo", reviewer="cleo")["front"] == []


def test_a_decision_after_an_answer_is_the_last_one(dataset):
    decide(dataset, asked(dataset)[0], "keep", "cleo")
    queue = ask(dataset, "review_queue", reviewer="cleo")["suspects"]
    real = next(s for s in queue if not check_of(dataset, s) and s["kind"] == "wrong category")
    decide(dataset, real, "delete", "cleo")
    assert ask(dataset, "review_undo", reviewer="cleo")["front"] == [real["id"]]
    assert len(checks.answers(dataset)) == 1


def test_many_at_once_are_kept_apart_and_taken_back_together(dataset):
    queue = ask(dataset, "review_queue", reviewer="cleo")["suspects"]
    real = next(s for s in queue if not check_of(dataset, s) and s["kind"] == "wrong category")
    check = asked(dataset)[0]
    said = [
        {"action": "keep", "image_id": s["image_id"], "instance_id": s["id"], "seen": s["seen"]}
        for s in (real, check)
    ]
    for _ in range(2):  # the answer may be lost, and it is asked again
        told = ask(dataset, "review_decide", reviewer="cleo", key="k", decisions=said)
        assert told["message"] == "2 decisions saved"
    assert len(checks.answers(dataset)) == 1
    told = ask(dataset, "review_undo", reviewer="cleo")
    assert set(told["front"]) == {real["id"], check["id"]}
    assert checks.answers(dataset) == []


def test_a_check_on_a_label_that_changed_meanwhile_counts_for_nothing(dataset):
    check = asked(dataset)[0]
    request = Request("relabel", check["image_id"], check["id"], "feet")
    decisions.decide(dataset, [request], "anna")
    assert "message" in decide(dataset, check, "keep", "cleo")
    assert checks.answers(dataset) == []


def test_a_token_says_nothing_but_to_who_made_it(dataset):
    assert token(Check.KEPT, "a", "x") != token(Check.KEPT, "a", "y")
    assert checks.check_of(dataset, "a" * 24, "0" * 16) is None


def test_who_answered_how_is_told_by_reviewer(dataset):
    check = asked(dataset)[0]
    decide(dataset, check, "keep", "cleo")
    run = CliRunner().invoke(main, ["decisions", dataset.name, "reviewers", "--json"])
    told = json.loads(run.stdout)
    assert set(told) == {*KEPT_BY, "cleo"}
    assert told["cleo"]["pace"] is None
    hits = told["cleo"]["checks"]
    assert (hits["planted"] + hits["kept"], hits["caught"]) == (1, 0)
    assert told["anna"]["checks"] is None
    panel = sys.modules[app.load_plugin().Progress.__module__]
    lines = panel._reviewers({}, panel.hits(checks.answers(dataset))).splitlines()
    assert "| cleo | 0 |" in lines[-1]
    assert "of 1 (" in lines[-1]


def test_who_disagrees_is_listed(dataset):
    image_id, key, _ = next(row for row in _labels(dataset) if not row[2])
    decisions.decide(dataset, [Request("delete", image_id, key)], "cleo")
    run = CliRunner().invoke(main, ["decisions", dataset.name, "disagreements"])
    assert run.exit_code == 0, run.output
    assert "cleo: deleted it" in run.output
    assert "Krippendorff's alpha" in run.output
    run = CliRunner().invoke(main, ["decisions", dataset.name, "disagreements", "--json"])
    found = json.loads(run.stdout)
    assert [d["instance_id"] for d in found["disagreements"]] == [key]
    assert found["whole"]["agreed"] == found["whole"]["labels"] - 1
