"""What was doubted of the labels that were decided on, on a small drawn dataset."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from curation import store
from curation.core import rle
from curation.core.finding import Finding, FindingKind
from curation.core.rle import Rle
from curation.issues.issue import ImageScore, Issue, digest
from curation.review.suspect import FAULT, MISSING, SOURCE_LABEL, Suspect
from curation.store import bulk, decisions, results, suspects
from curation.store.audit_results import write_faults
from curation.store.decisions import Request
from tests.app.dataset import RUN, build

WRONG = "wrong category"


@pytest.fixture
def dataset(tmp_path) -> Iterator[store.Dataset]:
    name = f"kinds-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path, images=4)
    store.delete(name)


def decide(dataset: store.Dataset, action: str, about: Suspect, **values: str) -> None:
    decisions.decide(dataset, [Request(action, about.image_id, about.id, **values)])


def test_kinds_are_those_that_the_queue_had(dataset):
    queue = suspects.read(dataset)
    assert suspects.kinds(dataset) == {}, "nothing is decided yet"
    first = {kind: next(s for s in queue if s.kind == kind) for kind in (WRONG, MISSING)}
    decide(dataset, "delete", first[WRONG])
    decide(dataset, "add", first[MISSING])
    sock = next(s for s in queue if s.kind == SOURCE_LABEL and s.image_id == first[WRONG].image_id)
    decide(dataset, "relabel", sock, category="sock", taxonomy="source")
    photos = {s.image_id for s in first.values()}
    assert suspects.kinds(dataset) == {s.id: s.kind for s in queue if s.image_id in photos}


def test_a_missing_garment_is_not_asked_about_once_a_label_at_its_place_is_called_so(dataset):
    gap = next(s for s in suspects.read(dataset) if s.kind == MISSING)
    doubted = dataset.samples.match({"image_id": gap.image_id}).first().n_suspect
    (record,) = dataset.records("labels", [gap.image_id])
    label = record.instances[0]
    missing = bulk.read(dataset.samples, [gap.image_id], [f"missing_{RUN}"])
    (garment,) = bulk.detections(next(missing), f"missing_{RUN}")
    mask = rle.to_text(Rle(record.height, record.width, garment["rle"].encode()))
    about = (gap.image_id, label.instance_id)
    redraw = Request("redraw", *about, mask=mask)
    decisions.decide(dataset, [Request("relabel", *about, gap.label), redraw])
    assert gap.id not in {s.id for s in suspects.read(dataset)}
    dataset.samples.reload()
    assert dataset.samples.match({"image_id": gap.image_id}).first().n_suspect == doubted - 1
    decisions.undo(dataset)
    assert gap.id in {s.id for s in suspects.read(dataset)}


def test_an_audits_fault_is_a_kind_where_the_model_doubts_nothing(dataset):
    (right,) = {s.image_id for s in suspects.read(dataset) if s.kind == WRONG} - {"figure-02"}
    labels = bulk.detections(next(bulk.read(dataset.samples, [right], ["labels"])), "labels")
    sure = str(
        next(d["_id"] for d in labels if not d["source_error_score"] and not d["error_type"])
    )
    fault = {"$set": {"ground_truth.detections.$[].severity": "error"}}
    bulk.collection(dataset.samples).update_one({"image_id": right}, fault)
    decisions.decide(dataset, [Request("keep", right, sure)])
    told = suspects.kinds(dataset)
    assert told[sure] == FAULT
    assert WRONG in told.values()


def test_of_a_label_that_a_model_doubts_an_audits_fault_is_read_too(dataset):
    doubts = {s.kind: s for s in suspects.read(dataset) if s.kind in (WRONG, SOURCE_LABEL)}
    kind = FindingKind.DUPLICATE
    found = [Finding(kind, "", "twice", s.image_id, s.id) for s in doubts.values()]
    write_faults(dataset, found, dataset.column("content_digest"))
    now = {s.id: s for s in suspects.read(dataset)}
    for before in doubts.values():
        after = now[before.id]
        assert (after.kind, after.score) == (before.kind, before.score)
        assert after.reason == f"{before.reason}; {kind}: twice"


def test_a_doubt_of_what_a_reviewer_made_of_a_label_was_not_answered(dataset):
    one, other = (s for s in suspects.read(dataset) if s.kind == WRONG)
    decide(dataset, "relabel", one, category="feet")
    decide(dataset, "keep", other)
    assert {suspects.kinds(dataset)[s.id] for s in (one, other)} == {WRONG}
    flagged = [_doubted(dataset, s.image_id) for s in (one, other)]
    results.write_scores(dataset, RUN, flagged)
    told = suspects.kinds(dataset)
    assert one.id not in told
    assert told[other.id] == WRONG, "it is the label that was kept"


def _doubted(dataset: store.Dataset, image_id: str) -> ImageScore:
    """All labels of a photo are doubted as they are now."""
    (record,) = dataset.records("labels", [image_id])
    issues = [
        Issue(image_id, x.instance_id, x.source, x.category, 0.8, WRONG, "dress", "why",
              digest=digest(replace(x)))
        for x in record.instances
    ]  # fmt: skip
    return ImageScore(image_id, 0.8, tuple(issues))
