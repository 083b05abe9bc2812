"""Verbs as a user types them, on a real dataset; and what every verb must keep to."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from curation.cli import main
from tests.conftest import decide

HEADER = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"


def run(*args, code=0):
    result = CliRunner().invoke(main, [str(a) for a in args])
    assert result.exit_code == code, result.output
    return result


def commands(group=main, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "train.csv"
    rows = ["a,2 2 9 1,4,6,4,\n", "a,5 x,4,6,4,\n", "b,1 3,5,5,8,\n", "gone,1 1,5,5,8,\n"]
    path.write_text(HEADER + "".join(rows))
    return path


@pytest.fixture
def dataset():
    from curation import store

    store.delete("test-cli")
    yield "test-cli"
    store.delete("test-cli")


def test_every_verb_has_help_with_an_example():
    for path, command in commands():
        assert command.help, path
        assert f"curate {' '.join(path)}" in command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


def test_help_answers_without_loading_fiftyone_or_tensorflow():
    code = (
        "import sys; from curation.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'fiftyone', 'tensorflow', 'keras', 'cv2', 'pandas', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "import" in done.stdout


def test_import_counts_and_lists_what_it_skips(csv_file, images_folder, dataset):
    args = ("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    said = run(*args).stderr
    assert "Into test-cli: 2 instances in 2 photos (2 new, 0 unchanged)" in said
    assert "row that cannot be decoded (1)" in said
    assert "photo without a file (1)" in said
    assert "photo of the folder that the file does not name (1)" in said
    listed = said.rsplit("all listed in ", 1)[1].strip()
    text = Path(listed).read_text("utf-8")
    assert "skipped,train.csv:3,row that cannot be decoded" in text
    assert "not named,c d.jpg,photo the file does not name" in text
    assert "(0 new, 2 unchanged)" in run(*args).stderr


def test_strict_makes_a_skip_fatal_and_writes_nothing(csv_file, images_folder, dataset):
    from curation import store

    args = ("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    said = run(*args, "--strict", code=1).stderr
    assert "train.csv:3: row that cannot be decoded" in said
    assert not store.exists(dataset)


def test_a_file_that_is_wrong_as_a_whole_is_one_line_and_no_dataset(
    tmp_path, images_folder, dataset
):
    from curation import store

    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    args = ("import", "imaterialist", dataset, "--annotations", wrong, "--images", images_folder)
    said = run(*args, code=1).stderr
    assert said.startswith(f"Error: {wrong}:1: no column ImageId")
    assert said.count("\n") == 1
    assert not store.exists(dataset)


def test_via_remap_review_and_export(tmp_path, images_folder, dataset):
    shape = {"name": "rect", "x": 0, "y": 1, "width": 2, "height": 2}
    entries = {
        name: {
            "filename": name,
            "size": -1,
            "regions": [{"shape_attributes": shape, "region_attributes": {"style": style}}],
        }
        for name, style in (("a.jpg", "boho"), ("b.png", "preppy"), ("c d.jpg", "streetwear"))
    }
    via = tmp_path / "via.json"
    via.write_text(json.dumps(entries))
    run("import", "via", dataset, "--annotations", via, "--images", images_folder,
        "--label-attribute", "style")  # fmt: skip
    done = json.loads(run("remap", dataset, "--taxonomy", "styles", "--json").stdout)
    assert {row["label"]: row["class"] for row in done}["boho"] == "bohemian"
    decisions = tmp_path / "d.csv"
    decisions.write_text("action,image_id\nexclude,b.png\n")
    assert "Took 1 decision " in run("decisions", dataset, "import", decisions).stderr
    first, second = tmp_path / "one", tmp_path / "two"
    manifest = json.loads(run("export", dataset, first, "--size", "32", "--json").stdout)
    assert sum(split["photos"] for split in manifest["splits"].values()) == 2
    run("export", dataset, second, "--size", "32")
    files = sorted(p.name for p in first.iterdir())
    assert all((first / n).read_bytes() == (second / n).read_bytes() for n in files)
    assert "classes.csv" in files
    kept = tmp_path / "kept.csv"
    assert "Wrote 1 of them" in run("decisions", dataset, "export", kept).stderr
    assert "excluded the photo b.png" in run("decisions", dataset, "undo").stderr
    assert "Took 1 decision " in run("decisions", dataset, "import", kept).stderr
    (decision,) = json.loads(run("decisions", dataset, "--json").stdout)
    assert (decision["action"], decision["image_id"]) == ("exclude", "b.png")


def test_an_export_never_replaces_something_else(tmp_path, csv_file, images_folder, dataset):
    run("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    run("remap", dataset, "--taxonomy", "supercategories")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("mine")
    said = run("export", dataset, tmp_path / "thesis", code=1).stderr
    assert "not an earlier export" in said
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "mine"


OUTFITS = """
name = "outfits"
ignore = ["umbrella"]
drop = ["bag, wallet"]

[[classes]]
id = 3
name = "shoes"
color = "#3b7dd8"
from = ["shoe"]

[[classes]]
id = 7
name = "tops"
color = "#f2a104"
from = ["top, t-shirt, sweatshirt", "jacket"]
"""


@pytest.fixture
def reviewed(tmp_path, images_folder, dataset):
    """A top with a hole and an island, shoes, void, what is dropped; one label is relabelled."""
    from curation import store

    rows = [
        "a,1 3 5 1 7 1 9 3 24 1,4,6,1,\n",
        "a,18 2,4,6,23,\n",
        "b,1 3,5,5,1,\n",
        "b,11 4,5,5,26,\n",
        "c d,1 2,6,4,24,\n",
        "c d,20 4,6,4,4,\n",
    ]
    annotations, outfits = tmp_path / "rows.csv", tmp_path / "outfits.toml"
    annotations.write_text(HEADER + "".join(rows))
    outfits.write_text(OUTFITS)
    run("import", "imaterialist", dataset, "--annotations", annotations, "--images", images_folder)
    run("remap", dataset, "--taxonomy", outfits)
    opened = store.open(dataset)
    wrong = next(
        label.id
        for label in opened.samples.match({"image_id": "b"}).first().labels.detections
        if label.label == "tops"
    )
    decide(opened, "relabel", image_id="b", instance_id=wrong, category="shoes")
    yield dataset
    (opened.folder / "decisions.csv").unlink()


@pytest.fixture
def again():
    from curation import store

    store.delete("test-cli-again")
    yield "test-cli-again"
    store.delete("test-cli-again")


def pixels(dataset, field):
    """The pixels of each class in each photo, by the photo's name without suffix."""
    from curation import store
    from curation.core import rle

    found: dict = {}
    for record in store.open(dataset).records(field):
        for instance in record.instances:
            key = record.path.stem, instance.category
            found[key] = rle.union([found.get(key, instance.mask), instance.mask])
    return found


@pytest.mark.parametrize(
    ("format_", "arguments"),
    [
        ("coco", ["--annotations", "instances.json"]),
        ("masks", ["--masks", "masks", "--classes", "classes.csv"]),
        ("via", ["--annotations", "via.json", "--label-attribute", "label"]),
    ],
)
def test_an_export_is_imported_again_with_the_same_masks(
    tmp_path, images_folder, reviewed, again, format_, arguments
):
    out = tmp_path / "out"
    said = run("export", reviewed, out, "--format", format_).stderr
    places = [a if a.startswith("--") or a == "label" else out / a for a in arguments]
    run("import", format_, again, *places, "--images", images_folder)
    expected = pixels(reviewed, "labels")
    assert expected.keys() == {
        ("a", "tops"), ("a", "shoes"), ("b", "shoes"), ("b", "ignore"), ("c d", "tops")
    }  # fmt: skip
    if format_ != "masks":
        del expected["b", "ignore"]
        assert "ignored label (1): see skipped.csv" in said
        assert (out / "skipped.csv").read_text().count("rows.csv:5") == 1
    assert pixels(again, "ground_truth") == expected


def test_exports_in_all_formats_have_the_same_splits_and_replace_themselves_alone(
    tmp_path, reviewed
):
    dealt = []
    for format_ in ("tfrecord", "coco", "masks", "via"):
        out = tmp_path / format_
        for _ in range(2):
            manifest = json.loads(
                run("export", reviewed, out, "--format", format_, "--json").stdout
            )
        assert sum(part["photos"] for part in manifest["splits"].values()) == 3
        with (out / "splits.csv").open(newline="") as file:
            dealt.append([row[:3] for row in csv.reader(file)])
    assert dealt == [dealt[0]] * 4
    said = run("export", reviewed, tmp_path / "coco", "--format", "via", code=1).stderr
    assert "not an earlier export of via" in said
    assert (tmp_path / "coco" / "instances.json").is_file()


def test_coco_has_the_taxonomys_classes_in_their_order_and_no_excluded_image(tmp_path, reviewed):
    from curation import store

    decide(store.open(reviewed), "exclude", image_id="c d")
    run("export", reviewed, tmp_path / "out", "--format", "coco")
    content = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert content["categories"] == [{"id": 1, "name": "shoes"}, {"id": 2, "name": "tops"}]
    assert [image["file_name"] for image in content["images"]] == ["a.jpg", "b.png"]


@pytest.mark.parametrize("option", [["--top", "5"], ["--source-labels"]])
def test_what_is_for_a_sheet_is_refused_where_a_page_is_asked_for(option):
    refused = run("report", "photos", *option, code=2)
    assert "are of the sheet: say of which --run" in refused.output


def test_a_size_is_for_tfrecord_alone():
    said = run("export", "x", "y", "--format", "coco", "--size", "64", code=2).stderr
    assert "--size is for tfrecord; coco keeps the photos' own size" in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("remap", "nowhere", "--taxonomy", "styles"), "nowhere: no such dataset"),
        (("train", "nowhere", "--run", "r1"), "nowhere: no such dataset"),
        (("app", "nowhere"), "nowhere: no such dataset"),
    ],
)
def test_a_missing_dataset_is_one_line(args, message):
    assert message in run(*args, code=1).stderr


def test_training_before_a_remap_says_what_to_do(csv_file, images_folder, dataset):
    run("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    said = run("train", dataset, "--run", "r1", code=1).stderr
    assert "curate remap test-cli --taxonomy supercategories" in said


def test_a_runs_name_that_cannot_be_a_field_is_refused(csv_file, images_folder, dataset):
    run("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    run("remap", dataset, "--taxonomy", "supercategories")
    assert "lower-case letters" in run("train", dataset, "--run", "../x", code=1).stderr


def test_predicting_with_a_run_that_is_not_there_is_one_line(csv_file, images_folder, dataset):
    run("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    run("remap", dataset, "--taxonomy", "supercategories")
    said = run("predict", dataset, "--run", "r9", code=1).stderr
    assert "r9" in said
    assert said.count("\n") == 1


def test_usage_errors_exit_with_2():
    run("remap", code=2)
    run("export", "x", "y", "--format", "zip", code=2)


@pytest.mark.slow
def test_a_model_that_predicts_only_background_is_said_loudly(tmp_path, dataset):
    """One labelled pixel in each photo of noise: there is nothing to learn."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(30):
        noise = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"n{i}.png")
        # Odd rows and columns are those that a nearest resize to half the side keeps.
        row, column = 2 * rng.integers(0, 32, 2) + 1
        rows.append(f"n{i},{column * 64 + row + 1} 1,64,64,6,\n")
    annotations = tmp_path / "train.csv"
    annotations.write_text(HEADER + "".join(rows))
    run("import", "imaterialist", dataset, "--annotations", annotations, "--images", tmp_path)
    run("remap", dataset, "--taxonomy", "supercategories")
    said = run("train", dataset, "--run", "noise", "--size", "32").stderr
    assert "The model predicts only background" in said
