"""``curate estimate`` on a small drawn dataset: the sample, how it is asked about, what it says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from click.testing import CliRunner

from curation import steps, store
from curation.cli import main
from curation.core.errors import CurateError, DatasetError
from curation.review.suspect import MISSING, Suspect
from curation.store import decisions, pictures, queue, samples, suspects
from curation.store.decisions import Request
from tests.app.dataset import RUN, build

SIZE = 12


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Iterator[store.Dataset]:
    name = f"estimate-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path_factory.mktemp("estimate"), images=12)
    store.delete(name)


@pytest.fixture
def dataset(built) -> Iterator[store.Dataset]:
    """As it was built: what a test decides is taken back."""
    yield built
    samples.path(built).unlink(missing_ok=True)
    while decisions.undo(built):
        pass


def drawn(dataset) -> dict[str, str]:
    """The photo of each label of the sample, by its id."""
    return samples.read(dataset).photos


def doubted(dataset) -> list[Suspect]:
    """The queue without what is less likely to be wrong."""
    return [s for s in queue.read(dataset) if s.doubted]


def decide_all(dataset, action: str = "keep") -> None:
    wanted = [Request(action, image_id, key) for key, image_id in drawn(dataset).items()]
    decisions.decide(dataset, wanted)


def test_a_sample_is_drawn_once_and_filled_up_where_more_is_asked_for(dataset):
    steps.estimate(dataset, SIZE)
    first = drawn(dataset)
    content = samples.path(dataset).read_bytes()
    assert len(first) == SIZE
    decide_all(dataset)
    steps.estimate(dataset, SIZE)
    assert samples.path(dataset).read_bytes() == content
    steps.estimate(dataset, SIZE + 8)
    assert list(drawn(dataset))[:SIZE] == list(first)
    assert len(drawn(dataset)) == SIZE + 8


def test_who_asks_for_no_size_has_the_sample_that_was_drawn(dataset):
    """As the page of a round does, which is to change nothing."""
    steps.estimate(dataset, SIZE)
    content = samples.path(dataset).read_bytes()
    assert steps.estimate(dataset).sample == SIZE
    assert samples.path(dataset).read_bytes() == content


def test_a_kill_before_the_sample_is_whole_changes_nothing(dataset, monkeypatch):
    steps.estimate(dataset, SIZE)
    first = drawn(dataset)
    samples.path(dataset).unlink()

    def killed(*args, **arrays):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez_compressed", killed)
        with pytest.raises(KeyboardInterrupt):
            steps.estimate(dataset, SIZE)
    assert [p.name for p in samples.path(dataset).parent.iterdir() if "sample" in p.name] == []
    steps.estimate(dataset, SIZE)
    assert drawn(dataset) == first


def test_the_queue_asks_about_the_sample_among_the_suspects(dataset):
    before = {s.id for s in suspects.read(dataset)}
    assert [s.id for s in doubted(dataset)] == [s.id for s in suspects.read(dataset)]
    steps.estimate(dataset, SIZE)
    asked = doubted(dataset)
    assert {s.id for s in asked} == before | set(drawn(dataset))
    whole = [s.id for s in queue.read(dataset)]
    assert len(set(whole)) == len(whole)
    new = [s for s in asked if s.id not in before]
    assert {s.kind for s in new} <= {s.kind for s in asked if s.id in before}
    assert all(s.score >= min(x.score for x in asked if x.id in before) for s in new)
    outlines = pictures.outlines(dataset, [(s.id, s.image_id, s.field, s.suggested) for s in new])
    assert all(outlines[s.id]["seen"] == s.seen for s in new)


def test_what_is_decided_leaves_the_queue_and_an_undo_brings_it_back(dataset):
    steps.estimate(dataset, SIZE)
    key, image_id = next(iter(drawn(dataset).items()))
    decisions.decide(dataset, [Request("keep", image_id, key)])
    assert key not in {s.id for s in queue.read(dataset)}
    decisions.undo(dataset)
    assert key in {s.id for s in queue.read(dataset, image_ids=[image_id])}
    assert {s.image_id for s in queue.read(dataset, image_ids=[image_id])} == {image_id}


def test_photos_that_are_excluded_are_neither_drawn_nor_asked_about(dataset):
    out = dataset.image_ids()[:6]
    decisions.decide(dataset, [Request("exclude", image_id) for image_id in out])
    steps.estimate(dataset, 1000)
    assert set(drawn(dataset).values()) == set(dataset.image_ids()[6:])
    another = dataset.image_ids()[6]
    decisions.decide(dataset, [Request("exclude", another)])
    result = steps.estimate(dataset, 1000)
    assert result.sample == sum(image_id != another for image_id in drawn(dataset).values())
    assert another not in {s.image_id for s in queue.read(dataset)}


def test_the_interval_narrows_with_what_is_decided(dataset):
    undecided = steps.estimate(dataset, 40)
    assert (undecided.sample, undecided.left) == (40, 40)
    decide_all(dataset)
    result = steps.estimate(dataset, 40)
    assert result.left == 0
    was, now = undecided.estimate.rate, result.estimate.rate
    assert now.high - now.low < (was.high - was.low) / 2
    assert now.high < was.high


def test_what_was_found_is_counted_whoever_asked(dataset):
    wrong = [s for s in suspects.read(dataset) if s.kind not in (MISSING, "source label")]
    decisions.decide(dataset, [Request("relabel", s.image_id, s.id, s.suggested) for s in wrong])
    kept = next(r for r in dataset.records() if r.image_id not in {s.image_id for s in wrong})
    label = kept.instances[0]
    within = {"category": label.source_label, "taxonomy": "source"}
    asked = [Request("relabel", kept.image_id, label.instance_id, **within)]
    decisions.decide(dataset, asked)
    result = steps.estimate(dataset, SIZE)
    assert result.estimate.found == len(wrong), "a source label within its class is none"
    assert result.estimate.wrong.low >= len(wrong)
    assert result.ahead == 50, "no suspects: it goes on with what is less likely to be wrong"
    assert sum(result.sizes) == result.estimate.labels


def test_a_damaged_sample_is_said(dataset):
    steps.estimate(dataset, SIZE)
    samples.path(dataset).write_bytes(b"no archive")
    with pytest.raises(CurateError, match=r"sample\.npz.*another sample is drawn"):
        steps.estimate(dataset, SIZE)
    np.savez(samples.path(dataset), ids=np.array(["a"]))
    with pytest.raises(CurateError, match="no sample that curate wrote"):
        steps.estimate(dataset, SIZE)


def test_under_another_taxonomy_the_sample_is_of_other_labels(dataset, monkeypatch):
    steps.estimate(dataset, SIZE)
    before = {s.id for s in suspects.read(dataset)}
    monkeypatch.setattr(samples, "_taxonomy", lambda dataset: "another")
    with pytest.raises(DatasetError, match="another taxonomy: remap to that"):
        steps.estimate(dataset, SIZE)
    assert {s.id for s in doubted(dataset)} == before


def test_without_a_flagged_run_the_way_out_is_said(dataset, monkeypatch):
    monkeypatch.setattr(type(dataset), "flagged", None)
    with pytest.raises(DatasetError, match="curate flag"):
        steps.estimate(dataset, SIZE)


def test_the_command_says_what_is_left_and_then_the_estimate(dataset):
    run = CliRunner().invoke(main, ["estimate", dataset.name, "--sample", str(SIZE)])
    assert run.exit_code == 0, run.output
    assert f"{SIZE} of the {SIZE} labels in the sample are left" in " ".join(run.output.split())
    decide_all(dataset)
    run = CliRunner().invoke(main, ["estimate", dataset.name, "--sample", str(SIZE), "--json"])
    told = json.loads(run.stdout)
    assert (told["run"], told["sample"], told["left"]) == (RUN, SIZE, 0)
    assert set(told["by_class"]) <= {c.name for c in dataset.taxonomy.classes}
    assert told["rate"]["low"] <= told["rate"]["value"] <= told["rate"]["high"]
    assert sum(band["decided"] for band in told["bands"]) == SIZE
