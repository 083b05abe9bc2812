"""What an export holds of a real dataset: which photos, and what it calls their labels."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from fiftyone import ViewField as F
from PIL import Image

from curation import store
from curation.core import rle
from curation.core.errors import DatasetError
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance
from curation.formats import imaterialist, mask_folder
from curation.issues.issue import ImageScore, Issue, PhotoErrorType, PhotoIssue, digest
from curation.steps import export
from curation.steps.selection import Selection
from curation.store import decisions, results, suspects
from curation.store.labels import remap as remap_labels
from curation.store.saved import save_view
from curation.store.write import write as write_records
from tests.conftest import decide

WORN = {"a": ["shoe", "coat"], "b": ["shoe"], "c": ["bag, wallet", "dress"], "d": ["pants"]}
TOML = """
name = "outfits"
ignore = ["bag, wallet"]
paint_order = ["shoes", "bottoms", "long"]

[[classes]]
id = 3
name = "shoes"
color = "#3b7dd8"
from = ["shoe"]

[[classes]]
id = 4
name = "bottoms"
color = "#3b7d00"
from = ["pants", "shorts"]

[[classes]]
id = 7
name = "long"
color = "#f2a104"
from = ["coat", "dress"]
"""


def mask(number):
    piece = np.zeros((8, 8), bool)
    piece[2 * number : 2 * number + 2] = True
    return rle.encode(piece)


@pytest.fixture
def dataset(tmp_path):
    """Four photos; each label is two rows of its photo."""
    name, folder = "test-exported", tmp_path / "photos"
    folder.mkdir()
    records = []
    for number, (image_id, labels) in enumerate(WORN.items()):
        path = folder / f"{image_id}.png"
        Image.new("RGB", (8, 8), (number * 60, 0, 0)).save(path)
        worn = tuple(Instance(x, mask(i), f"t.csv:{image_id}{i}") for i, x in enumerate(labels))
        records.append(ImageRecord(image_id, path, 8, 8, worn))
    store.delete(name)
    write_records(name, records)
    opened = store.open(name)
    remap_labels(opened, TOML, "outfits.toml")
    yield opened
    shutil.rmtree(opened.folder)
    store.delete(name)


def ids(dataset, image_id):
    """The ids of the labels of a photo, by class."""
    (record,) = dataset.records("labels", [image_id])
    return {instance.category: instance.instance_id for instance in record.instances}


def relabel(dataset, image_id, old, category, **values):
    known = {"image_id": image_id, "instance_id": ids(dataset, image_id)[old]}
    decide(dataset, "relabel", category=category, **known, **values)


def in_source_labels(dataset, out, format_):
    told = []
    export(dataset, out, format_, names="source", on_finding=told.append)
    return told


def rows(out):
    names = json.loads((out / "label_descriptions.json").read_text())["categories"]
    by_id = {str(c["id"]): c["name"] for c in names}
    with (out / "train.csv").open(newline="") as file:
        return [(row["ImageId"], by_id[row["ClassId"]]) for row in csv.DictReader(file)]


def test_source_labels_come_back_with_their_own_ids(dataset, tmp_path):
    told = in_source_labels(dataset, tmp_path / "out", "imaterialist")
    assert rows(tmp_path / "out") == [
        ("a", "shoe"), ("a", "coat"), ("b", "shoe"), ("c", "dress"), ("d", "pants"),
    ]  # fmt: skip
    shoe = imaterialist.CATEGORIES.index("shoe")
    assert f",8,8,{shoe}," in (tmp_path / "out" / "train.csv").read_text()
    assert [found.kind for found in told] == [FindingKind.IGNORED_LABEL]


def test_a_relabel_in_source_labels_and_one_to_a_class_of_a_single_one_are_known(dataset, tmp_path):
    relabel(dataset, "a", "long", "dress", taxonomy="source")
    relabel(dataset, "d", "bottoms", "shoes")
    in_source_labels(dataset, tmp_path / "out", "imaterialist")
    assert rows(tmp_path / "out") == [
        ("a", "shoe"), ("a", "dress"), ("b", "shoe"), ("c", "dress"), ("d", "shoe"),
    ]  # fmt: skip


def test_a_relabel_to_a_class_of_several_source_labels_is_told_and_left_out(dataset, tmp_path):
    relabel(dataset, "b", "shoes", "long")
    told = in_source_labels(dataset, tmp_path / "out", "coco")
    (unknown,) = (found for found in told if found.kind is FindingKind.NO_SOURCE_LABEL)
    assert (unknown.location, unknown.detail) == ("t.csv:b0", "long of b")
    content = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert [c["name"] for c in content["categories"]] == ["coat", "dress", "pants", "shoe"]
    assert [a["image_id"] for a in content["annotations"]] == [1, 1, 3, 4]


def test_its_pixels_are_ignored_where_the_format_can_say_so(dataset, tmp_path):
    relabel(dataset, "b", "shoes", "long")
    told = in_source_labels(dataset, tmp_path / "out", "masks")
    assert [found.kind for found in told] == [FindingKind.NO_SOURCE_LABEL]
    source = mask_folder.load(
        tmp_path / "out" / "masks", tmp_path / "photos", str(tmp_path / "out" / "classes.csv")
    )
    found = {r.image_id: [i.category for i in r.instances] for r in source.read(0, 4, pytest.fail)}
    assert found["b"] == ["ignore"]
    assert found["c"] == ["dress", "ignore"]


def test_source_labels_lie_over_each_other_as_their_classes_do(dataset, tmp_path):
    path = tmp_path / "photos" / "a.png"
    over = (Instance("dress", mask(0)), Instance("shoe", mask(0)), Instance("coat", mask(1)))
    write_records(dataset.name, [ImageRecord("a", path, 8, 8, over)], update=True)
    remap_labels(dataset, TOML, "outfits.toml")
    in_source_labels(dataset, tmp_path / "out", "masks")
    drawn = np.asarray(Image.open(tmp_path / "out" / "masks" / "a.png"))
    assert np.unique(drawn).tolist() == [0, 1, 2], "the dress lies on the shoe"


def exported(dataset, out, **asked):
    manifest = export(dataset, out, "coco", selection=Selection(**asked))
    assert manifest["selection"] == asked
    content = json.loads((out / "instances.json").read_text())
    return [image["file_name"].removesuffix(".png") for image in content["images"]]


def test_a_saved_view_is_exported_with_the_splits_of_the_whole_dataset(dataset, tmp_path):
    export(dataset, tmp_path / "whole", "coco")
    whole = (tmp_path / "whole" / "splits.csv").read_text().splitlines()
    chosen = dataset.samples.match(F("image_id").is_in(["b", "d"]))
    save_view(dataset, "mine", "", lambda: chosen)
    assert exported(dataset, tmp_path / "out", view="mine") == ["b", "d"]
    assert (tmp_path / "out" / "splits.csv").read_text().splitlines() == [whole[0], *whole[2::2]]


def test_a_view_of_tiles_stands_for_the_photos_that_they_are_of(dataset, tmp_path):
    tiles = dataset.samples.filter_labels("labels", F("label") == "shoes").to_patches("labels")
    save_view(dataset, "shoes", "", lambda: tiles)
    assert exported(dataset, tmp_path / "out", view="shoes") == ["a", "b"]


def test_photos_with_a_tag_are_exported(dataset, tmp_path):
    dataset.samples.match(F("image_id") == "c").tag_samples("catalogue")
    assert exported(dataset, tmp_path / "out", tag="catalogue") == ["c"]


def test_what_a_person_decided_on_is_exported_and_what_was_taken_back_is_not(dataset, tmp_path):
    decide(dataset, "keep", image_id="b", instance_id=ids(dataset, "b")["shoes"])
    decide(dataset, "include", image_id="d")
    decide(dataset, "keep", image_id="a", instance_id=ids(dataset, "a")["shoes"])
    assert exported(dataset, tmp_path / "out", only_decided=True) == ["a", "b", "d"]
    decisions.undo(dataset)
    assert exported(dataset, tmp_path / "out", only_decided=True) == ["b", "d"]


def doubt(dataset, missing=(), **scores):
    """Flags the last label of some photos, and garments that are missing in others."""
    found = []
    for record in dataset.records("labels"):
        issues = []
        if record.image_id in scores:
            label, score = record.instances[-1], scores[record.image_id]
            of = (record.image_id, label.instance_id, label.source, label.category, score)
            issues.append(Issue(*of, "wrong category", "long", "why", digest=digest(label)))
        if record.image_id in missing:
            of = (record.image_id, f"{5:024x}", "run:r1", "", missing[record.image_id])
            issues.append(Issue(*of, "missing", "shoes", "why", mask=mask(3)))
        found.append(ImageScore(record.image_id, 0.1, tuple(issues)))
    results.write_scores(dataset, "r1", found)


def test_photos_with_a_suspect_that_nobody_decided_on_stay_out(dataset, tmp_path):
    decide(dataset, "keep", image_id="c", instance_id=ids(dataset, "c")["long"])
    doubt(dataset, a=0.5, b=0.49, c=0.9)
    assert exported(dataset, tmp_path / "out", without_suspects=0.5) == ["b", "c", "d"]


def test_photos_with_a_garment_that_is_missing_stay_out_until_it_was_dismissed(dataset, tmp_path):
    doubt(dataset, missing={"a": 0.49, "b": 0.5})
    assert exported(dataset, tmp_path / "out", without_suspects=0.5) == ["a", "c", "d"]
    decide(dataset, "delete", image_id="b", instance_id=f"{5:024x}")
    assert exported(dataset, tmp_path / "out", without_suspects=0.5) == ["a", "b", "c", "d"]


def test_a_missing_garment_that_is_asked_about_with_a_label_keeps_its_photo_out(dataset, tmp_path):
    record = next(r for r in dataset.records("labels") if r.image_id == "a")
    long = record.instances[-1]
    of = ("a", long.instance_id, long.source, long.category, 0.3, "wrong category", "long", "why")
    gap = ("a", f"{5:024x}", "run:r1", "", 0.9, "missing", "long", "why")
    issues = Issue(*of, digest=digest(long)), Issue(*gap, mask=long.mask)
    results.write_scores(dataset, "r1", [ImageScore("a", 0.9, issues)])
    assert [(s.kind, s.also) for s in suspects.read(dataset)] == [("wrong category", f"{5:024x}")]
    assert exported(dataset, tmp_path / "out", without_suspects=0.5) == ["b", "c", "d"]


def test_a_photo_whose_labels_are_doubted_together_stays_out(dataset, tmp_path):
    (label,) = next(r for r in dataset.records("labels") if r.image_id == "b").instances
    of = ("b", label.instance_id, label.source, label.category, 0.01, "wrong category", "long")
    low = (Issue(*of, "why", digest=digest(label)),)
    doubt = PhotoIssue(0.9, str(PhotoErrorType.MIRRORED), "why")
    results.write_scores(dataset, "r1", [ImageScore("b", 0.9, low, doubt)])
    assert exported(dataset, tmp_path / "out", without_suspects=0.5) == ["a", "c", "d"]


def test_scores_are_asked_of_a_dataset_that_has_none(dataset, tmp_path):
    with pytest.raises(DatasetError, match="has no scores yet; run `curate flag"):
        exported(dataset, tmp_path / "out", without_suspects=0.5)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"view": "mine"}, "has no saved view 'mine'; it has none"),
        ({"tag": "x"}, "has no tag 'x'; there are 'catalogue'"),
        ({"only_decided": True}, "no photo is left to export: none answers to --only-decided$"),
    ],
)
def test_a_choice_that_leaves_nothing_is_one_sentence(dataset, tmp_path, asked, said):
    dataset.samples.match(F("image_id") == "c").tag_samples("catalogue")
    with pytest.raises(DatasetError, match=said):
        exported(dataset, tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_a_table_has_a_row_for_each_label_with_what_is_said_of_it(dataset, tmp_path):
    doubt(dataset, a=0.5, c=0.25)
    decide(dataset, "keep", image_id="b", instance_id=ids(dataset, "b")["shoes"])
    relabel(dataset, "d", "bottoms", "long")
    known = ids(dataset, "a") | {"b": ids(dataset, "b")["shoes"]}
    export(dataset, tmp_path / "out", "csv")
    with (tmp_path / "out" / "labels.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    splits = dataset.column("split")
    assert [row.pop("split") for row in found] == [splits[row["image_id"]] for row in found]
    assert found[1] == {
        "image_id": "a", "file_name": "a.png", "instance_id": known["long"], "class": "long",
        "source_label": "coat", "left": "0", "top": "2", "width": "8", "height": "2",
        "area": "16", "error_score": "0.5", "error_type": "wrong category", "decision": "",
    }  # fmt: skip
    of = {row["image_id"] + row["class"]: row for row in found}
    assert list(of) == ["ashoes", "along", "bshoes", "cignore", "clong", "dlong"]
    assert [row["decision"] for row in of.values()] == ["", "", "keep", "", "", "relabel"]
    assert of["bshoes"]["instance_id"] == known["b"]
    assert of["dlong"]["source_label"] == of["dlong"]["error_score"] == ""


def test_a_photo_without_a_label_is_in_no_table_and_told(dataset, tmp_path):
    decide(dataset, "delete", image_id="b", instance_id=ids(dataset, "b")["shoes"])
    told = []
    export(dataset, tmp_path / "out", "csv", on_finding=told.append)
    assert [(f.kind, f.location) for f in told] == [(FindingKind.WITHOUT_LABEL, "b.png")]
    assert "b.png" not in (tmp_path / "out" / "labels.csv").read_text()
