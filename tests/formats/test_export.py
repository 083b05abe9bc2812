"""Folders of labels: what they hold, and that nothing else is ever replaced by one."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from curation.core import atomic, polygons, rle, taxonomy
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.formats import export, registry, via
from tests.conftest import picture

ROOT = Path(__file__).parents[2]
TAXONOMY = taxonomy.load("supercategories")
TOP = rle.encode(picture("##....", "##....", "......", "......"))
LABELS_ALONE = [f.name for f in registry.writers() if not f.holds_images]
EMPTY = rle.encode(picture("......", "......", "......", "......"))


@pytest.fixture
def records(tmp_path):
    """Two photos with a garment each."""
    result = {}
    for name in ("a", "b"):
        path = tmp_path / f"{name}.png"
        Image.new("L", (6, 4)).save(path)
        top = Instance("upper-body", TOP, f"t.csv:{name}")
        result[name] = ImageRecord(name, path, 4, 6, (top,))
    return result


def write(folder, records, format_="coco", on_finding=pytest.fail):
    splits, groups = dict.fromkeys(records, "train"), {i: f"hash of {i}" for i in records}
    return export.write(folder, format_, records, TAXONOMY, splits, groups, on_finding=on_finding)


def test_an_export_is_labels_splits_and_a_manifest_of_what_is_there(tmp_path, records):
    manifest = write(tmp_path / "out", records, "masks")
    assert list(manifest["files"]) == ["classes.csv", "masks/a.png", "masks/b.png", "splits.csv"]
    for name, digest in manifest["files"].items():
        assert digest == sha256((tmp_path / "out" / name).read_bytes()).hexdigest()
    train = manifest["splits"]["train"]
    assert train["photos"] == 2
    assert train["labels"] == dict.fromkeys(manifest["classes"].values(), 0) | {"upper-body": 2}
    text = (tmp_path / "out" / "splits.csv").read_text()
    assert text.splitlines() == [
        "image_id,split,photo_hash,file_name",
        "a,train,hash of a,a.png",
        "b,train,hash of b,b.png",
    ]


@pytest.mark.parametrize("format_", ["coco", "masks", "via", "cvat", "yolo-seg"])
def test_a_label_without_a_pixel_is_told_and_left_out(tmp_path, records, format_):
    records["a"] = replace(records["a"], instances=(Instance("feet", EMPTY, "t.csv:9"),))
    skips: list[Finding] = []
    write(tmp_path / "out", records, format_, skips.append)
    assert skips == [Finding(FindingKind.LABEL_WITHOUT_PIXEL, "t.csv:9", "feet of a")]


@pytest.mark.parametrize(
    "format_", ["imaterialist", "imaterialist-2019", "via", "coco", "cvat", "masks"]
)
def test_a_file_that_is_two_photos_is_refused_where_a_name_is_all_that_tells(
    tmp_path, records, format_
):
    """As two people labelled it, each imported under a prefix."""
    anna = replace(records["a"], image_id="anna/a")
    bea = replace(records["a"], image_id="bea/a", instances=(Instance("feet", TOP, "u.csv:1"),))
    with pytest.raises(CurateError, match=r"a\.png: is two photos of the dataset, anna/a and bea"):
        write(tmp_path / "out", {"anna/a": anna, "bea/a": bea}, format_)
    write(tmp_path / "out", {"bea/a": bea}, format_)


def test_polygons_that_via_would_fill_otherwise_are_traced_and_others_are_kept(tmp_path, records):
    drawn = (0.0, 0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 2.0)
    larger = (0.0, 0.0, 5.0, 0.0, 5.0, 3.0, 0.0, 3.0)
    slanted = (0.0, 0.0, 2.25, 0.0, 2.25, 2.0, 0.0, 2.0)
    assert polygons.rasterise([slanted], 4, 6) == TOP
    for name, rings in (("a", (larger,)), ("b", (slanted,))):
        instances = tuple(replace(i, polygons=rings) for i in records[name].instances)
        records[name] = replace(records[name], instances=instances)
    write(tmp_path / "out", records, "via")
    source = via.load(tmp_path / "out" / "via.json", tmp_path)
    a, b = source.read(0, 2, pytest.fail)
    assert a.instances[0].mask == b.instances[0].mask == TOP
    assert set(zip(*[iter(a.instances[0].polygons[0])] * 2, strict=True)) == set(
        zip(*[iter(drawn)] * 2, strict=True)
    )
    assert b.instances[0].polygons == (slanted,)


def test_an_export_that_fails_leaves_what_was_there(tmp_path, records):
    write(tmp_path / "out", records, "via")
    before = (tmp_path / "out" / "via.json").read_bytes()
    records["b"] = replace(records["b"], instances=(Instance("feet", EMPTY, "t.csv:9"),))
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "out", records, "via", lambda finding: 1 / 0)
    assert (tmp_path / "out" / "via.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png", "out"]


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path, records):
    write(tmp_path / "out", records, "masks")
    (tmp_path / "out" / "skipped.csv").touch()  # the list that goes with it
    write(tmp_path / "out", {"b": records["b"]}, "masks")
    left = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert left == {"classes.csv", "manifest.json", "masks/b.png", "splits.csv"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    "manifest",
    [None, "", "[]", "[" * 10**5, "\xff", '{"name": "my web app"}', '{"format": "coco"}',
     '{"format": "coco", "written_by": "curate"}', '{"format": "coco", "splits": {}, "files": 1}',
     '{"format": "coco", "written_by": "curate", "files": [1]}', '{"format": "coco", "files": []}',
     '{"format": "masks", "written_by": "curate", "files": ["thesis.txt"]}'],
)  # fmt: skip
def test_a_folder_that_is_no_export_is_left_as_it_is(tmp_path, records, manifest):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    if manifest is not None:
        (tmp_path / "out" / "manifest.json").write_text(manifest, "latin-1")
    with pytest.raises(CurateError, match="not an earlier export of coco"):
        write(tmp_path / "out", records)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "masks/c.png", "sub/", "classes.csv.d/"])
def test_what_came_into_an_export_is_not_removed_with_it(tmp_path, records, name):
    write(tmp_path / "out", records, "masks")
    stranger = tmp_path / "out" / name
    if name.endswith("/"):
        stranger.mkdir()
    else:
        stranger.touch()
    with pytest.raises(CurateError, match=f"{stranger}: is not part"):
        write(tmp_path / "out", records, "masks")
    assert stranger.exists()
    assert (tmp_path / "out" / "masks" / "a.png").is_file()


def test_a_manifest_that_names_files_elsewhere_frees_nothing_to_be_removed(tmp_path, records):
    (tmp_path / "out").mkdir()
    thesis = tmp_path / "out" / "thesis.txt"
    thesis.write_text("years of work")
    files = ["../thesis.txt", str(thesis)]
    manifest = {"format": "coco", "written_by": "curate", "files": files}
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CurateError, match=r"thesis.txt: is not part"):
        write(tmp_path / "out", records)
    assert thesis.read_text() == "years of work"


def test_a_file_in_the_folders_place_is_left_as_it_is(tmp_path, records):
    with pytest.raises(CurateError, match="not a folder"):
        write(records["a"].path, records)


OTHER = """
import pickle, sys, time
from pathlib import Path
from curation.formats import export
def wait():
    print("begun", flush=True)
    sys.stdin.readline()
export.write(**pickle.loads(Path(sys.argv[1]).read_bytes()), on_image=wait)
"""


@contextmanager
def begun_elsewhere(folder, records, format_):
    """A process that has written some of an export, and goes on once it is told to."""
    given = folder.parent / "given.pickle"
    asked = {"folder": folder, "format_": format_, "records": records, "taxonomy": TAXONOMY,
             "splits": dict.fromkeys(records, "train"), "size": 16,
             "groups": {i: f"hash of {i}" for i in records}}  # fmt: skip
    given.write_bytes(pickle.dumps(asked))
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, given], cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "begun\n"
        yield process


def test_what_a_kill_left_behind_is_no_obstacle(tmp_path, records):
    with begun_elsewhere(tmp_path / "out", records, "coco") as process:
        process.kill()
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / "half").touch()
    assert list(tmp_path.glob(".*.part"))
    atomic._swept.clear()  # as a process does that has only begun
    write(tmp_path / "out", records)
    assert not list(tmp_path.glob(".*"))
    assert not (tmp_path / "out" / "half").exists()


@pytest.mark.parametrize("format_", ["coco", "yolo-seg"])
@pytest.mark.parametrize("earlier", [False, True])
def test_of_two_exports_into_one_folder_at_once_each_is_whole(tmp_path, records, format_, earlier):
    write(tmp_path / "alone", records, format_)
    if earlier:
        write(tmp_path / "out", {"a": records["a"]}, format_)
    with begun_elsewhere(tmp_path / "out", records, format_) as process:
        write(tmp_path / "out", records, format_)
        assert contents(tmp_path / "out") == contents(tmp_path / "alone")
        _, said = process.communicate("\n" * len(records))
    assert process.returncode == 0, said
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")
    assert not list(tmp_path.glob(".*"))


def test_an_export_of_another_format_that_was_put_there_meanwhile_stays(tmp_path, records):
    with begun_elsewhere(tmp_path / "out", records, "coco") as process:
        write(tmp_path / "out", records, "masks")
        _, said = process.communicate("\n" * len(records))
    assert "is not empty and not an earlier export of coco" in said
    assert (tmp_path / "out" / "masks").is_dir()
    assert not list(tmp_path.glob(".*"))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_records_give_the_same_bytes(tmp_path, records):
    for format_ in LABELS_ALONE:
        one, two = tmp_path / f"{format_}-1", tmp_path / f"{format_}-2"
        files = write(one, records, format_)["files"]
        write(two, records, format_)
        assert [(one / f).read_bytes() for f in files] == [(two / f).read_bytes() for f in files]
