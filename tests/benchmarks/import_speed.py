"""Photos a second of `curate import imaterialist` beside FiftyOne's own COCO importer.

The same photos and the same instances, in turn, in one process (its start is
not counted), into the same database.

    python -m tests.benchmarks.import_speed [--ccp ../shared/data/ccp] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from curation import console


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ccp", type=Path, help="folder with train.csv and images/; else drawn")
    parser.add_argument("--photos", type=int, default=400, help="figures to draw without --ccp")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        os.environ.setdefault("CURATE_HOME", f"{scratch}/home")
        folder = args.ccp or draw(Path(scratch) / "drawn", args.photos)
        result = compare(folder, Path(scratch), args.rounds)
    console.out.print(
        console.table(
            ("importer", "photos/s (median)", "min", "max"),
            [(name, *(f"{v:.0f}" for v in speeds)) for name, speeds in result["speeds"].items()],
            f"{result['photos']} photos, {result['instances']} instances, {args.rounds} rounds",
        )
    )
    console.out.print(f"curate / FiftyOne: {result['ratio']:.2f} (median of the rounds' ratios)")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


def draw(folder: Path, count: int) -> Path:
    """Drawn figures with their truth as a CSV."""
    import numpy as np
    from PIL import Image

    from curation.demo import as_record
    from curation.figures import draw_figure
    from curation.formats import imaterialist

    (folder / "images").mkdir(parents=True)
    records = []
    for number in range(count):
        figure = draw_figure(np.random.default_rng(number))
        path = folder / "images" / f"{number:05d}.jpg"
        Image.fromarray(figure.photo).save(path, quality=92)
        records.append(as_record(figure, path))
    imaterialist.write(folder / "train.csv", records)
    return folder


def compare(folder: Path, scratch: Path, rounds: int) -> dict:
    from curation import importer, store
    from curation.formats import imaterialist

    import fiftyone as fo  # after store, which sets its environment  # isort: skip

    rows = imaterialist.scan(folder / "train.csv")
    records = list(imaterialist.read(folder / "train.csv", folder / "images", rows))
    coco = scratch / "coco.json"
    write_coco(coco, records)

    def ours() -> None:
        store.delete("bench-ours")
        with console.progress() as progress:
            importer.imaterialist(
                "bench-ours", folder / "train.csv", folder / "images", None, False, False, progress
            )

    def theirs() -> None:
        store.delete("bench-theirs")
        fo.Dataset.from_dir(
            dataset_type=fo.types.COCODetectionDataset,
            data_path=str(folder / "images"),
            labels_path=str(coco),
            label_types="segmentations",
            name="bench-theirs",
            progress=False,
        )

    seconds: dict[str, list[float]] = {"curate import": [], "FiftyOne COCO importer": []}
    for _ in range(rounds):
        for name, run in zip(seconds, (ours, theirs), strict=True):
            seconds[name].append(timed(run))
    theirs_count = fo.load_dataset("bench-theirs").count("ground_truth.detections")
    ours_count = fo.load_dataset("bench-ours").count("ground_truth.detections")
    if theirs_count != ours_count:
        raise SystemExit(f"not the same work: {ours_count} instances against {theirs_count}")
    for name in ("bench-ours", "bench-theirs"):
        store.delete(name)
    pairs = zip(*seconds.values(), strict=True)
    return {
        "photos": len(records),
        "instances": ours_count,
        "speeds": {
            name: [len(records) / f(s) for f in (statistics.median, max, min)]
            for name, s in seconds.items()
        },
        "ratio": statistics.median(b / a for a, b in pairs),
    }


def timed(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def write_coco(path: Path, records) -> None:
    """COCO JSON with compressed RLE: FiftyOne decodes it with pycocotools, as we do."""
    from curation import rle

    names = sorted({i.category for r in records for i in r.instances})
    images, annotations = [], []
    for number, record in enumerate(records, 1):
        images.append({"id": number, "file_name": record.path.name,
                       "height": record.height, "width": record.width})  # fmt: skip
        for instance in record.instances:
            segmentation = {"size": [record.height, record.width],
                            "counts": instance.mask.counts.decode()}  # fmt: skip
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "iscrowd": 1,
                 "category_id": names.index(instance.category) + 1,
                 "bbox": list(rle.bbox(instance.mask)), "area": rle.area(instance.mask),
                 "segmentation": segmentation}
            )  # fmt: skip
    categories = [{"id": i, "name": name} for i, name in enumerate(names, 1)]
    table = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(table))


if __name__ == "__main__":
    main()
