import csv
import json
import tomllib
import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from curation.core.errors import CurateError, RunError
from curation.core.taxonomy import parse
from curation.formats import tfrecord
from tests.training.data.exported import TAXONOMY, records
from tests.training.drawn import CLASSES, QUICK, SIZE, draw, export
from training import models
from training.config import TrainConfig
from training.data import label_maps
from training.data.image import ImageFile
from training.data.records import Records
from training.fitting import fit, spec
from training.folder import ClassList, Parts, RunFolder
from training.run import (
    begin,
    load_classes,
    measure,
    predict,
    predict_with_features,
    train,
)

FILES = [
    "calibration.png", "config.toml", "confusion.png", "curves.png", "data.sha256", "grid.png",
    "history.csv", "metrics.json", "model-card.md", "photos.csv",
]  # fmt: skip
HALVES = np.arange(12) % 2
SPLIT = ["train"] * 7 + ["val"] * 2 + ["test"] * 3


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def drawn(shared):
    images, labels = draw(shared, 12)
    return images, export(shared / "data", images, labels)


@pytest.fixture(scope="module")
def cache(shared):
    return shared / "cache"


@pytest.fixture(scope="module")
def finished(shared, drawn, cache):
    """A run of two folds; tests only look at it."""
    return start(shared / "run", drawn, cache, HALVES), shared / "run"


def parts(images, of):
    kind = "split" if isinstance(of, list) else "fold"
    keys, ids = tuple(p.key for p in images), tuple(p.image_id for p in images)
    return Parts(kind, keys, ids, tuple(map(str, of)))


def start(folder, drawn, cache, of, config=QUICK, labels="hash"):
    images, data = drawn
    done = begin(folder, config, CLASSES, parts(images, of), labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few steps may well end in all background
        return done or train(folder, Records(data), cache=cache)


def test_a_run_with_folds_leaves_its_files_and_figures(drawn, finished):
    result, run = finished
    written = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    written = {name for name in written if not name.startswith("logs/")}
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
    for name in FILES:
        if name.endswith(".png"):
            with Image.open(run / name) as image:
                assert image.width > 400, name


def test_tensorboard_finds_its_logs(finished):
    _, run = finished
    assert list((run / "logs" / "fold1").rglob("events.out.tfevents.*"))


def test_the_card_says_what_it_was_trained_on_and_what_was_measured(finished):
    result, run = finished
    card = (run / "model-card.md").read_text()
    assert "12 photos; by fold: 0 6, 1 6" in card
    assert "Measured on: out-of-fold" in card
    assert f"| IoU top | {result['iou']['top']:.3f} |" in card
    settings = card.split("```toml\n")[1].split("```")[0]
    assert tomllib.loads(settings)["size"] == SIZE


def test_enough_steps_learn_the_drawn_boxes(drawn, cache, tmp_path):
    config = replace(QUICK, min_steps=60)
    result = start(tmp_path / "run", drawn, cache, ["train"] * 8 + ["test"] * 4, config)
    assert result["miou_foreground"] > 0.5
    assert not result["only_background"]


@pytest.mark.parametrize("model", ["unet", pytest.param("deeplabv3plus", marks=pytest.mark.long)])
def test_whole_models_are_trained_on_images_by_the_same_call(drawn, cache, tmp_path, model):
    backbone, stride = ("none", 32) if model == "unet" else ("lite0", 16)
    config = replace(
        QUICK, model=model, backbone=backbone, weights="none", frozen=False,
        output_stride=stride, rotate=5.0, scale=0.2, color=0.1, min_steps=2, batch=2, epochs=1,
    )  # fmt: skip
    result = start(tmp_path / "run", drawn, cache, SPLIT, config)
    assert result["measured_on"] == "test"
    ((_, probabilities),) = predict(tmp_path / "run", drawn[0][:1], cache=cache)
    assert probabilities.shape == (3, SIZE, SIZE)
    assert not (tmp_path / "cache").exists()
    ((_, _, maps),) = predict_with_features(tmp_path / "run", drawn[0][:1], cache=cache)
    of_imagenet = models.encoder(TrainConfig(size=SIZE))
    expected = of_imagenet.predict_on_batch(drawn[0][0].read(SIZE)[np.newaxis])
    for feature_map, wanted in zip(maps, expected, strict=True):
        np.testing.assert_allclose(feature_map, wanted[0], rtol=1e-2, atol=1e-2)


def test_no_image_is_predicted_by_a_model_that_saw_it(drawn, cache, tmp_path, monkeypatch):
    """Each fold's model is replaced by one that answers with what it was trained on."""
    images, _ = drawn
    seen: dict[int, set[str]] = {}
    real_spec, real_fit = spec.fit_spec, fit.fit

    def spy_spec(examples, split, *rest):
        assert not set(split.train) & set(split.val)
        seen[len(seen)] = {examples.images[i].key for i in [*split.train, *split.val]}
        return real_spec(examples, split, *rest)

    def spy_fit(*args, **rest):
        model, history = real_fit(*args, **rest)
        layer = model.get_layer("logits")
        mark = np.zeros(3, np.float32)
        mark[len(seen) - 1] = 9.0  # model k predicts class k everywhere
        layer.set_weights([np.zeros_like(layer.get_weights()[0]), mark])
        return model, history

    monkeypatch.setattr(spec, "fit_spec", spy_spec)
    monkeypatch.setattr(fit, "fit", spy_fit)
    start(tmp_path / "run", drawn, cache, HALVES)
    strangers = [ImageFile(f"new{p.key}", p.image_id, p.path) for p in draw(tmp_path, 2, seed=5)[0]]
    answers = list(predict(tmp_path / "run", [*images, *strangers], cache=cache))
    assert [image for image, _ in answers] == [*images, *strangers]
    for index, (image, probabilities) in enumerate(answers[:12]):
        assert probabilities.shape == (3, SIZE, SIZE)
        assert probabilities.dtype == np.float32
        model = int(probabilities.mean(axis=(1, 2)).argmax())
        assert image.key not in seen[model]
        assert model == index % 2
    for _, probabilities in answers[12:]:  # never seen: the mean of the two
        np.testing.assert_allclose(probabilities[:2], 1 / 2, atol=1e-3)


def test_a_model_learns_from_some_and_predicts_all(drawn, cache, tmp_path, monkeypatch):
    taught = []

    def noting(examples, split, *others):
        taught.append(split)
        return fit_spec(examples, split, *others)

    fit_spec = spec.fit_spec
    monkeypatch.setattr(spec, "fit_spec", noting)
    few = replace(QUICK, train_on=3)
    done = start(tmp_path / "run", drawn, cache, HALVES, few)
    assert [len(split.train) for split in taught] == [3, 3]
    assert done["photos"] == 12
    assert len(list(predict(tmp_path / "run", drawn[0], cache=cache))) == 12


def test_a_split_trains_one_model_and_measures_it_on_test(drawn, cache, tmp_path):
    result = start(tmp_path / "run", drawn, cache, SPLIT)
    assert result["measured_on"] == "test"
    assert result["photos"] == 3
    assert result["val"]["photos"] == 2
    assert (tmp_path / "run" / "models" / "model.keras").exists()
    _, probabilities = next(predict(tmp_path / "run", drawn[0], cache=cache))
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)


def test_a_killed_run_goes_on_without_training_its_finished_folds_again(
    drawn, cache, finished, tmp_path, monkeypatch
):
    real, names = fit.fit, []

    def killed_in_fold_1(*args, name, **rest):
        names.append(name)
        if name == "fold1" and names.count("fold1") == 1:
            raise KeyboardInterrupt
        return real(*args, name=name, **rest)

    monkeypatch.setattr(fit, "fit", killed_in_fold_1)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", drawn, cache, HALVES)
    with pytest.raises(RunError, match="not finished"):
        next(predict(tmp_path / "run", drawn[0], cache=cache))
    first = (tmp_path / "run" / "models" / "fold0.keras").read_bytes()
    resumed = start(tmp_path / "run", drawn, cache, HALVES)
    assert names == ["fold0", "fold1", "fold1"]
    assert (tmp_path / "run" / "models" / "fold0.keras").read_bytes() == first
    assert resumed["miou"] == pytest.approx(finished[0]["miou"], abs=1e-4)
    assert start(tmp_path / "run", drawn, cache, HALVES) == resumed
    assert len(names) == 3


def test_a_killed_run_does_not_go_on_with_other_labels(drawn, cache, tmp_path, monkeypatch):
    def kill(*args, **rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit, "fit", kill)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run", drawn, cache, HALVES)
    images, labels = draw(tmp_path, 12)
    changed = export(tmp_path / "data", images, np.where(labels == 1, 2, labels).astype(np.uint8))
    with pytest.raises(RunError, match="are not those that this run began with"):
        train(tmp_path / "run", Records(changed), cache=cache)


@pytest.mark.parametrize("there", ["photos.jpg", "metrics.json"])
def test_a_folder_of_something_else_is_left_as_it_is(drawn, cache, tmp_path, there):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / there).write_text("{}")
    with pytest.raises(RunError, match="holds something that is no run: choose another name"):
        start(tmp_path / "mine", drawn, cache, HALVES)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [there]


def test_a_missing_file_of_weights_does_not_use_up_the_name(drawn, cache, tmp_path):
    config = replace(QUICK, weights=str(tmp_path / "none.h5"))
    with pytest.raises(RunError, match=r"--weights: no such file: .*none\.h5"):
        start(tmp_path / "run", drawn, cache, HALVES, config)
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_measured_again_on_what_it_did_not_train_on(drawn, cache, tmp_path):
    result = start(tmp_path / "run", drawn, cache, SPLIT)
    again = measure(tmp_path / "run", Records(drawn[1]), cache=cache)
    assert again["photos"] == 3  # neither train nor val
    assert again["iou"] == pytest.approx(result["iou"], abs=1e-6)


def test_each_image_of_a_run_with_folds_is_measured_by_its_folds_model(drawn, cache, finished):
    again = measure(finished[1], Records(drawn[1]), cache=cache)
    assert again["photos"] == 12
    assert again["iou"] == pytest.approx(finished[0]["iou"], abs=1e-6)


@pytest.mark.parametrize("change", ["config", "labels", "fold"])
def test_a_folder_with_another_run_is_refused(drawn, cache, finished, change):
    of = HALVES[::-1] if change == "fold" else HALVES
    config = replace(QUICK, seed=1) if change == "config" else QUICK
    labels = "other" if change == "labels" else "hash"
    with pytest.raises(RunError, match=r"choose another name, .*or take --resume"):
        start(finished[1], drawn, cache, of, config, labels)


def test_predicting_only_background_is_found_out(drawn, cache, tmp_path):
    images, labels = draw(tmp_path, 12)
    labels[:8] = 0  # the training photos have no garment, the test photos do
    data = export(tmp_path / "data", images, labels)
    config = replace(QUICK, min_steps=30)
    result = start(tmp_path / "run", (images, data), cache, ["train"] * 8 + ["test"] * 4, config)
    assert result["only_background"] is True
    assert "It predicts only background" in (tmp_path / "run" / "model-card.md").read_text()


def test_void_pixels_teach_and_count_nothing(cache, tmp_path):
    images, labels = draw(tmp_path, 12)
    data = export(tmp_path / "data", images, np.full_like(labels, 255))
    result = start(tmp_path / "run", (images, data), cache, ["train"] * 12)
    assert result["miou"] is None
    assert result["loss"] == 0.0


def test_a_label_that_is_no_class_is_named(cache, tmp_path):
    images, labels = draw(tmp_path, 12)
    labels[3, 2, 2] = 7
    data = export(tmp_path / "data", images, labels)
    with pytest.raises(CurateError, match=r"drawn-3.*holds 7"):
        start(tmp_path / "run", (images, data), cache, HALVES)


def test_data_of_another_size_are_refused(drawn, cache, tmp_path):
    with pytest.raises(RunError, match="another size"):
        start(tmp_path / "run", drawn, cache, HALVES, replace(QUICK, size=96))


def test_images_that_are_not_in_the_data_are_refused(drawn, cache, tmp_path):
    images, data = drawn
    with pytest.raises(RunError, match=r"photos\.csv: 1 photo in one of"):
        start(tmp_path / "run", (images[:11], data), cache, HALVES[:11])


def test_label_maps_beside_the_photos_give_the_run_that_a_tfrecord_gives(tmp_path, cache):
    made, groups = records(tmp_path / "photos", 10, SIZE)
    taxonomy = parse(TAXONOMY, "flat.toml")
    label_maps.write(tmp_path / "maps", made, taxonomy, groups, SIZE)
    tfrecord.write(tmp_path / "export", made, taxonomy, dict.fromkeys(made, "train"), groups, SIZE)
    config = replace(QUICK, class_weights="balanced")
    results = []
    for examples in (label_maps.LabelMaps(tmp_path / "maps"), Records(tmp_path / "export")):
        run = tmp_path / f"run{len(results)}"
        begin(run, config, examples.classes, parts(examples.images, SPLIT[:10]), "hash")
        results.append(train(run, examples, cache=cache))
    assert results[0]["measured_on"] == "test"
    for name in ("iou", "ece", "loss"):
        assert results[0][name] == pytest.approx(results[1][name], abs=1e-4)


def test_a_missing_run_names_the_way_out(tmp_path):
    with pytest.raises(RunError, match="no run here: train one first"):
        load_classes(tmp_path / "none")
    with pytest.raises(RunError, match="train one first"):
        next(predict(tmp_path / "none", [], cache=tmp_path))


def test_a_class_list_begins_with_background():
    with pytest.raises(ValueError, match="background"):
        ClassList(("top", "skirt"), ("#000000", "#ffffff"))


def test_a_run_of_an_earlier_build_is_refused_with_the_way_out(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.json").write_text("{}")
    (run / "config.toml").write_text(
        'fingerprint = "4f2a"\n[train]\nmodel = "fpn"\nlooks = 14\nbackbone_rate = 0.1\n'
        'average = true\n[classes]\nnames = ["background", "top"]\n'
        'colors = ["#000000", "#d62728"]\n[fold]\n0 = 6\n1 = 6\n'
    )
    refused = r"is of another version of curate, .*'average': train again under another name"
    with pytest.raises(RunError, match=refused) as error:
        load_classes(run)
    assert "\n" not in str(error.value)
    with pytest.raises(RunError, match=refused):
        next(predict(run, [], cache=tmp_path))
    with pytest.raises(RunError, match=refused):
        begin(run, QUICK, CLASSES, Parts("fold", keys := tuple("abcdef"), keys, ("0", "1") * 3), "")
