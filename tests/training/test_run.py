import csv
import json
import tomllib
import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import training.run
from curation.errors import RunError
from tests.training.drawn import CLASSES, QUICK, SIZE, draw
from training.config import TrainConfig
from training.folder import RunFolder
from training.run import ClassList, load_classes, predict, train

FILES = ["config.toml", "curves.png", "grid.png", "history.csv", "metrics.json", "photos.csv"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def photos_and_labels(shared):
    return draw(shared, 12)


@pytest.fixture
def drawn(photos_and_labels):
    photos, labels = photos_and_labels
    return list(photos), labels.copy()


@pytest.fixture(scope="module")
def cache(shared):
    return shared / "cache"


@pytest.fixture(scope="module")
def finished(shared, photos_and_labels, cache):
    """A run of two folds; tests only look at it."""
    return start(shared / "run", photos_and_labels, cache, fold=halves()), shared / "run"


def start(folder, drawn, cache, config=QUICK, *, fold=None, split=None):
    photos, labels = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few steps may well end in all background
        return train(
            folder, photos, labels, CLASSES, config,
            cache=cache, fold=fold, split=split, progress=None,
        )  # fmt: skip


def halves():
    return np.arange(12) % 2


def test_a_run_with_folds_leaves_its_files_and_figures(drawn, finished):
    result, run = finished
    written = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert written == {*FILES, *(f"models/fold{k}.keras" for k in range(2))}
    assert result["measured_on"] == "out-of-fold"
    assert result["photos"] == 12
    assert set(result["iou"]) == set(CLASSES.names)
    assert json.loads((run / "metrics.json").read_text()) == result
    assert load_classes(run) == CLASSES
    assert RunFolder(run).config() == QUICK
    table = tomllib.loads((run / "config.toml").read_text())
    assert table["fold"] == {"0": 6, "1": 6}
    rows = list(csv.DictReader((run / "photos.csv").open()))
    assert rows[4] == {"key": drawn[0][4].key, "image_id": "drawn-4", "fold": "0"}
    history = list(csv.DictReader((run / "history.csv").open()))
    assert [row["fold"] for row in history] == ["0", "0", "1", "1"]
    for name in ("curves.png", "grid.png"):
        with Image.open(run / name) as image:
            assert image.width > 600


def test_enough_steps_learn_the_drawn_boxes(drawn, cache, tmp_path):
    config = replace(QUICK, min_steps=60)
    split = np.array(["train"] * 8 + ["test"] * 4)
    result = start(tmp_path / "run", drawn, cache, config, split=split)
    assert result["miou_foreground"] > 0.5
    assert not result["only_background"]


def test_no_photo_is_predicted_by_a_model_that_saw_it(drawn, cache, tmp_path, monkeypatch):
    """Each fold's model is replaced by one that answers with what it was taught."""
    photos, _ = drawn
    taught: dict[int, set[int]] = {}
    real = training.run.fit

    def spy(train, validation, classes, config, **rest):
        seen = set(train.picks.tolist()) | set(validation.picks.tolist())
        assert not set(train.picks.tolist()) & set(validation.picks.tolist())
        taught[len(taught)] = seen
        model, history = real(train, validation, classes, config, **rest)
        layer = model.get_layer("logits")
        mark = np.zeros(3, np.float32)
        mark[len(taught) - 1] = 9.0  # model k predicts class k everywhere
        layer.set_weights([np.zeros_like(layer.get_weights()[0]), mark])
        return model, history

    monkeypatch.setattr(training.run, "fit", spy)
    start(tmp_path / "run", drawn, cache, fold=halves())
    strangers = draw(tmp_path, 2, seed=5)[0]
    answers = list(predict(tmp_path / "run", [*photos, *strangers], cache=cache, progress=None))
    assert [photo for photo, _ in answers] == [*photos, *strangers]
    for index, (_, chances) in enumerate(answers[:12]):
        assert chances.shape == (3, SIZE, SIZE)
        assert chances.dtype == np.float32
        model = int(chances.mean(axis=(1, 2)).argmax())
        assert index not in taught[model]
        assert model == index % 2
    for _, chances in answers[12:]:  # never seen: the mean of the two
        np.testing.assert_allclose(chances[:2], 1 / 2, atol=1e-3)


def test_a_split_trains_one_model_and_measures_it_on_test(drawn, cache, tmp_path):
    split = np.array(["train"] * 7 + ["val"] * 2 + ["test"] * 3)
    result = start(tmp_path / "run", drawn, cache, split=split)
    assert result["measured_on"] == "test"
    assert result["photos"] == 3
    assert result["val"]["photos"] == 2
    assert (tmp_path / "run" / "models" / "model.keras").exists()
    _, chances = next(predict(tmp_path / "run", drawn[0], cache=cache, progress=None))
    np.testing.assert_allclose(chances.sum(axis=0), 1, atol=1e-5)


def test_a_killed_run_goes_on_without_training_its_finished_folds_again(
    drawn, cache, finished, tmp_path, monkeypatch
):
    real, names = training.run.fit, []

    def killed_in_fold_1(*args, name, **rest):
        names.append(name)
        if name == "fold1" and names.count("fold1") == 1:
            raise KeyboardInterrupt
        return real(*args, name=name, **rest)

    monkeypatch.setattr(training.run, "fit", killed_in_fold_1)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", drawn, cache, fold=halves())
    with pytest.raises(RunError, match="not finished"):
        predict(tmp_path / "run", drawn[0], cache=cache, progress=None)
    first = (tmp_path / "run" / "models" / "fold0.keras").read_bytes()
    resumed = start(tmp_path / "run", drawn, cache, fold=halves())
    assert names == ["fold0", "fold1", "fold1"]
    assert (tmp_path / "run" / "models" / "fold0.keras").read_bytes() == first
    assert resumed["miou"] == pytest.approx(finished[0]["miou"], abs=1e-4)
    assert start(tmp_path / "run", drawn, cache, fold=halves()) == resumed
    assert len(names) == 3


@pytest.mark.parametrize("change", ["config", "labels", "fold"])
def test_a_folder_with_another_run_is_refused(drawn, cache, finished, change):
    photos, labels = drawn
    config, fold = QUICK, halves()
    if change == "config":
        config = replace(config, seed=1)
    elif change == "labels":
        labels = labels.copy()
        labels[5, 0, 0] = 2
    else:
        fold = fold[::-1]
    with pytest.raises(RunError, match="choose another folder"):
        start(finished[1], (photos, labels), cache, config, fold=fold)


def test_predicting_only_background_is_found_out(drawn, cache, tmp_path):
    photos, labels = drawn
    labels = labels.copy()
    labels[:8] = 0  # the training photos have no garment, the test photos do
    config = replace(QUICK, min_steps=30)
    result = train(
        tmp_path / "run", photos, labels, CLASSES, config,
        cache=cache, fold=None, split=np.array(["train"] * 8 + ["test"] * 4), progress=None,
    )  # fmt: skip
    assert result["only_background"] is True


def test_void_pixels_teach_and_count_nothing(drawn, cache, tmp_path):
    photos, labels = drawn
    labels = np.full_like(labels, 255)
    split = np.array(["train"] * 12)
    result = start(tmp_path / "run", (photos, labels), cache, split=split)
    assert result["miou"] is None
    assert result["loss"] == 0.0


def test_a_label_that_is_no_class_is_named(drawn, cache, tmp_path):
    photos, labels = drawn
    labels[3, 2, 2] = 7
    with pytest.raises(RunError, match=r"drawn-3.*holds 7, no class id"):
        start(tmp_path / "run", (photos, labels), cache, fold=halves())


def test_labels_of_another_size_are_refused(drawn, cache, tmp_path):
    with pytest.raises(RunError, match="uint8"):
        start(tmp_path / "run", drawn, cache, TrainConfig(size=96), fold=halves())


def test_a_missing_run_names_the_way_out(tmp_path):
    with pytest.raises(RunError, match="no run here: train one first"):
        load_classes(tmp_path / "none")
    with pytest.raises(RunError, match="train one first"):
        predict(tmp_path / "none", [], cache=tmp_path, progress=None)


def test_a_class_list_begins_with_background():
    with pytest.raises(ValueError, match="background"):
        ClassList(("top", "skirt"), ("#000000", "#ffffff"))
