from dataclasses import replace

import keras
import numpy as np
import pytest

from curation.core.errors import CurateError
from curation.core.progress import silent
from tests.training.drawn import QUICK, tiny_model
from training import models
from training.config import TrainConfig
from training.fitting.checkpoint import TrainingState, variables
from training.fitting.fit import FitSpec, fit

SIDE = 8


def small_model() -> keras.Model:
    """Photos (B, SIDE, SIDE, 3) to logits of 3 classes, with batch norm and dropout."""
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = keras.layers.SpatialDropout2D(0.3)(keras.layers.BatchNormalization()(x))
    return keras.Model(image, keras.layers.Conv2D(3, 1)(x))


class Batches(keras.utils.PyDataset):
    """Step n is drawn from n alone: the class of a pixel is its brightest colour."""

    def __init__(self, first: int, steps: int) -> None:
        super().__init__()
        self.first, self.steps = first, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int):
        images = np.random.default_rng(self.first + index).integers(0, 256, (4, SIDE, SIDE, 3))
        return images.astype(np.uint8), images.argmax(-1).astype(np.uint8)


def validate(model: keras.Model) -> dict[str, float]:
    images, labels = Batches(10**6, 1)[0]
    right = (model.predict_on_batch(images).argmax(-1) == labels).mean()
    return {"val_cross_entropy": 1 - float(right), "val_miou_foreground": float(right)}


def start(
    folder, config=None, seed=0, validate=validate, batches=Batches, build=small_model, steps=24,
    select_best=True, progress=silent,
):  # fmt: skip
    config = config or replace(QUICK, evals=4, learning_rate=0.05, warm_up=2)
    spec = FitSpec(
        build=build, backbone_variables=lambda model: [], batches=batches, validate=validate,
        select_best=select_best, steps=steps, evals=config.evals, images=8, class_weights=None,
    )  # fmt: skip
    return fit(
        spec, config, seed=seed, checkpoint=folder / "model.npz", log_dir=folder / "logs",
        name="model", progress=progress,
    )  # fmt: skip


def assert_same(one: keras.Model, other: keras.Model) -> None:
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_it_learns_and_tells_each_evaluation(tmp_path):
    model, history = start(tmp_path)
    assert [row["step"] for row in history] == [6, 12, 18, 24]
    assert history[-1]["epoch"] == 12.0  # 24 steps of 4 photos, over 8 photos
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["learning_rate"] == pytest.approx(0, abs=1e-6)
    assert validate(model)["val_miou_foreground"] > 0.5  # chance is a third


def test_one_seed_gives_one_model(tmp_path):
    one, again, other = (start(tmp_path / str(n), seed=n % 2)[0] for n in (0, 2, 1))
    assert_same(one, again)
    with pytest.raises(AssertionError):
        assert_same(one, other)


@pytest.mark.parametrize("ema", [True, False])
def test_a_killed_training_ends_with_the_same_weights(tmp_path, ema):
    config = replace(QUICK, evals=4, learning_rate=0.05, warm_up=2, ema=ema)
    whole, told = start(tmp_path / "whole", config)
    evaluated = []

    def killed(model):
        evaluated.append(1)
        if len(evaluated) == 3:
            raise KeyboardInterrupt
        return validate(model)

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "killed", config, validate=killed)
    began = []

    def batches(first, steps):
        began.append((first, steps))
        return Batches(first, steps)

    resumed, history = start(tmp_path / "killed", config, batches=batches)
    assert began == [(12, 12)]  # two evaluations of six steps were done
    assert_same(resumed, whole)
    for row, expected in zip(history, told, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-4)


@pytest.mark.parametrize("select_best", [True, False])
def test_the_best_weights_are_kept_or_the_last_where_none_can_select(tmp_path, select_best):
    seen: list[list[np.ndarray]] = []

    def worse_each_time(model):
        seen.append([np.array(w) for w in model.get_weights()])
        return {"val_cross_entropy": 0.0, "val_miou_foreground": 0.9 - len(seen) / 10}

    config = replace(
        QUICK, evals=4, learning_rate=0.05, warm_up=2, patience=0 if select_best else 1
    )
    model, history = start(tmp_path, config, validate=worse_each_time, select_best=select_best)
    assert [row["kept"] for row in history] == ([1, 0, 0, 0] if select_best else [1, 1, 1, 1])
    expected = seen[0 if select_best else -1]
    for kept, then in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(kept, then)


def test_patience_ends_a_training_that_gets_no_better(tmp_path):
    config = replace(QUICK, evals=8, patience=2)

    def flat(model):
        return {"val_cross_entropy": 1.0, "val_miou_foreground": 0.5}

    _, history = start(tmp_path, config, validate=flat)
    assert len(history) == 3
    began = []
    _, again = start(tmp_path, config, validate=flat, batches=lambda *of: began.append(of))
    assert again == history  # over is over, after a kill too
    assert not began


def test_a_loss_that_is_no_number_is_an_error_with_the_way_out(tmp_path):
    def runaway():
        model = small_model()
        return keras.Model(model.input, keras.layers.Rescaling(np.nan)(model.output))

    with pytest.raises(CurateError, match=r"step 6: the loss is nan.*lower --learning-rate"):
        start(tmp_path, build=runaway)


@pytest.mark.parametrize("fault", ["empty", "other", "half", "flipped"])
def test_a_broken_checkpoint_is_an_error_that_names_it(tmp_path, fault):
    start(tmp_path)
    path = tmp_path / "model.npz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "empty": b"",
            "other": b"torn",
            "half": whole[:middle],
            "flipped": whole[:middle] + bytes(255 - b for b in whole[middle : middle + 50])
            + whole[middle + 50 :],
        }[fault]
    )  # fmt: skip
    with pytest.raises(CurateError, match=r"model\.npz: cannot be read.*delete it"):
        start(tmp_path)


def test_a_training_of_three_steps_changes_the_weights(tmp_path):
    first = small_model().get_weights()
    model, _ = start(tmp_path, replace(QUICK, evals=1, ema=True), steps=3)
    assert np.abs(model.get_weights()[0] - first[0]).max() > 1e-4


@pytest.mark.parametrize("model", ["fpn", "unet"])
def test_float16_has_its_loss_scaled(tmp_path, monkeypatch, model):
    """Else small gradients would be 0."""
    seen = []

    def start_of(model, ema):
        seen.append(type(model.optimizer).__name__)
        raise KeyboardInterrupt

    def build():
        config = TrainConfig(size=32)
        return models.head(config, 3) if model == "fpn" else models.unet(3, width=4)

    monkeypatch.setattr(TrainingState, "start", start_of)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, replace(QUICK, precision="float16"), build=build)
    assert seen == ["LossScaleOptimizer"]
    assert keras.config.dtype_policy().name == "float32"


def test_what_is_kept_includes_the_random_state():
    """Else dropout would draw other channels after a kill."""
    paths = [variable.path for variable in variables(small_model())]
    assert any("seed_generator" in path for path in paths)
    assert len(variables(tiny_model())) == 6
