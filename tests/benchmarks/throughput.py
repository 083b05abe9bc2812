"""Images a second of each segmenter, trained and predicting, beside plain PyTorch.

    KERAS_BACKEND=tensorflow python -m tests.benchmarks.throughput [--only UNet] [--json FILE]

Every model is a process of its own; all are warmed up first, and then they take turns, so that
other load hits all alike (best there is none: torch's threads spin while they wait for one that
has no core). Figures are medians of the rounds, ratios of those within a round; 2 is twice as
fast. Trained as `training.fitting.fit` does, a call of Keras' `fit` in each turn, but without
evaluations and the average of the weights; frozen is the head alone on cached features.
Predicted as `training.predict` does. Batches and logits are in the machine's memory, and on a GPU
are brought there and back. The peers (torch_peers.py) have the same layers, loss, optimizer and
batch; without torch they are left out.

Beside them the same backend multiplies two large matrices (float32 on a CPU, bfloat16 on a GPU):
what the machine can do, of which each model reaches a share. Its operations are counted from the
Keras layers, those of peers by torch: two for each multiplication in its (also transposed)
convolutions, nothing else, and three times that for a step of training. On a GPU all is also run
in bfloat16, and the memory told is the most that a process held there after its first steps
(under JAX, which cannot forget, in all steps); take more --steps there, 100.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from math import prod
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from curation.core import console

if TYPE_CHECKING:
    import keras

    from training.config import TrainConfig

CLASSES = 6
MODELS: dict[str, dict[str, Any]] = {
    "UNet": {"model": "unet", "backbone": "none", "frozen": False},
    "FPN, Lite0": {"model": "fpn", "backbone": "lite0", "frozen": False},
    "FPN, Lite0, frozen": {"model": "fpn", "backbone": "lite0", "frozen": True},
    "DeepLabV3+, Lite0": {
        "model": "deeplabv3plus", "backbone": "lite0", "frozen": False, "output_stride": 16,
    },
    "DeepLabV3+, ResNet50": {
        "model": "deeplabv3plus", "backbone": "resnet50", "frozen": False, "output_stride": 16,
    },
}  # fmt: skip
PEERS = ("UNet", "DeepLabV3+, ResNet50")
Turns = dict[str, Callable[[int], None]]
"""By name, what does so many steps and is done when it returns."""


@dataclass(frozen=True)
class Job:
    """What one process runs: a model of ours or its peer, or, without a model, the matrices."""

    model: str
    peer: bool
    half: bool
    size: int
    batch: int
    compiled: bool
    channels_last: bool

    @property
    def title(self) -> str:
        words = (self.model, "PyTorch" if self.peer else "", "bfloat16" if self.half else "")
        return ", ".join(filter(None, words))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4, help="in each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="models whose name has this in it")
    parser.add_argument("--compile", action="store_true", help="the peers, by torch.compile")
    parser.add_argument("--channels-last", action="store_true", help="the peers' maps in memory")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    # Else the first of the processes on a GPU takes all of its memory.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    torch = find_spec("torch") is not None
    if not torch:
        console.say("torch is not installed: no peers")
    common = (args.size, args.batch, args.compile, args.channels_last)
    machine = Process(Job("", False, False, *common))
    models = []
    for half in (False, True) if machine.about["gpu"] else (False,):
        for name in (name for name in MODELS if args.only in name):
            for peer in (False, True) if torch and name in PEERS else (False,):
                job = Job(name, peer, half, *common)
                console.say(f"warming up {job.title}")
                try:
                    models.append(Process(job))
                except EOFError:  # what it died of is on stderr
                    console.say(f"{job.title} failed and is left out", "bold red")
    for number in range(args.rounds):
        for process in (machine, *models):
            process.turn(args.steps)
        console.say(f"round {number + 1} of {args.rounds}")
    results = [figures(process, machine, models) for process in models]
    speed = machine.about["operations"] / median(machine.seconds("multiply"))
    told = {**vars(args), "json": None, "device": machine.about["device"], "machine": speed}
    show(results, f"{told['device']}, {speed / 1e12:,.2f} TFLOP/s; {args.batch} of {args.size} px")
    if args.json:
        args.json.write_text(json.dumps({**told, "models": results}, indent=1))


class Process:
    """A process that does one job, a turn at a time, when told.

    Attributes:
        about: what it said of the job when it was ready
        rounds: of each turn, by what was done, the seconds and CPU seconds of a step

    Raises:
        EOFError: it failed
    """

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, end = context.Pipe()
        self._process = context.Process(target=serve, args=(job, end), daemon=True)
        self._process.start()
        end.close()
        self.job = job
        self.about: dict[str, Any] = self._pipe.recv()
        self.rounds: list[dict[str, dict[str, float]]] = []

    def turn(self, steps: int) -> None:
        self._pipe.send(steps)
        told, self.about["peak_memory"] = self._pipe.recv()
        self.rounds.append(told)

    def close(self) -> None:
        """Ends it, and with it what it holds on a GPU."""
        self._pipe.close()
        self._process.join()

    def seconds(self, way: str) -> list[float]:
        return [told[way]["seconds"] for told in self.rounds]


def figures(process: Process, machine: Process, models: list[Process]) -> dict[str, Any]:
    """What is told of a model: medians over the rounds, and of the ratios within a round."""
    job = process.job
    peers = [p for p in models if p.job == replace(job, peer=True)]
    result = {"title": job.title, **asdict(job), **process.about, "rounds": process.rounds}
    for way, epochs in (("train", 3), ("predict", 1)):
        own = process.seconds(way)
        share = epochs * job.batch * process.about["operations"] / machine.about["operations"]
        pairs = zip(machine.seconds("multiply"), own, strict=True)
        result[way] = {
            "images_per_second": job.batch / median(own),
            "cpu_seconds": median(t[way]["cpu_seconds"] for t in process.rounds) / job.batch,
            "of_machine": median(share * theirs / s for theirs, s in pairs),
        }
        for peer in peers:
            pairs = zip(peer.seconds(way), own, strict=True)
            result[way]["of_peer"] = median(theirs / s for theirs, s in pairs)
    return result


def show(results: list[dict[str, Any]], heading: str) -> None:
    console.tell(heading)
    for way in ("train", "predict"):
        columns = (way, "images/s", "of peer's", "core-s", "of machine", "weights", "GPU memory")
        rows = [
            (
                result["title"],
                f"{result[way]['images_per_second']:,.1f}",
                f"{result[way]['of_peer']:.2f}" if "of_peer" in result[way] else "-",
                f"{result[way]['cpu_seconds']:.3f}",
                f"{result[way]['of_machine']:.1%}",
                f"{result['parameters'] / 1e6:.2f} M",
                f"{result['peak_memory'] / 2**30:.2f} GiB" if result["peak_memory"] else "-",
            )
            for result in results
        ]
        console.out.print(console.table(columns, rows))


def serve(job: Job, pipe: Connection) -> None:
    """The other side of :class:`Process`."""
    if job.peer:
        os.environ["KERAS_BACKEND"] = "torch"  # Keras comes along, and shall bring nothing else
    from training.clock import cpu_seconds

    turns, about = peer_turns(job) if job.peer else our_turns(job) if job.model else matrices()
    for turn in turns.values():
        turn(2)
    peak_memory(forget=True)
    pipe.send(about)
    with suppress(EOFError):  # the other side is done
        while steps := pipe.recv():
            told = {}
            for name, turn in turns.items():
                began, began_cpu = time.perf_counter(), cpu_seconds()
                turn(steps)
                told[name] = {
                    "seconds": (time.perf_counter() - began) / steps,
                    "cpu_seconds": (cpu_seconds() - began_cpu) / steps,
                }
            pipe.send((told, peak_memory()))


def config_of(job: Job) -> TrainConfig:
    from training.config import TrainConfig

    settings = MODELS[job.model]
    weights = "imagenet" if settings["frozen"] else "none"  # which the head knows nothing of
    return TrainConfig(
        weights=weights, size=job.size, batch=job.batch, learning_rate=2e-3, **settings
    )


def our_turns(job: Job) -> tuple[Turns, dict[str, int]]:
    import keras
    import numpy as np

    from training import devices, models
    from training.fitting.losses import SegmentationLoss
    from training.fitting.schedule import optimizer

    keras.config.set_dtype_policy(devices.precision("bfloat16" if job.half else "float32"))
    config = config_of(job)
    inputs, labels = images_and_labels(job)
    if config.frozen:
        whole = models.head(config, CLASSES)
        inputs = tuple(
            np.ones((job.batch, *s), np.float16) for s in models.feature_map_shapes(config)
        )
    else:
        whole = models.full_model(config, CLASSES)
    trained = models.low_resolution(whole)
    trained.compile(
        optimizer=optimizer(config, 1000, models.backbone_variables(whole, config)),
        loss=SegmentationLoss(config.loss, config.dice_weight),
        jit_compile=devices.jit(),
    )
    trained.optimizer.build(trained.trainable_variables)

    def endless() -> Iterator[tuple]:
        while True:
            yield inputs, labels

    def train(steps: int) -> None:
        trained.fit(endless(), steps_per_epoch=steps, shuffle=False, verbose=0)
        # A GPU may still be at work: only a weight that is here says that it is done.
        keras.ops.convert_to_numpy(trained.trainable_variables[-1])

    def predict(steps: int) -> None:
        for _ in range(steps):
            whole.predict_on_batch(inputs)

    about = {"parameters": whole.count_params(), "operations": operations(whole, job.size)}
    return {"train": train, "predict": predict}, about


def peer_turns(job: Job) -> tuple[Turns, dict[str, int]]:
    from tests.benchmarks import torch_peers

    config = config_of(job)
    model = torch_peers.peer(config, CLASSES)
    count, operations = torch_peers.parameters(model), torch_peers.operations(model, job.size)
    how = {"half": job.half, "compiled": job.compiled, "channels_last": job.channels_last}
    turns = torch_peers.turns(model, *images_and_labels(job), config, **how)
    return turns, {"parameters": count, "operations": operations}


def matrices() -> tuple[Turns, dict[str, Any]]:
    import keras

    from training import devices

    gpu = devices.has_gpu()
    side, dtype = (8192, "bfloat16") if gpu else (2048, "float32")
    a, b = (keras.random.normal((side, side), dtype=dtype, seed=seed) for seed in (0, 1))

    def multiply(steps: int) -> None:
        for _ in range(steps):
            product = keras.ops.matmul(a, b)
        keras.ops.convert_to_numpy(product[:1, :1])

    told = {"gpu": gpu, "device": devices.describe(), "operations": 2 * side**3}
    return {"multiply": multiply}, told


def images_and_labels(job: Job) -> tuple[Any, Any]:
    """(B, S, S, 3) and (B, S, S) uint8: noise, which costs what photos do."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (job.batch, job.size, job.size, 3), dtype=np.uint8)
    return images, rng.integers(0, CLASSES, images.shape[:3], dtype=np.uint8)


def operations(model: keras.Model, size: int) -> int:
    """Of the convolutions for one image, two for each multiplication."""
    import keras
    from keras import layers

    if model.inputs[0].shape[1] is None:
        model = keras.models.clone_model(model, input_tensors=keras.Input((size, size, 3)))
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += operations(layer, size)
        elif isinstance(layer, layers.Conv2DTranspose):
            total += 2 * prod(layer.kernel.shape) * prod(layer.input.shape[1:3])
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            total += 2 * prod(layer.kernel.shape) * prod(layer.output.shape[1:3])
    return total


def peak_memory(forget: bool = False) -> int | None:
    """The most bytes that this process has held on the GPU; None without one."""
    import keras

    from training import devices

    if not devices.has_gpu():
        return None
    if keras.backend.backend() == "jax":
        import jax

        return jax.local_devices()[0].memory_stats()["peak_bytes_in_use"]
    if keras.backend.backend() == "torch":
        from torch import cuda

        if forget:
            cuda.reset_peak_memory_stats()
        return cuda.max_memory_allocated()
    import tensorflow as tf

    if forget:
        tf.config.experimental.reset_memory_stats("GPU:0")
    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


if __name__ == "__main__":
    main()
