"""FiftyOne's own way in, on a real FiftyOne dataset: it gives what ``curate import`` gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import fiftyone as fo
import pytest
from PIL import Image

from curation import store, types
from curation.core import taxonomy
from curation.core.errors import CurateError, DatasetError, FormatError
from curation.formats import imaterialist, via
from curation.steps.ingest import ingest, locked
from curation.store import bulk
from curation.store.labels import remap as remap_labels
from tests.conftest import picture

NAME = "test-types"
HEADER = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
ROWS = (
    "a,2 2 9 1,4,6,1,0\n"  # a top with a fine attribute
    "b,1 3 2 2,5,5,8,\n"  # a skirt whose runs overlap
    "a,5 x,4,6,4,\n"  # cannot be decoded
    "gone,1 1,5,5,8,\n"  # no photo
    "c d,1 2,6,4,23,\n"  # a shoe
)
LABELS = {
    "categories": [{"id": i, "name": n} for i, n in ((1, "top"), (8, "skirt"), (23, "shoe"))],
    "attributes": [{"id": 0, "name": "classic"}],
}
SQUARE = {"name": "polygon", "all_points_x": [0, 2, 2, 0], "all_points_y": [1, 1, 3, 3]}


def region(shape=SQUARE, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def via_file(path, *regions):
    entry = {"filename": "a.jpg", "size": -1, "regions": list(regions), "file_attributes": {}}
    path.write_text(json.dumps({"a.jpg-1": entry}), "utf-8")
    return path


@pytest.fixture(autouse=True)
def clean():
    for name in (NAME, f"{NAME}-cli"):
        store.delete(name)
    yield
    for name in (NAME, f"{NAME}-cli"):
        store.delete(name)


@pytest.fixture
def fashion(tmp_path, images_folder):
    """A folder as Kaggle gives it: images, train.csv and label_descriptions.json."""
    folder = tmp_path / "fashion"
    folder.mkdir()
    images_folder.rename(folder / "images")
    (folder / "train.csv").write_text(HEADER + ROWS, "utf-8")
    (folder / "label_descriptions.json").write_text(json.dumps(LABELS), "utf-8")
    return folder


@pytest.fixture
def many(tmp_path):
    """20 photos with a row each."""
    folder = tmp_path / "many"
    (folder / "images").mkdir(parents=True)
    names = [f"p{number:02}" for number in range(20)]
    for name in names:
        Image.new("RGB", (5, 5)).save(folder / "images" / f"{name}.png")
    (folder / "train.csv").write_text(HEADER + "".join(f"{n},1 3,5,5,8,\n" for n in names))
    return folder


def from_dir(folder=None, kind=types.IMaterialistDataset, **given):
    return fo.Dataset.from_dir(folder, kind, name=NAME, progress=False, **given)


def load(folder):
    labels = imaterialist.read_labels(folder / "label_descriptions.json")
    return imaterialist.load(folder / "train.csv", folder / "images", labels)


def imported(source, name=f"{NAME}-cli"):
    return ingest(name, source)


def documents(dataset):
    return [bulk.comparable(d) for d in bulk.collection(dataset).find().sort("image_id", 1)]


def schema(dataset):
    return {path: str(field) for path, field in dataset.get_field_schema(flat=True).items()}


def test_a_folder_of_imaterialist_is_taken_in_as_curate_import_does(fashion):
    ours = from_dir(fashion)
    imported(load(fashion))
    theirs = store.open(f"{NAME}-cli").samples
    assert documents(ours) == documents(theirs)
    assert schema(ours) == schema(theirs)
    assert ours.get_index_information().keys() == theirs.get_index_information().keys()
    assert ours.info["curate"].keys() == theirs.info["curate"].keys()
    assert ours.list_workspaces() == theirs.list_workspaces()
    top = ours.match({"image_id": "a"}).first().ground_truth.detections[0]
    assert (top.label, top.source_attributes, top.source) == ("top", ["classic"], "train.csv:2")
    assert (top.mask == picture("..#", "#..", "#..")).all()
    assert ours.match({"image_id": "b"}).first().ground_truth.detections[0].repaired


def test_a_via_file_is_taken_in_as_curate_import_does(tmp_path, images_folder):
    path = via_file(tmp_path / "v.json", region(style="preppy"), region(style="bohemian"))
    ours = from_dir(None, types.VIADataset, data_path=images_folder, labels_path=path)
    imported(via.load(path, images_folder, "style"))
    assert documents(ours) == documents(store.open(f"{NAME}-cli").samples)
    assert ours.values("ground_truth.detections.polygons") == [[[[0, 1, 2, 1, 2, 3, 0, 3]]] * 2]


def test_importing_the_same_file_again_changes_nothing(fashion):
    dataset = from_dir(fashion)
    before = [sample.to_dict() for sample in dataset]
    done = imported(load(fashion), NAME)
    assert (done.added, done.unchanged) == ([], ["a", "b", "c d"])
    assert done.updated == done.differing == []
    dataset.reload()
    assert [sample.to_dict() for sample in dataset] == before


def test_the_verbs_take_the_dataset(fashion):
    from_dir(fashion, max_samples=2)
    dataset = store.open(NAME)
    toml = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
    toml = toml.replace('"top, t-shirt, sweatshirt"', '"top"')
    remap_labels(dataset, toml, "x.toml")
    labels = dataset.samples.values("labels.detections.label", unwind=True)
    assert sorted(labels) == ["lower-body", "upper-body"]
    imported(load(fashion), NAME)
    assert dataset.samples.values("labels.detections.label", unwind=True) == [*labels, "feet"]


def test_what_is_left_out_is_counted_on_stderr(fashion, capsys):
    from_dir(fashion)
    assert capsys.readouterr().err == (
        f"Into {NAME}: 3 instances in 3 photos (3 new, 0 unchanged); "
        "repaired: overlapping runs (1); "
        "skipped: row that cannot be decoded (1), photo without a file (1)\n"
    )


def test_an_importer_holds_what_it_left_out(fashion):
    taken = types.IMaterialistImporter(str(fashion))
    fo.Dataset(NAME).add_importer(taken, progress=False)
    assert [skip.location for skip in taken.done.skips] == ["train.csv:4", "train.csv:5"]


def test_max_samples_counts_images_that_are_there_and_reads_no_more(fashion):
    taken = types.IMaterialistImporter(str(fashion), max_samples=2)
    dataset = fo.Dataset(NAME)
    dataset.add_importer(taken, progress=False)
    assert dataset.values("image_id") == ["a", "b"]
    assert [skip.location for skip in taken.done.skips] == [
        "train.csv:4"
    ]  # not the photo that is gone


def test_a_seed_gives_the_same_images_and_another_seed_others(many):
    def drawn(seed):
        store.delete(NAME)
        return from_dir(many, max_samples=5, shuffle=True, seed=seed).values("image_id")

    first = drawn(1)
    assert drawn(1) == first
    assert len(set(first)) == 5
    assert set(drawn(2)) != set(first)


def test_tags_go_to_the_images_that_are_new(many):
    dataset = from_dir(many, max_samples=2, tags="first")
    given = {"dataset_dir": many, "dataset_type": types.IMaterialistDataset, "progress": False}
    new = dataset.add_dir(max_samples=3, tags=["second", "late"], **given)
    tags = dict(zip(*dataset.values(["image_id", "tags"]), strict=True))
    assert {name: set(of_image) for name, of_image in tags.items()} == {
        "p00": {"first"},
        "p01": {"first"},
        "p02": {"second", "late"},
    }
    assert new == dataset.match({"image_id": "p02"}).values("id")


def test_a_image_that_differs_from_the_dataset_is_left_alone_and_told(many, capsys):
    dataset = from_dir(many, max_samples=2)
    text = (many / "train.csv").read_text().replace("p00,1 3", "p00,1 4")
    (many / "train.csv").write_text(text)
    before = documents(dataset)
    dataset.add_dir(many, types.IMaterialistDataset, max_samples=2, progress=False)
    assert documents(dataset) == before
    assert "photo that differs, left as it was" in capsys.readouterr().err


@pytest.mark.parametrize("persistent", [True, False])
def test_fiftyone_is_asked_whether_the_dataset_stays(many, persistent):
    assert from_dir(many, max_samples=1, persistent=persistent).persistent is persistent


def test_progress_is_reported_to_fiftyones_callback(many):
    seen = []
    given = {"name": NAME, "progress": lambda bar: seen.append((bar.iteration, bar.total))}
    fo.Dataset.from_dir(many, types.IMaterialistDataset, max_samples=3, **given)
    assert seen[-1] == (3, 3)


def test_progress_ends_at_its_end_although_images_were_left_out(fashion):
    seen = []
    given = {"name": NAME, "progress": lambda bar: seen.append((bar.iteration, bar.total))}
    fo.Dataset.from_dir(fashion, types.IMaterialistDataset, **given)
    assert seen[-1] == (4, 4)


def test_an_import_waits_for_no_other_but_says_that_it_is_running(fashion):
    with locked(NAME), pytest.raises(CurateError, match="is being imported into"):
        from_dir(fashion)
    assert len(fo.load_dataset(NAME)) == 0
    from_dir(fashion, overwrite=True)
    assert len(fo.load_dataset(NAME)) == 3


def test_a_name_that_cannot_be_a_folder_is_refused_before_anything_is_read(fashion):
    name = "test types, spaced"
    try:
        with pytest.raises(DatasetError, match="a dataset's name is letters"):
            fo.Dataset.from_dir(fashion, types.IMaterialistDataset, name=name, progress=False)
        assert fo.load_dataset(name).info == {}
    finally:
        store.delete(name)


def test_a_image_with_too_much_to_keep_is_left_out_and_told(fashion, monkeypatch):
    monkeypatch.setattr("curation.store.prepare.MAX_DOCUMENT", 2000)
    (fashion / "train.csv").write_text(HEADER + "a,2 2,4,6,1,\n" + "b,1 3,5,5,8,\n" * 9)
    taken = types.IMaterialistImporter(str(fashion))
    dataset = fo.Dataset(NAME)
    dataset.add_importer(taken, progress=False)
    assert dataset.values("image_id") == ["a"]
    assert [skip.kind for skip in taken.done.skips] == ["photo with too much to keep"]


def test_images_in_train_and_no_descriptions_give_the_46_categories(fashion):
    (fashion / "images").rename(fashion / "train")
    (fashion / "label_descriptions.json").unlink()
    labels = from_dir(fashion).distinct("ground_truth.detections.label")
    assert labels == ["shoe", "skirt", "top, t-shirt, sweatshirt"]


def test_given_paths_stand_for_the_usual_ones_inside_the_folder_or_elsewhere(fashion, tmp_path):
    (fashion / "images").rename(tmp_path / "pictures")
    (fashion / "train.csv").rename(fashion / "rows.csv")
    (fashion / "label_descriptions.json").rename(fashion / "names.json")
    dataset = from_dir(
        fashion,
        data_path=str(tmp_path / "pictures"),
        labels_path="rows.csv",
        label_descriptions="names.json",
    )
    assert dataset.distinct("ground_truth.detections.label") == ["shoe", "skirt", "top"]
    assert dataset.first().filepath == str(tmp_path / "pictures" / "a.jpg")


def test_a_via_folder_needs_no_paths_where_the_file_lies_beside_its_images(images_folder):
    via_file(images_folder / "project.json", region(style="preppy"))
    dataset = from_dir(images_folder, types.VIADataset)
    assert dataset.distinct("ground_truth.detections.label") == ["preppy"]


def test_of_two_via_files_or_attributes_one_must_be_named(images_folder):
    path = via_file(images_folder / "b.json", region(style="preppy", colour="red"))
    with pytest.raises(FormatError, match=r"b.json: name the label attribute; .*colour"):
        from_dir(images_folder, types.VIADataset)
    (images_folder / "other.csv").touch()
    with pytest.raises(
        CurateError, match=r"holds 2 .json or .csv files; name one with labels_path="
    ):
        from_dir(images_folder, types.VIADataset, overwrite=True)
    given = {"labels_path": str(path), "label_attribute": "colour", "overwrite": True}
    dataset = from_dir(images_folder, types.VIADataset, **given)
    assert dataset.distinct("ground_truth.detections.label") == ["red"]


@pytest.mark.parametrize(
    ("kind", "given", "reason"),
    [
        (types.IMaterialistDataset, {"data_path": "x"}, "needs labels_path= or dataset_dir="),
        (types.VIADataset, {"data_path": "x"}, "needs labels_path= or dataset_dir="),
        (types.VIADataset, {"labels_path": "no.csv"}, r"no.csv: is not there; .*labels_path="),
        (types.VIADataset, {"dataset_dir": "no"}, "no: holds 0 .json or .csv files; name one"),
        (
            types.IMaterialistDataset,
            {"dataset_dir": "."},
            r"/train.csv: is not there; say where it is with labels_path=",
        ),
        (
            types.IMaterialistDataset,
            {"dataset_dir": ".", "labels_path": "rows.csv"},
            r"/images or .*/train: is not there; say where it is with data_path=",
        ),
        (
            types.IMaterialistDataset,
            {"dataset_dir": ".", "labels_path": "rows.csv", "data_path": "p",
             "label_descriptions": "names.json"},
            r"/names.json: is not there; say where it is with label_descriptions=",
        ),
    ],
)  # fmt: skip
def test_a_path_that_is_not_there_is_one_clear_error(tmp_path, monkeypatch, kind, given, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").mkdir()
    (tmp_path / "rows.csv").write_text(HEADER + ROWS, "utf-8")
    with pytest.raises(CurateError, match=reason):
        from_dir(given.pop("dataset_dir", None), kind, **given)


def test_a_file_whose_images_are_elsewhere_is_an_error_that_names_the_first(fashion, tmp_path):
    (tmp_path / "empty").mkdir()
    reason = r"no photo .* \(photo without a file \(4\)\); the first: train.csv:2: no photo 'a' in"
    with pytest.raises(FormatError, match=reason):
        from_dir(fashion, data_path=str(tmp_path / "empty"))


def test_somebody_elses_samples_are_not_mixed_with_curates(fashion):
    theirs = fo.Dataset(NAME)
    theirs.add_sample(fo.Sample(filepath=str(fashion / "images" / "a.jpg")))
    with pytest.raises(DatasetError, match="not imported by curate"):
        theirs.add_dir(fashion, types.IMaterialistDataset, progress=False)
    assert len(theirs) == 1


def test_fiftyones_environment_is_set_before_it_is_imported():
    unset = {k: v for k, v in os.environ.items() if k != "FIFTYONE_DO_NOT_TRACK"}
    code = "import curation.types, fiftyone; assert fiftyone.config.do_not_track"
    done = subprocess.run(
        [sys.executable, "-c", code], env=unset, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
