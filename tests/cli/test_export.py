"""The options of ``curate export`` that exclude each other, and a patch there and back."""

# ruff: noqa: F811 - fixtures come from another module

from __future__ import annotations

import pytest

from curation.core.errors import CurateError
from curation.formats.registry import of_original
from tests.cli.test_cli import csv_file, dataset, run  # noqa: F401 - fixtures
from tests.conftest import decide


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give a FOLDER"),
        (["out", "--patch", "p.csv"], "takes no FOLDER"),
        (["--patch", "p.csv", "--only-decided"], "--patch is of the whole dataset"),
        (["out", "--labels", "CSV"], "--labels goes with an --original"),
        (
            ["out", "--format", "coco", "--original", "CSV"],
            "--original is for --format imaterialist",
        ),
        (["--verify", "out", "--format", "coco"], "leave out DATASET, --format"),
        (["out", "--original", "CSV", "--vocabulary", "source"], "--original is of all photos"),
        (["out", "--without-suspects", "1.5"], "--without-suspects"),
        (["out", "--vocabulary", "ours"], "--vocabulary"),
    ],
)
def test_options_that_do_not_go_together_are_named(
    tmp_path, csv_file, images_folder, dataset, options, said
):
    run("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    given = [csv_file if option == "CSV" else option for option in options]
    assert said in run("export", dataset, *given, code=2).stderr


def test_without_a_dataset_that_is_said():
    assert "Missing argument 'DATASET'" in run("export", code=2).stderr


def test_the_format_of_an_original_is_known_by_how_it_begins(tmp_path):
    for name, text, format_ in (
        ("a.csv", "\ufeffImageId,EncodedPixels,Height,Width,ClassId\n", "imaterialist"),
        ("b.json", ' \n{"a": {"filename": "a.jpg"}}', "via"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        assert of_original(tmp_path / name).name == format_
    (tmp_path / "c.csv").write_text("filename,region_count\n")
    with pytest.raises(CurateError, match="is neither imaterialist nor via"):
        of_original(tmp_path / "c.csv")


def test_a_patch_is_written_and_applied(tmp_path, csv_file, images_folder, dataset):
    from curation import store
    from curation.store import decisions

    run("import", "imaterialist", dataset, "--annotations", csv_file, "--images", images_folder)
    run("remap", dataset, "--taxonomy", "supercategories")
    opened = store.open(dataset)
    label = opened.samples.match({"image_id": "b"}).first().labels.detections[0]
    decide(
        opened, "relabel", image_id="b", instance_id=label.id, category="coat", taxonomy="source"
    )
    patch, out = tmp_path / "p.csv", tmp_path / "out"
    assert f"Wrote 1 change to {patch}" in run("export", dataset, "--patch", patch).stderr
    decisions.undo(opened)
    assert "Took 1 decision " in run("review", dataset, "--apply", patch).stderr
    run("export", dataset, out, "--original", csv_file)
    before = csv_file.read_text()
    assert (out / "train.csv").read_text() == before.replace("b,1 3,5,5,8", "b,1 3,5,5,9")
    (opened.folder / "decisions.csv").unlink()
