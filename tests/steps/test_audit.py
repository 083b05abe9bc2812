"""The whole audit on a real dataset: what it finds, where it puts it, what a second one does."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fiftyone import ViewField as F
from PIL import Image

from curation import steps, store
from curation.audit import duplicates
from curation.cli import main
from curation.core import taxonomy
from curation.core.errors import CurateError
from curation.core.finding import FindingKind, Severity
from curation.formats import imaterialist
from curation.steps import ingest
from curation.store import edits, import_report
from curation.store.labels import remap as remap_labels
from tests.conftest import decide

ROOT = Path(__file__).parents[2]
HEADER = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
ROWS = [
    "a,1 600,40,60,10,\n",  # dress
    "a,1 600,40,60,10,\n",  # the same once more
    "a,1 590,40,60,6,\n",  # pants, on the same pixels
    "a,2201 900,40,60,9,\n",  # coat, past the end
    "b,1 300,40,60,0,\n",
    "b,1600 300,40,60,29,\n",  # a lapel far from the shirt
    "b,700 3,40,60,23,\n",  # a shoe of three pixels
    "b2,1 300,40,60,8,\n",  # a copy of b, with a skirt
    "c,1 30,60,40,0,\n",  # drawn on the turned photo
]


@pytest.fixture
def dataset(tmp_path):
    name = "test-auditor"
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for image in ("a", "b", "c"):
        pixels = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{image}.png")
    (images / "b2.png").write_bytes((images / "b.png").read_bytes())
    (tmp_path / "train.csv").write_text(HEADER + "".join(ROWS))
    store.delete(name)
    source = imaterialist.load(tmp_path / "train.csv", images)
    ingest(name, source)
    dataset = store.open(name)
    remap_labels(dataset, *taxonomy.read_text("supercategories"))
    yield dataset
    shutil.rmtree(dataset.folder)  # decisions outlive a dataset
    store.delete(name)


def audit(name: str, *options: str) -> str:
    result = CliRunner().invoke(main, ["audit", name, *options])
    assert result.exit_code == 0, result.output
    return result.stdout if options else result.output


def test_each_fault_is_found_once_and_points_at_its_row(dataset):
    found = json.loads(audit(dataset.name, "--json"))
    assert {(f["kind"], f["location"]) for f in found} == {
        ("duplicate instance", "train.csv:3"),
        ("same pixels, other category", "train.csv:4"),
        ("run past the end", "train.csv:5"),
        ("part without its garment", "train.csv:7"),
        ("tiny mask", "train.csv:8"),
        ("duplicate photo, other labels", "train.csv:9"),
        ("same garment, other category", "train.csv:6"),
        ("same garment, other category", "train.csv:9"),
        ("size mismatch", "train.csv:10"),
        ("skipped at import", "train.csv:10"),
    }
    assert [Severity(f["severity"]).rank for f in found] == sorted(
        Severity(f["severity"]).rank for f in found
    )
    doubled = next(f for f in found if f["kind"] == "duplicate instance")
    ids = dataset.samples.match({"image_id": "a"}).values("ground_truth.detections.id", unwind=True)
    assert (doubled["instance_id"], doubled["other"]) == (ids[1], ids[0])


def test_the_app_can_filter_by_what_was_found(dataset):
    audit(dataset.name)
    dataset.samples.reload()
    first = dataset.samples.load_saved_view("faults, worst first").first()
    assert (first.image_id, first.n_errors, first.n_faults) == ("a", 3, 3)
    view = dataset.samples.filter_labels("labels", F("faults").contains("duplicate instance"))
    assert view.count("labels.detections") == 1
    assert view.values("labels.detections.severity", unwind=True) == ["error"]
    # The lapel is no class of the taxonomy, so it is marked where it was imported.
    parts = dataset.samples.count_values("ground_truth.detections.faults")
    assert parts["part without its garment"] == 1
    assert dataset.samples.count_values("faults")["duplicate photo, other labels"] == 1
    copy = dataset.samples.match({"image_id": "b2"}).first()
    assert "only here: 'skirt'" in copy.fault_details[0]


def test_an_edit_made_in_fiftyone_before_the_audit_survives_it(dataset):
    sample = dataset.samples.match({"image_id": "a"}).first()
    sample.labels.detections[0].label = "lower-body"
    sample.save()
    audit(dataset.name)
    dataset.samples.reload()
    assert (
        dataset.samples.match({"image_id": "a"}).first().labels.detections[0].label == "lower-body"
    )
    assert [d.action for d in dataset.journal.read()] == ["relabel"]


def test_the_list_on_disk_has_every_fault(dataset):
    said = audit(dataset.name)
    with (dataset.folder / "audit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    for row in rows:
        assert row["severity"] == FindingKind(row["kind"]).severity
        assert row["kind"].split(" ")[0] in said


def test_auditing_twice_says_the_same_and_a_deleted_label_no_more(dataset):
    first = json.loads(audit(dataset.name, "--json"))
    assert json.loads(audit(dataset.name, "--json")) == first
    doubled = next(f for f in first if f["kind"] == "duplicate instance")
    decide(dataset, "delete", image_id="a", instance_id=doubled["instance_id"])
    decide(dataset, "exclude", image_id="b")
    names = {f["kind"] for f in json.loads(audit(dataset.name, "--json"))}
    assert "duplicate instance" not in names
    assert "tiny mask" not in names
    dataset.samples.reload()
    assert dataset.samples.match({"image_id": "b"}).first().n_faults == 0
    assert dataset.samples.match({"image_id": "a"}).first().n_faults == 2


def test_what_a_reviewer_called_it_counts_and_not_what_was_imported(dataset):
    found = json.loads(audit(dataset.name, "--json"))
    skirt = next(f for f in found if f["location"] == "train.csv:9" and f["instance_id"])
    assert skirt["kind"] == "same garment, other category"
    decide(
        dataset, "relabel", image_id="b2", instance_id=skirt["instance_id"],
        category="shirt, blouse", taxonomy=taxonomy.SOURCE,
    )  # fmt: skip
    names = {f["kind"] for f in json.loads(audit(dataset.name, "--json"))}
    assert "same garment, other category" not in names


def test_a_image_that_was_lost_or_replaced_since_the_import_is_said(dataset, tmp_path):
    Image.new("RGB", (60, 80)).save(tmp_path / "images" / "a.png")
    (tmp_path / "images" / "b2.png").write_bytes(b"no photo")
    names = {(f["image_id"], f["kind"]) for f in json.loads(audit(dataset.name, "--json"))}
    assert ("a", "size mismatch") in names
    assert ("b2", "unreadable photo") in names


def test_faults_of_labels_that_an_import_replaced_meanwhile_are_none_of_the_new_ones(
    dataset, tmp_path, monkeypatch
):
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(HEADER + "a,1 600,40,60,10,\n" + "".join(ROWS[4:]))
    code = "from curation.cli import main; main()"
    options = ["--annotations", corrected, "--images", tmp_path / "images", "--update"]
    find = duplicates.duplicates

    def corrected_meanwhile(images):
        argv = [sys.executable, "-c", code, "import", "imaterialist", dataset.name, *options]
        subprocess.run(argv, check=True, capture_output=True, cwd=ROOT)
        return find(images)

    with monkeypatch.context() as patched:
        patched.setattr(duplicates, "duplicates", corrected_meanwhile)
        steps.audit(dataset)
    dataset.samples.reload()
    a, b = (dataset.samples.match({"image_id": name}).first() for name in "ab")
    assert (a.faults, a.n_faults) == (None, None)
    assert b.n_faults
    steps.audit(dataset)  # again, as after any update
    a.reload()
    assert not a.n_faults


def test_labels_stay_as_they_were(dataset):
    def labels() -> list:
        return [
            s.labels.detections[0].mask.tolist() for s in dataset.samples if s.labels.detections
        ]

    before, decisions = labels(), dataset.journal.read()
    audit(dataset.name)
    dataset.samples.reload()
    assert labels() == before
    assert edits.refresh(dataset) == []
    assert dataset.journal.read() == decisions


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("what,where,kind,detail", "left out,a.csv:2,photo refused,"),
        ("what,location,kind,detail", "skipped,a.csv:2,photo of another age,"),
    ],
)
def test_a_list_of_an_earlier_curate_is_refused_in_one_sentence(tmp_path, header, row):
    (tmp_path / "imported-data-a.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(CurateError, match="is of an earlier curate; import its file again"):
        list(import_report.skipped(tmp_path))
