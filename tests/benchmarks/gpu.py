"""The trainer on one GPU, under each backend that is there: one script, one JSON, five minutes.

    python -m tests.benchmarks.gpu [--folder EXPORT] [--backend torch --backend jax]
        [--size 512] [--batch 16] [--steps 30] [--minutes 5] [--json FILE]

For a machine that has PyTorch or JAX, and neither TensorFlow, FiftyOne nor a network. It takes an
export (``curate export photos EXPORT --format tfrecord --size 512``), or draws one. Each model is

- trained from that folder as ``curate train EXPORT`` does, but without evaluations: images a
  second once the first steps are done, and for what share of the time the loop waited for photos;
- and, as in ``throughput``, trained on one batch over and over, in turns with plain PyTorch of
  the same layers, size and batch, and with two large matrices, of whose rate it reaches a share.

Layers compute in bfloat16 on a GPU, in float32 without one. Nothing is begun once the minutes are
over; what was left out is said. Weights are random, but those of the frozen backbone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from curation.core import console
from tests.benchmarks import input_pipeline, throughput
from tests.benchmarks.throughput import Job, Process

MODELS = ("UNet", "DeepLabV3+, ResNet50", "FPN, Lite0, frozen")
PHOTOS = 256
WARM = 5
"""Steps that do not count: the first ones compile."""


@dataclass(frozen=True)
class Fed:
    """A training from the folder.

    Attributes:
        images_per_second: after the first steps
        waited: share of that time in which the loop waited for photos
        features_per_second: photos whose features were computed before; None where there are none
        peak_memory: bytes on the GPU; None without one
    """

    images_per_second: float
    waited: float
    features_per_second: float | None
    peak_memory: int | None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="an export as tfrecord; else one is drawn")
    parser.add_argument("--backend", action="append", choices=("torch", "jax"))
    parser.add_argument("--size", type=int, default=512, help="of what is drawn")
    parser.add_argument("--photos", type=int, default=PHOTOS, help="to draw")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=30, help="of each model, in each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="models whose name has this in it")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    until = time.monotonic() + 60 * args.minutes
    names = [name for name in MODELS if args.only in name]
    backends = [b for b in args.backend or ("torch", "jax") if find_spec(b)]
    results: list[dict[str, Any]] = []
    left_out: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch) / "export"
        if not args.folder:
            input_pipeline.draw(folder, args.photos, args.size)
        size = json.loads((folder / "manifest.json").read_text("utf-8"))["size"]
        for name in names:  # the last ones are left out under all backends alike
            for backend in backends:
                if time.monotonic() > until:
                    left_out.append(f"{name} under {backend}")
                    continue
                console.say(f"{name} under {backend}")
                os.environ["KERAS_BACKEND"] = backend
                fed = in_process(folder, name, args.batch, args.steps, Path(scratch) / backend)
                same = on_one_batch(name, size, args.batch, args.steps, args.rounds)
                results.append({"model": name, "backend": backend, **vars(fed), **same})
    show(results)
    if left_out:
        console.say(f"Left out, as {args.minutes} minutes were over: {'; '.join(left_out)}")
    if args.json:
        said = {**vars(args), "folder": str(args.folder), "json": None}
        told = {"arguments": said, "results": results, "left_out": left_out}
        args.json.write_text(json.dumps(told, indent=1))


def in_process(folder: Path, name: str, batch: int, steps: int, scratch: Path) -> Fed:
    """:func:`from_folder` in a process that ends with it, under ``KERAS_BACKEND``."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(from_folder, folder, name, batch, steps, scratch).result()


def from_folder(folder: Path, name: str, batch: int, steps: int, scratch: Path) -> Fed:
    """Trains a model from an export for some steps, and for ``WARM`` before them."""
    from dataclasses import replace

    import keras
    import numpy as np

    from training.config import TrainConfig
    from training.data.records import Records
    from training.fitting.fit import fit
    from training.fitting.spec import fit_spec
    from training.plan import SplitIndices
    from training.predict import Inputs

    class Timed(keras.utils.PyDataset):
        """Batches, and when each was asked for and given."""

        def __init__(self, batches: Any) -> None:
            super().__init__(workers=1)
            self.batches, self.times = batches, np.full((len(batches), 2), np.nan)

        def __len__(self) -> int:
            return len(self.batches)

        def __getitem__(self, index: int) -> Any:
            asked = time.perf_counter()
            batch = self.batches[index]
            self.times[index] = asked, time.perf_counter()
            return batch

    records = Records(folder)
    settings = throughput.MODELS[name]
    config = TrainConfig(
        weights="imagenet" if settings["frozen"] else "none", size=records.size, batch=batch,
        steps=WARM + steps, evals=1, patience=0, **settings,
    )  # fmt: skip
    every = np.arange(len(records))
    inputs = Inputs(config, scratch / "features")
    began = time.perf_counter()
    inputs.prepare(records.images)
    prepared = len(records) / (time.perf_counter() - began) if inputs.cache else None
    own = fit_spec(records, SplitIndices(every, every[:1], every[:1]), inputs, config, seed=0)
    timed: list[Timed] = []

    def batches(first: int, count: int) -> Timed:
        timed.append(Timed(own.batches(first, count)))
        return timed[0]

    ended: list[float] = []

    def validate(model: keras.Model) -> dict[str, float]:
        # A GPU may still be at work: only a weight that is here says that it is done.
        keras.ops.convert_to_numpy(model.trainable_variables[-1])
        ended.append(time.perf_counter())
        return {"val_cross_entropy": 0.0, "val_miou_foreground": 0.0}

    spec = replace(own, batches=batches, validate=validate)
    fit(spec, config, seed=0, checkpoint=scratch / "state.npz", log_dir=scratch / "logs", name=name)
    (scratch / "state.npz").unlink(missing_ok=True)
    asked, given = timed[0].times[WARM:].T
    seconds = ended[0] - asked[0]
    waited = float((given - asked).sum() / seconds)
    return Fed(batch * len(asked) / seconds, waited, prepared, throughput.peak_memory())


def on_one_batch(name: str, size: int, batch: int, steps: int, rounds: int) -> dict[str, Any]:
    """What ``throughput`` tells of a model: ours, and beside it that of plain PyTorch."""
    common = (size, batch, False, False)
    machine = Process(Job("", False, False, *common))
    half = bool(machine.about["gpu"])
    peers = (False, True) if name in throughput.PEERS and find_spec("torch") else (False,)
    models = [Process(Job(name, peer, half, *common)) for peer in peers]
    for _ in range(rounds):
        for process in (machine, *models):
            process.turn(steps)
    told = [throughput.figures(process, machine, models) for process in models]
    for process in (machine, *models):
        process.close()
    rate = machine.about["operations"] / min(machine.seconds("multiply"))
    return {"device": machine.about["device"], "operations_per_second": rate, "one_batch": told}


def show(results: list[dict[str, Any]]) -> None:
    columns = ("model", "backend", "from the folder", "waiting", "one batch", "of PyTorch's",
               "of matrices", "GPU memory")  # fmt: skip
    rows = []
    for result in results:
        train, memory = result["one_batch"][0]["train"], result["peak_memory"]
        rows.append((
            result["model"], result["backend"], f"{result['images_per_second']:,.1f}/s",
            f"{result['waited']:.0%}", f"{train['images_per_second']:,.1f}/s",
            f"{train['of_peer']:.2f}" if "of_peer" in train else "-",
            f"{train['of_machine']:.1%}", f"{memory / 2**30:.2f} GiB" if memory else "-",
        ))  # fmt: skip
    device = results[0]["device"] if results else "nothing was measured"
    console.out.print(console.table(columns, rows, device))


if __name__ == "__main__":
    main()
