"""`curate import imaterialist` beside FiftyOne's own importer, and beside the database alone.

    python -m tests.benchmarks.import_speed [--ccp ../shared/data/ccp] [--json FILE]
    python -m tests.benchmarks.import_speed --photos 45623 --rows 333401 --peer 500

The same instances into the same database, in turn; the start of Python is not
counted, that of our worker processes is. FiftyOne's COCO importer decodes every
mask over the whole photo, so at full size it gets the first `--peer` photos only,
and so does curate for that comparison. Two floors, both one process and pymongo's
bulk insert into a collection with the same indexes: `made and written` makes the
documents of records that were read before the clock started; `written` takes the
finished documents out of a file, so it is the database's own time and no more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import psutil

from curation.core import console
from tests.benchmarks import memory

OURS, PART, THEIRS = "curate import", "curate import, part", "FiftyOne COCO importer"
MADE, FLOOR = "pymongo, made and written", "pymongo, written"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--ccp", type=Path, help="folder with train.csv and images/; else generated"
    )
    parser.add_argument("--photos", type=int, default=400, help="photos to generate without --ccp")
    parser.add_argument("--rows", type=int, help="instances to generate; default: 7.3 a photo")
    parser.add_argument("--folder", type=Path, help="keep what is generated here, or use it again")
    parser.add_argument("--peer", type=int, help="photos for FiftyOne's importer; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        os.environ.setdefault("CURATE_HOME", f"{scratch}/home")
        folder = args.ccp or generated(args.folder or Path(scratch) / "data", args)
        result = compare(folder, Path(scratch), args.rounds, args.peer)
    rows = [
        (
            way,
            r["photos"],
            r["instances"],
            r["seconds"],
            r["photos"] / r["seconds"],
            r.get("peak_mb"),
        )
        for way, r in result["ways"].items()
    ]
    columns = ("way", "photos", "instances", "s (median)", "photos/s", "peak MB")
    body = [(*row[:3], f"{row[3]:.1f}", f"{row[4]:,.0f}", row[5] or "") for row in rows]
    console.out.print(console.table(columns, body, f"{args.rounds} rounds, medians"))
    console.out.print(f"times as fast as FiftyOne, on the same photos: {result['speedup']:.1f}")
    for floor, ratio in result["over_floors"].items():
        console.out.print(f"times as long as {floor}: {ratio:.2f}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


def generated(folder: Path, args: argparse.Namespace) -> Path:
    """A ``train.csv`` of iMaterialist's shape with stand-in photos; see ``generate``."""
    from tests.benchmarks import generate

    if not (folder / "train.csv").is_file():
        generate.write(folder, args.photos, args.rows or round(args.photos * 7.308), 0)
    return folder


def compare(folder: Path, scratch: Path, rounds: int, peer: int | None) -> dict:
    """Times the three ways; see the module."""
    from curation import store
    from curation.formats import coco, imaterialist

    csv_file, images = folder / "train.csv", folder / "images"
    total = len(imaterialist.load(csv_file, images).names)
    part = csv_file
    if peer and peer < total:
        part = first_images(csv_file, peer, scratch / "part" / "train.csv")
    source = imaterialist.load(part, images)
    instances = 0

    def counted() -> Iterator:
        nonlocal instances
        for record in source.read(0, len(source.names), lambda skip: None):
            instances += len(record.instances)
            yield replace(record, image_id=record.path.name)  # with its suffix, for the peer

    coco.write(scratch / "coco.json", counted())
    seconds: dict[str, list[float]] = {way: [] for way in (OURS, PART, THEIRS, MADE, FLOOR)}
    peaks = []
    for number in range(rounds):
        store.delete("bench-ours")
        with memory.watched(psutil.Process(), every=0.5) as ours_peak:
            seconds[OURS].append(timed(lambda: ours(csv_file, images)))
        peaks.append(ours_peak() >> 20)
        if part != csv_file:
            store.delete("bench-part")
            took = timed(lambda: ours(part, images, "bench-part"))
        else:
            took = seconds[OURS][-1]
        seconds[PART].append(took)
        store.delete("bench-theirs")
        seconds[THEIRS].append(timed(lambda: theirs(scratch / "coco.json", images)))
        seconds[MADE].append(made_and_written(csv_file, images))
        seconds[FLOOR].append(written(scratch / "documents.bson"))
        console.say(f"round {number + 1} of {rounds}: " + told(seconds))
    same_work(instances, part != csv_file)
    counts = {OURS: count("bench-ours"), THEIRS: count("bench-theirs")}
    ways = {
        OURS: {**counts[OURS], "seconds": statistics.median(seconds[OURS]), "peak_mb": max(peaks)},
        MADE: {**counts[OURS], "seconds": statistics.median(seconds[MADE])},
        FLOOR: {**counts[OURS], "seconds": statistics.median(seconds[FLOOR])},
    }
    if part != csv_file:
        ways[PART] = {**counts[THEIRS], "seconds": statistics.median(seconds[PART])}
    ways[THEIRS] = {**counts[THEIRS], "seconds": statistics.median(seconds[THEIRS])}
    for name in ("bench-ours", "bench-part", "bench-theirs"):
        store.delete(name)

    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(seconds[a], seconds[b], strict=True))

    return {
        "ways": ways,
        "speedup": ratio(THEIRS, PART),
        "over_floors": {floor: ratio(OURS, floor) for floor in (MADE, FLOOR)},
        "rounds": seconds,
    }


def ours(csv_file: Path, images: Path, name: str = "bench-ours") -> None:
    from curation.formats import imaterialist
    from curation.steps import ingest

    ingest(name, imaterialist.load(csv_file, images))


def theirs(coco_file: Path, images: Path) -> None:
    import fiftyone as fo

    fo.Dataset.from_dir(
        dataset_type=fo.types.COCODetectionDataset,
        data_path=str(images),
        labels_path=str(coco_file),
        label_types="segmentations",
        name="bench-theirs",
        progress=False,
    )


def made_and_written(csv_file: Path, images: Path) -> float:
    """Seconds to make the documents of records in memory, and to write them."""
    import fiftyone as fo

    from curation.formats import imaterialist
    from curation.steps.ingest import SLICE
    from curation.store import bulk, documents

    source, dataset_id = (
        imaterialist.load(csv_file, images),
        bulk.dataset_id(fo.load_dataset("bench-ours")),
    )
    with bare_collection() as bare:
        took = 0.0
        for start in range(0, len(source.names), SLICE):
            records = list(source.read(start, start + SLICE, lambda skip: None))
            started = time.perf_counter()
            bare.insert_many([documents.sample(record, dataset_id) for record in records])
            took += time.perf_counter() - started
    return took


def written(dump: Path) -> float:
    """Seconds to write the documents of ``bench-ours`` out of a file."""
    import fiftyone as fo
    from bson import decode_file_iter
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    from curation.steps.ingest import SLICE
    from curation.store import bulk

    raw = CodecOptions(document_class=RawBSONDocument)
    with dump.open("wb") as file:
        for document in bulk.collection(fo.load_dataset("bench-ours")).with_options(raw).find():
            file.write(document.raw)
    with bare_collection() as bare, dump.open("rb") as file:
        documents = decode_file_iter(file, raw)
        started = time.perf_counter()
        while batch := list(islice(documents, SLICE)):
            bare.insert_many(batch)
        return time.perf_counter() - started


@contextmanager
def bare_collection() -> Iterator:
    """An empty collection with the indexes of ``bench-ours``, which is dropped again."""
    import fiftyone as fo

    from curation.store import bulk

    ours = bulk.collection(fo.load_dataset("bench-ours"))
    bare = ours.database["bench-floor"]
    bare.drop()
    for name, index in ours.index_information().items():
        if name != "_id_":
            bare.create_index(index["key"], unique=index.get("unique", False))
    try:
        yield bare
    finally:
        bare.drop()


def first_images(csv_file: Path, count: int, path: Path) -> Path:
    """The rows of the first photos of a CSV, which stand together."""
    path.parent.mkdir()
    names: dict[str, None] = {}
    with csv_file.open() as rows, path.open("w") as out:
        out.write(next(rows))
        for row in rows:
            names[row.partition(",")[0]] = None
            if len(names) > count:
                break
            out.write(row)
    return path


def count(name: str) -> dict[str, int]:
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    return {"photos": len(dataset), "instances": dataset.count("ground_truth.detections")}


def same_work(instances: int, in_part: bool) -> None:
    for name in ("bench-part" if in_part else "bench-ours", "bench-theirs"):
        if (found := count(name)["instances"]) != instances:
            sys.exit(f"not the same work: {name} has {found} instances of {instances}")


def told(seconds: dict[str, list[float]]) -> str:
    return ", ".join(f"{way} {values[-1]:.1f} s" for way, values in seconds.items())


def timed(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
