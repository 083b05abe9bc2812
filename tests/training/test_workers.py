"""Workers are processes of their own here, on this machine; each runs ``teach`` below."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from curation.core.errors import CurateError
from training import devices, workers
from training.fitting.losses import SegmentationLoss

ROOT = Path(__file__).parents[2]
JAX = keras.backend.backend() == "jax"
# Run under both backends: as it is, and by `make test-long` with KERAS_BACKEND=jax.
tensorflow = pytest.mark.skipif(JAX, reason="TF_CONFIG is TensorFlow's")
CLASSES, BATCH, SIDE, STEPS = 3, 4, 16, 6


class Drawn(keras.utils.PyDataset):
    """Of each batch, this worker's share."""

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        worker, count = workers.worker()
        rng = np.random.default_rng(step)
        images = rng.normal(size=(BATCH, SIDE, SIDE, 3)).astype(np.float32)
        labels = rng.integers(0, CLASSES, (BATCH, SIDE, SIDE), np.uint8)
        return images[worker::count], labels[worker::count]


class Checkpoint(keras.callbacks.Callback):
    """Written after each epoch, by the chief."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if workers.is_chief():
            (self.folder / "checkpoint").write_text(str(epoch))


def compiled(normalize: bool, seed: int = 0) -> keras.Model:
    """A model of drawn weights, whose batch normalization learns or stays as it is."""
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(momentum=0.9, trainable=normalize),
            layers.ReLU(),
            layers.Conv2D(CLASSES, 1),
        ]
    )
    rng = np.random.default_rng(seed)
    model.set_weights([abs(rng.normal(0, 0.2, w.shape)) for w in model.get_weights()])
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 2 * STEPS)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.05, global_clipnorm=1.0),
        SegmentationLoss(dice_weight=0.0),
        jit_compile=devices.jit(),
    )
    return model


def teach(folder: Path, forever: bool) -> None:
    """Trains without and with batch normalization, keeps the weights of both; then goes on."""
    workers.initialize()
    worker, count = workers.worker()
    own = folder / f"{worker}-of-{count}"
    own.mkdir(parents=True)
    with workers.scope():
        for name, normalize in (("fixed", False), ("normalized", True)):
            model = compiled(normalize)
            workers.all_reduce(model)
            model.fit(Drawn(), epochs=2, shuffle=False, verbose=0, callbacks=[Checkpoint(own)])
            np.savez(own / f"{name}.npz", *model.get_weights())
        try:
            workers.all_reduce(compiled(False, seed=0 if JAX else worker))
        except CurateError as error:
            (own / "unequal").write_text(str(error))
        workers.barrier()
        (own / "done").touch()
        if forever:
            model.fit(Drawn(), epochs=10**6, shuffle=False, verbose=0)


def told(monkeypatch, **config):
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))


@tensorflow
def test_without_a_word_a_process_is_alone(monkeypatch):
    assert workers.worker() == (0, 1)
    told(monkeypatch, cluster={"worker": ["a:1"]}, task={"type": "worker", "index": 0})
    assert workers.worker() == (0, 1)
    assert workers.is_chief()


@tensorflow
def test_a_chief_comes_before_the_workers(monkeypatch):
    cluster = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    told(monkeypatch, cluster=cluster, task={"type": "chief", "index": 0})
    assert workers.worker() == (0, 3)
    assert workers.is_chief()
    told(monkeypatch, cluster=cluster, task={"type": "worker", "index": "1"})
    assert workers.worker() == (2, 3)
    assert not workers.is_chief()


@tensorflow
@pytest.mark.parametrize(
    "text",
    [
        "worker 1 of 2",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_place_that_cannot_be_read_is_said(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(CurateError, match="TF_CONFIG: cannot be read"):
        workers.worker()


@tensorflow
def test_a_place_told_to_another_backend_is_said(monkeypatch):
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(CurateError, match="KERAS_BACKEND=tensorflow has no use for it"):
        workers.initialize.__wrapped__()  # anew: join itself remembers, and may have been called


TEACH = """
import sys
from pathlib import Path
from tests.training.test_workers import teach
teach(Path(sys.argv[1]), forever=len(sys.argv) > 2)
"""
TWO_CPUS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from training import workers
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
workers.initialize = lambda: strategy  # what it gives where there are two GPUs
"""
TWO_OF_JAX = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"} if JAX else {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path, code: str, *words: str, **environment: str) -> subprocess.Popen:
    """A process that trains; what it says goes to a file of its own."""
    folder.mkdir(exist_ok=True)
    said = folder / f"said-{len(list(folder.iterdir()))}"
    return subprocess.Popen(
        [sys.executable, "-c", code, folder, *words],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stderr=said.open("w"),
    )


def places() -> list[dict[str, str]]:
    """The environments of two workers on this machine."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    if JAX:
        shared = {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(addresses),
            "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        }
        return [shared | {"KERAS_DISTRIBUTION_PROCESS_ID": str(i)} for i in range(2)]
    tasks = [{"type": "worker", "index": i} for i in range(2)]
    told = [{"cluster": {"worker": addresses}, "task": task} for task in tasks]
    return [{"TF_CONFIG": json.dumps(one)} for one in told]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder where all have trained, and two workers, who still do.

    Beside the 'crew', this 'one' process and one with 'two' devices take the whole batch.
    """
    folder = tmp_path_factory.mktemp("trained")
    crew = [start(folder / "crew", TEACH, "forever", **place) for place in places()]
    two = [start(folder / "two", TEACH if JAX else TWO_CPUS + TEACH, **TWO_OF_JAX)]
    try:
        teach(folder / "one", forever=False)
        end = time.monotonic() + 240
        while len(list(folder.glob("*/*/done"))) < 4:
            assert time.monotonic() < end, said(folder)
            assert not any(process.poll() for process in (*two, *crew)), said(folder)
            time.sleep(0.1)
        yield folder, crew
    finally:
        for process in (*two, *crew):
            process.kill()
            process.wait()


def said(folder: Path) -> str:
    return "\n".join(path.read_text()[-3000:] for path in folder.rglob("said-*"))


def weights(path: Path) -> list[np.ndarray]:
    with np.load(path) as kept:
        return [kept[name] for name in kept.files]


def furthest(one: Path, other: Path) -> float:
    """The largest difference of any weight."""
    pairs = zip(weights(one), weights(other), strict=True)
    return max(float(abs(a - b).max()) for a, b in pairs)


@pytest.mark.slow
def test_two_workers_with_half_the_batch_each_learn_what_one_does_with_the_whole(trained):
    folder, _ = trained
    whole = folder / "one/0-of-1/fixed.npz"
    assert furthest(folder / "crew/0-of-2/fixed.npz", whole) < 1e-5
    assert furthest(folder / "crew/1-of-2/fixed.npz", whole) < 1e-5
    before = compiled(normalize=False).get_weights()
    assert max(abs(a - b).max() for a, b in zip(before, weights(whole), strict=True)) > 0.01


@pytest.mark.slow
def test_two_devices_of_one_process_learn_what_one_does(trained):
    folder, _ = trained
    assert furthest(folder / "two/0-of-1/fixed.npz", folder / "one/0-of-1/fixed.npz") < 1e-5


@pytest.mark.slow
def test_workers_end_with_the_same_running_means_and_under_jax_with_those_of_the_batch(trained):
    folder, _ = trained
    first, second = (folder / f"crew/{i}-of-2/normalized.npz" for i in range(2))
    assert furthest(first, second) == 0
    if JAX:
        assert furthest(first, folder / "one/0-of-1/normalized.npz") < 1e-3


@pytest.mark.slow
def test_only_the_chief_writes(trained):
    folder, _ = trained
    assert [path.parent.name for path in folder.glob("crew/*/checkpoint")] == ["0-of-2"]


@pytest.mark.slow
@pytest.mark.skipif(JAX, reason="JAX looks at the weights of all workers itself")
def test_workers_that_begin_differently_are_told_so(trained):
    folder, _ = trained
    told = [path.read_text() for path in folder.glob("crew/*/unequal")]
    assert len(told) == 2
    assert all("they begin with different weights" in text for text in told)


@pytest.mark.slow
@pytest.mark.skipif(JAX, reason="JAX takes up to 100 seconds for it")
def test_a_killed_worker_ends_the_other_which_says_why(trained):
    folder, (chief, other) = trained
    other.kill()
    assert chief.wait(30) == 1
    assert "workers: another worker is gone" in said(folder / "crew")
