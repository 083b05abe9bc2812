"""The same files give the same figures under TensorFlow, JAX and torch."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conftest import require_backend
from training import models
from training.config import TrainConfig

SIZE, CLASSES = 32, 4
CONFIGS = {
    "fpn": TrainConfig(size=SIZE, frozen=True, dropout=0),
    "deeplabv3plus": TrainConfig(
        model="deeplabv3plus", size=SIZE, frozen=False, output_stride=16, dropout=0
    ),
    "unet": TrainConfig(model="unet", backbone="none", size=SIZE, frozen=False, dropout=0),
}

RUN = """
import sys
from pathlib import Path
class WithoutTensorFlow:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, *place):
        return None if name == "tensorflow" else self.finder.find_spec(name, *place)
if sys.argv[2] != "tensorflow":
    sys.meta_path[:] = map(WithoutTensorFlow, sys.meta_path)
from training import models  # registers our layers
from training.fitting.losses import SegmentationLoss
import json, keras, numpy as np
assert keras.backend.backend() == sys.argv[2]
folder = Path(sys.argv[1])
photos, labels = np.load(folder / "photos.npy"), np.load(folder / "labels.npy")
losses = {}
for path in sorted(folder.glob("*.keras")):
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    logits = model.predict_on_batch(photos)
    np.save(folder / f"{path.stem}-{sys.argv[2]}.npy", logits)
    taught = models.low_resolution(model)
    taught.compile(keras.optimizers.SGD(0.01), SegmentationLoss("cross_entropy", 0.5))
    losses[path.stem] = [float(taught.train_on_batch(photos, labels)) for _ in range(2)]
print(json.dumps(losses))
"""


def run(folder, backend):
    """Losses before and after a step, by model; the logits before it go into the folder."""
    require_backend(backend)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), backend],
        env=os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with models, photos, labels, and what TensorFlow makes of them."""
    folder = tmp_path_factory.mktemp("backends")
    rng = np.random.default_rng(0)
    np.save(folder / "photos.npy", rng.integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8))
    labels = rng.integers(0, CLASSES, (4, SIZE, SIZE), dtype=np.uint8)
    labels[:, :5] = 255
    np.save(folder / "labels.npy", labels)
    keras.utils.set_random_seed(0)
    for name, config in CONFIGS.items():
        models.full_model(config, CLASSES).save(folder / f"{name}.keras")
    return folder, run(folder, "tensorflow")


@pytest.mark.slow
# JAX compiles each model for a minute.
@pytest.mark.parametrize("backend", [pytest.param("jax", marks=pytest.mark.long), "torch"])
def test_the_same_weights_give_the_same_logits_and_learn_alike(here, backend):
    folder, expected = here
    losses = run(folder, backend)
    assert set(losses) == set(CONFIGS)
    for name in CONFIGS:
        ours = np.load(folder / f"{name}-{backend}.npy")
        theirs = np.load(folder / f"{name}-tensorflow.npy")
        # Those of an untrained UNet are small, and are to agree all the better.
        spread = min(1, np.ptp(theirs))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * spread)
        np.testing.assert_allclose(losses[name], expected[name], atol=1e-3)


def test_a_step_brings_the_loss_down(here):
    for before, after in here[1].values():
        assert after < before
