"""What was reviewed is the only difference between a file that was imported and what comes out."""

from __future__ import annotations

import csv
import json
import shutil
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from curation import store
from curation.core import rle
from curation.core.errors import CurateError, DatasetError, FormatError
from curation.core.finding import FindingKind
from curation.formats import imaterialist, via
from curation.formats.source import Prefixed
from curation.review.journal import decision
from curation.steps import export_patch, import_decisions, ingest, rewrite, verify
from curation.store.labels import remap as remap_labels
from tests.conftest import decide
from tests.steps.test_export import TOML

HEADER = "ImageId,note,EncodedPixels,Height,Width,ClassId,AttributesIds\r\n"
ROWS = [
    'a.jpg,"say ""hi"", then",1 2 5 2,8,8, 23 ,"7,12"\r\n',
    "b, kept ,9 4,8,8,10,\r\n",
    "\r\n",
    "a.jpg,,17 8,8,8,9,3\r\n",
    "gone,no such photo,1 1,8,8,23,\r\n",
    'b,"broken,9 x,8,8,10,\r\n'.replace('"', ""),
    "b,,33 8 30 8,8,8,6,\r\n",
    "b,dropped by the taxonomy,60 1,8,8,31,\r\n",
    "c,,1 8,8,8,23,",
]
"""Blank lines, spaces, quotes, a column of its own, overlapping runs, no line break at the end."""

REDRAWN = rle.encode(np.eye(8) > 0)
PAIRS = "1 1 10 1 19 1 28 1 37 1 46 1 55 1 64 1"
OWN = TOML.replace('name = "outfits"', 'name = "outfits"\ndrop = ["sleeve"]')


def imported(name, folder, *prefixes):
    """The rows as a dataset; photos and file lie in the folder."""
    store.delete(name)
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(("a.jpg", "b.png", "c.png")):
        Image.new("RGB", (8, 8), (90 * number, 0, 0)).save(folder / "photos" / photo)
    (folder / "train.csv").write_bytes((HEADER + "".join(ROWS)).encode())
    source = imaterialist.load(folder / "train.csv", folder / "photos")
    for prefix in prefixes or ("",):
        ingest(name, Prefixed(source, prefix) if prefix else source)
    opened = store.open(name)
    remap_labels(opened, OWN, "outfits.toml")
    return opened


@pytest.fixture
def dataset(tmp_path):
    opened = imported("test-rewritten", tmp_path / "here")
    yield opened
    shutil.rmtree(opened.folder)
    store.delete(opened.name)


@pytest.fixture
def elsewhere(tmp_path):
    opened = imported("test-rewritten-elsewhere", tmp_path / "there")
    yield opened
    shutil.rmtree(opened.folder)
    store.delete(opened.name)


def on(dataset, row, action, **values):
    """A decision on the label of a row, counted from 0."""
    for record in dataset.records("ground_truth"):
        for instance in record.instances:
            if instance.source == f"train.csv:{row + 2}":
                known = {"image_id": record.image_id, "instance_id": instance.instance_id}
                return decide(dataset, action, **known, **values)
    raise LookupError(row)


def again(dataset, tmp_path, told=pytest.fail, **options):
    """The lines of the file as it comes out."""
    original = tmp_path / "here" / "train.csv"
    rewrite(dataset, tmp_path / "out", "imaterialist", original, options, on_finding=told)
    return (tmp_path / "out" / "train.csv").read_bytes().decode().splitlines(keepends=True)


def test_a_file_of_which_nothing_was_changed_is_the_same_to_the_byte(dataset, tmp_path):
    on(dataset, 0, "keep")
    assert again(dataset, tmp_path) == [HEADER, *ROWS]


def test_what_was_reviewed_is_the_only_difference(dataset, tmp_path):
    on(dataset, 0, "relabel", category="coat", taxonomy="source")
    on(dataset, 1, "redraw", mask=rle.to_text(REDRAWN))
    on(dataset, 3, "delete")
    lines = again(dataset, tmp_path)
    expected = [HEADER, *ROWS]
    expected[1] = expected[1].replace(" 23 ", "9")
    expected[2] = expected[2].replace("9 4", PAIRS)
    del expected[4]
    assert lines == expected


def test_it_says_what_made_it_and_which_photos_go_together_as_any_export(dataset, tmp_path):
    again(dataset, tmp_path)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["made_of"]["taxonomy"] == sha256(dataset.taxonomy_toml.encode()).hexdigest()
    assert verify(tmp_path / "out").faults == ()
    header, *_ = (tmp_path / "out" / "splits.csv").read_text().splitlines()
    assert header == "image_id,split,photo_hash,group"


def test_what_was_added_stands_at_the_end_named_as_the_file_names_its_photo(dataset, tmp_path):
    key = {"image_id": "a", "instance_id": f"{7:024x}", "mask": rle.to_text(REDRAWN)}
    decide(dataset, "add", category="dress", taxonomy="source", **key)
    lines = again(dataset, tmp_path)
    assert lines == [HEADER, *ROWS[:-1], ROWS[-1] + "\r\n", f"a.jpg,,{PAIRS},8,8,10,\r\n"]


def test_the_rows_of_an_excluded_photo_are_gone_but_those_that_were_never_read(dataset, tmp_path):
    decide(dataset, "exclude", image_id="b")
    left = [row for row in ROWS if not row.startswith("b,") or "9 x" in row]
    assert again(dataset, tmp_path) == [HEADER, *left]


def test_what_was_decided_on_and_is_dropped_by_the_taxonomy_is_changed_too(dataset, tmp_path):
    ignored = TOML.replace('["bag, wallet"]', '["bag, wallet", "sleeve"]')
    remap_labels(dataset, ignored, "ignored.toml")
    on(dataset, 7, "delete")
    remap_labels(dataset, OWN, "outfits.toml")
    assert again(dataset, tmp_path) == [HEADER, *ROWS[:7], ROWS[8]]


def test_a_class_of_one_source_label_is_known_and_of_several_it_is_told(dataset, tmp_path):
    on(dataset, 1, "relabel", category="shoes")
    on(dataset, 8, "relabel", category="long")
    told = []
    lines = again(dataset, tmp_path, told.append)
    assert lines == [HEADER, ROWS[0], ROWS[1].replace(",10,", ",23,"), *ROWS[2:]]
    assert [(f.kind, f.location) for f in told] == [(FindingKind.NO_SOURCE_LABEL, "train.csv:10")]


@pytest.mark.parametrize(
    "change",
    [lambda t: t.replace("9 4,", "9 5,"), lambda t: t.replace("\r\n", "\r\n\r\n", 1),
     lambda t: t[:200], lambda t: t.replace(",10,", ",nine,")],
)  # fmt: skip
def test_another_file_is_refused_and_what_was_there_stays(dataset, tmp_path, change):
    on(dataset, 1, "delete")
    on(dataset, 8, "delete")
    before = again(dataset, tmp_path)
    original = tmp_path / "here" / "train.csv"
    original.write_bytes(change(original.read_bytes().decode()).encode())
    with pytest.raises(FormatError, match=r"train.csv:\d+: is not what was imported: give"):
        again(dataset, tmp_path)
    assert (tmp_path / "out" / "train.csv").read_bytes().decode() == "".join(before)


def test_a_file_that_no_label_comes_from_is_refused(dataset, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(HEADER)
    with pytest.raises(CurateError, match="no label of test-rewritten was imported from"):
        rewrite(dataset, tmp_path / "out", "imaterialist", other, {})


def test_a_label_without_an_id_is_named(dataset, tmp_path):
    names = tmp_path / "few.json"
    few = ", ".join(f'{{"id": {i}, "name": "{n}"}}' for i, n in [(23, "shoe"), (10, "dress")])
    names.write_text(f'{{"categories": [{few}]}}')
    on(dataset, 0, "relabel", category="coat", taxonomy="source")
    with pytest.raises(FormatError, match=r"train.csv:2: there is no id for the new label 'coat'"):
        again(dataset, tmp_path, labels=names)


def test_a_patch_has_a_line_for_each_change_and_none_for_what_was_kept(dataset, tmp_path):
    on(dataset, 8, "keep")
    on(dataset, 0, "relabel", category="coat", taxonomy="source", reviewer="anna")
    on(dataset, 1, "redraw", mask=rle.to_text(REDRAWN))
    on(dataset, 3, "delete")
    decide(dataset, "exclude", image_id="c")
    assert export_patch(dataset, tmp_path / "p.csv") == 4
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = "8 8 " + rle.from_pairs("9 4", 8, 8).counts.decode()
    assert [(row["row"], row["old"], row["new"]) for row in rows] == [
        ("train.csv:2", "shoe", "coat"),
        ("train.csv:5", "coat", ""),
        ("train.csv:3", drawn, rle.to_text(REDRAWN)),
        ("", "", "excluded"),
    ]
    assert rows[0]["reviewer"] == "anna"
    assert all(row["time"].endswith("Z") for row in rows)


def test_a_patch_gives_the_same_file_where_the_same_was_imported_elsewhere(
    dataset, elsewhere, tmp_path
):
    on(dataset, 0, "relabel", category="coat", taxonomy="source")
    on(dataset, 1, "redraw", mask=rle.to_text(REDRAWN))
    key = {"image_id": "a", "instance_id": f"{7:024x}", "mask": rle.to_text(REDRAWN)}
    decide(dataset, "add", category="dress", taxonomy="source", **key)
    decide(dataset, "exclude", image_id="c")
    export_patch(dataset, tmp_path / "p.csv")
    assert len(import_decisions(elsewhere, tmp_path / "p.csv")) == 4
    assert import_decisions(elsewhere, tmp_path / "p.csv") == []
    assert again(elsewhere, tmp_path) == again(dataset, tmp_path)


def test_a_patch_says_too_what_a_later_decision_brought_back(dataset, elsewhere, tmp_path):
    for action in ("exclude", "include"):
        decide(dataset, action, image_id="c")
    for action in ("delete", "keep"):
        on(dataset, 0, action)
    on(dataset, 1, "keep")
    assert export_patch(dataset, tmp_path / "p.csv") == 4
    with (tmp_path / "p.csv").open(newline="") as file:
        said = [(row["action"], row["old"], row["new"]) for row in csv.DictReader(file)]
    assert said == [
        ("delete", "shoe", ""), ("keep", "", "shoe"),
        ("exclude", "", "excluded"), ("include", "excluded", ""),
    ]  # fmt: skip
    assert len(import_decisions(elsewhere, tmp_path / "p.csv")) == 4
    assert elsewhere.review().excluded == frozenset()
    assert again(elsewhere, tmp_path) == again(dataset, tmp_path) == [HEADER, *ROWS]


def test_a_patch_says_too_that_a_garment_which_was_added_was_dismissed_then(dataset, tmp_path):
    drawn = {"category": "dress", "taxonomy": "source", "mask": rle.to_text(REDRAWN)}
    for key, actions in ((f"{7:024x}", ("add", "delete")), (f"{8:024x}", ("delete",))):
        said = [decision(a, "a", "bea", instance_id=key, **drawn) for a in actions]
        dataset.journal.append(said)
    export_patch(dataset, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="") as file:
        said = [(row["action"], row["instance_id"][-1]) for row in csv.DictReader(file)]
    assert said == [("add", "7"), ("delete", "7")]


@pytest.mark.parametrize(("here", "there"), [("", "val"), ("val", ""), ("a/b", "val")])
def test_a_patch_is_of_the_same_photos_where_they_were_imported_under_another_prefix(
    here, there, tmp_path
):
    one = imported("test-rewritten", tmp_path / "here", here)
    other = imported("test-rewritten-elsewhere", tmp_path / "there", there)
    on(one, 0, "relabel", category="coat", taxonomy="source")
    on(one, 1, "redraw", mask=rle.to_text(REDRAWN))
    on(one, 3, "delete")
    export_patch(one, tmp_path / "p.csv")
    assert len(import_decisions(other, tmp_path / "p.csv")) == 3
    assert import_decisions(other, tmp_path / "p.csv") == []
    assert again(other, tmp_path) == again(one, tmp_path)
    for opened in (one, other):
        shutil.rmtree(opened.folder)
        store.delete(opened.name)


def test_a_patch_whose_photos_are_there_twice_under_other_names_is_refused(dataset, tmp_path):
    other = imported("test-rewritten-elsewhere", tmp_path / "there", "val", "train")
    on(dataset, 0, "delete")
    export_patch(dataset, tmp_path / "p.csv")
    with pytest.raises(FormatError, match=r"more than once, train/ or val/: name them in image_id"):
        import_decisions(other, tmp_path / "p.csv")
    assert other.journal.read() == []
    shutil.rmtree(other.folder)
    store.delete(other.name)


def test_a_patch_for_other_rows_is_refused_as_a_whole(dataset, elsewhere, tmp_path):
    on(dataset, 0, "delete")
    on(dataset, 1, "delete")
    export_patch(dataset, tmp_path / "p.csv")
    text = (tmp_path / "p.csv").read_text().splitlines(keepends=True)
    cells = text[-1].split(",")
    cells[7] = f"{9:024x}"
    (tmp_path / "p.csv").write_text("".join([*text[:-1], ",".join(cells)]))
    with pytest.raises(FormatError, match=r"p.csv:3: b: has no instance"):
        import_decisions(elsewhere, tmp_path / "p.csv")
    assert elsewhere.journal.read() == []


def test_a_patch_for_other_photos_is_refused_with_the_photo_and_what_may_be_meant(
    dataset, elsewhere, tmp_path
):
    decide(dataset, "exclude", image_id="c")
    export_patch(dataset, tmp_path / "p.csv")
    text = (tmp_path / "p.csv").read_text().replace(",c,", ",val/d,")
    (tmp_path / "p.csv").write_text(text)
    reason = "val/d: test-rewritten-elsewhere has no such photo, .* another --prefix"
    with pytest.raises(FormatError, match=f"p.csv:2: {reason}"):
        import_decisions(elsewhere, tmp_path / "p.csv")


def test_a_dataset_without_a_taxonomy_takes_no_patch_and_no_line_is_blamed(dataset, tmp_path):
    on(dataset, 0, "delete")
    export_patch(dataset, tmp_path / "p.csv")
    store.delete(dataset.name)
    ingest(
        dataset.name,
        imaterialist.load(tmp_path / "here" / "train.csv", tmp_path / "here" / "photos"),
    )
    with pytest.raises(DatasetError, match=r"^test-rewritten: has no taxonomy yet; run `curate re"):
        import_decisions(store.open(dataset.name), tmp_path / "p.csv")


def test_a_via_file_is_the_same_but_for_what_was_reviewed(tmp_path):
    name = "test-rewritten-via"
    store.delete(name)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    box = '{"shape_attributes": {"name": "rect", "x": 0, "y": %d, "width": 4, "height": 2},'
    box += ' "region_attributes": {"worn" :"%s"}}'
    regions = " ,".join(box % (2 * i, x) for i, x in enumerate(("shoe", "coat", "shoe")))
    text = f'{{"a": {{"filename": "a.jpg", "size": -1, "mine": 1, "regions": [{regions}] }}}} '
    (tmp_path / "via.json").write_text(text)
    ingest(name, via.load(tmp_path / "via.json", tmp_path, "worn"))
    opened = store.open(name)
    remap_labels(opened, OWN, "outfits.toml")
    (record,) = opened.records("ground_truth")
    first, _, last = (i.instance_id for i in record.instances)
    decide(opened, "delete", image_id="a.jpg", instance_id=last)
    known = {"image_id": "a.jpg", "instance_id": first, "taxonomy": "source"}
    decide(opened, "relabel", category="dress", **known)
    out, options = tmp_path / "out", {"label_attribute": "worn"}
    rewrite(opened, out, "via", tmp_path / "via.json", options, on_finding=pytest.fail)
    expected = text.replace(" ," + box % (4, "shoe"), "").replace('"shoe"', '"dress"')
    assert (out / "via.json").read_text() == expected
    shutil.rmtree(opened.folder)
    store.delete(name)


def test_what_was_added_to_a_photo_that_had_no_label_is_told(tmp_path):
    name = "test-rewritten-empty"
    store.delete(name)
    for photo in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / photo)
    box = '{"shape_attributes": {"name": "rect", "x": 0, "y": 0, "width": 4, "height": 2},'
    box += ' "region_attributes": {"worn": "shoe"}}'
    photos = ", ".join(
        f'"{photo}": {{"filename": "{photo}.jpg", "size": -1, "regions": [{regions}]}}'
        for photo, regions in (("a", box), ("b", ""))
    )
    (tmp_path / "via.json").write_text(f"{{{photos}}}")
    ingest(name, via.load(tmp_path / "via.json", tmp_path, "worn"))
    opened = store.open(name)
    remap_labels(opened, OWN, "outfits.toml")
    key = {"image_id": "b.jpg", "instance_id": f"{7:024x}", "mask": rle.to_text(REDRAWN)}
    decide(opened, "add", category="dress", taxonomy="source", **key)
    told = []
    out, options = tmp_path / "out", {"label_attribute": "worn"}
    rewrite(opened, out, "via", tmp_path / "via.json", options, on_finding=told.append)
    assert [(f.kind, f.location) for f in told] == [(FindingKind.ADDED_ALONE, "b.jpg")]
    decide(opened, "exclude", image_id="b.jpg")
    rewrite(opened, out, "via", tmp_path / "via.json", options, on_finding=pytest.fail)
    shutil.rmtree(opened.folder)
    store.delete(name)
