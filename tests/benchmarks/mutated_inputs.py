"""Damaged annotation files, read to their end.

    python -m tests.benchmarks.mutated_inputs WHAT FIRST END

The trials FIRST to END of one kind of input, each seeded by its number. A line of JSON tells each
trial as it begins, and what came of it where that is neither labels nor a sentence; the last one
tells the memory. A trial that takes longer than LIMIT seconds ends the process: whoever started it
goes on after that one.
"""

from __future__ import annotations

import faulthandler
import io
import json
import random
import resource
import sys
import tempfile
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from bson import ObjectId
from PIL import Image

from curation.cli import failures
from curation.core import rle, taxonomy
from curation.core.errors import CurateError
from curation.core.records import ImageRecord, Instance
from curation.formats import registry
from curation.formats.photo import Photo
from curation.store.prepare import PreparedSlice, Target, prepare_slice
from tests.formats.label_studio.test_brush import pack
from tests.mutations import mutated
from tests.training.person import wheels

LIMIT = 20
"""Seconds for one of some hundred bytes, beyond which it hangs."""

MEMORY = 8 * 2**30
"""Bytes of addresses: what asks for more than that gets a MemoryError."""

SIDE_FILES = "side files"
OWN = taxonomy.parse(
    'name = "own"\n[[classes]]\nid = 1\nname = "top"\ncolor = "#ff0000"\n'
    '[[classes]]\nid = 2\nname = "skirt"\ncolor = "#00ff00"\n', "own"
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A small valid input.

    Attributes:
        annotations: the file or folder of labels, in the folder that it was written into
        options: of the reader
    """

    annotations: str
    options: dict[str, object] = field(default_factory=dict)


def imaterialist(folder: Path, records: list[ImageRecord]) -> Sample:
    (folder / "train.csv").write_text(
        "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"
        'a,2 2 9 4,8,6,1,"3,5"\na,30 6,8,6,6,\nb,1 1 20 9,8,6,23,\nb,5 3,8,6,10,\n'
    )
    return Sample("train.csv")


def via_csv(folder: Path, records: list[ImageRecord]) -> Sample:
    header = ("#filename,file_size,file_attributes,region_count,region_id,"
              "region_shape_attributes,region_attributes\n")  # fmt: skip
    shape = '""name"":""polygon"",""all_points_x"":[0,4,4],""all_points_y"":[0,0,5]'
    rect = '""name"":""rect"",""x"":1,""y"":1,""width"":3,""height"":2'
    (folder / "via.csv").write_text(header + "".join(
        f'{name}.png,0,"{{}}",2,{n},"{{{points}}}","{{""label"":""top""}}"\n'
        for name in "ab" for n, points in enumerate((shape, rect))
    ))  # fmt: skip
    return Sample("via.csv")


def coco_as_others_write_it(folder: Path, records: list[ImageRecord]) -> Sample:
    of = {"iscrowd": 0, "area": 6.0, "bbox": [0, 0, 3, 2]}
    (folder / "others.json").write_text(json.dumps({
        "info": {"year": 2020},
        "images": [{"id": n, "file_name": f"{i}.png", "height": 8, "width": 6}
                   for n, i in enumerate("ab", 1)],
        "categories": [{"id": 1, "name": "top"}, {"id": 2, "name": "skirt"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 5]], **of},
            {"id": 2, "image_id": 1, "category_id": 2, "attribute_ids": [1, 2],
             "segmentation": {"size": [8, 6], "counts": [3, 4, 41]}, **of},
            {"id": 3, "image_id": 2, "category_id": 2, **of, "iscrowd": 1,
             "segmentation": {"size": [8, 6], "counts": "34Y1"}},
        ],
    }, indent=1))  # fmt: skip
    return Sample("others.json")


def label_studio(folder: Path, records: list[ImageRecord]) -> Sample:
    """A brush mask, and a turned box, in each of two tasks."""
    size = {"original_width": 6, "original_height": 8, "image_rotation": 0}
    place = {"x": 10, "y": 20, "width": 50, "height": 40, "rotation": 30}
    tasks = []
    for record in records:
        alpha = rle.decode(record.instances[0].mask).ravel() * 255
        brush = [*pack(np.repeat(alpha, 4), [3, 4, 8, 16], 8)]
        values = ("brushlabels", {"format": "rle", "rle": brush}), ("rectanglelabels", place)
        result = [
            {"id": kind, "type": kind, "from_name": "garment", **size,
             "value": {**value, kind: ["top"]}}
            for kind, value in values
        ]  # fmt: skip
        data = {"image": f"/data/upload/1/{record.path.name}"}
        tasks.append({"id": len(tasks), "data": data, "annotations": [{"result": result}]})
    (folder / "tasks.json").write_text(json.dumps(tasks))
    return Sample("tasks.json")


def cvat(folder: Path, records: list[ImageRecord]) -> Sample:
    shapes = (
        '<polygon label="top" points="0,0;4,0;4,5" z_order="0"><attribute name="a">b</attribute>'
        '</polygon><mask label="skirt" rle="0, 5, 2, 1, 3, 1" left="1" top="1" width="4" '
        'height="3" z_order="1"/><ellipse label="top" cx="3" cy="4" rx="2" ry="1" rotation="9"/>'
    )
    photos = "".join(
        f'<image id="{n}" name="{record.path.name}" width="6" height="8">{shapes}</image>'
        for n, record in enumerate(records)
    )
    (folder / "cvat.xml").write_text(f"<annotations><version>1.1</version>{photos}</annotations>")
    return Sample("cvat.xml")


def labelme(folder: Path, records: list[ImageRecord]) -> Sample:
    (folder / "drawn").mkdir()
    for record in records:
        png = io.BytesIO()
        Image.fromarray(rle.decode(record.instances[0].mask).astype(np.uint8)).save(png, "PNG")
        of = {"group_id": None, "flags": {}}
        mask = {"shape_type": "mask", "points": [[0, 0], [5, 7]],
                "mask": b64encode(png.getvalue()).decode()}  # fmt: skip
        ring = {"shape_type": "polygon", "points": [[0, 0], [4, 0], [4, 5]]}
        about = {"imagePath": f"../photos/{record.path.name}", "imageHeight": 8, "imageWidth": 6}
        shapes = [{"label": "top", **mask, **of}, {"label": "skirt", **ring, **of}]
        text = json.dumps({**about, "shapes": shapes})
        (folder / "drawn" / f"{record.image_id}.json").write_text(text)
    return Sample("drawn")


def exported(format_: str, annotations: str, **options: str) -> Callable:
    """As an export of curate's own has it; options name files of it."""

    def write(folder: Path, records: list[ImageRecord]) -> Sample:
        photos = [Photo(record.image_id, record, "train", {}) for record in records]
        registry.writer(format_).code().export(folder, photos, OWN, lambda finding: None)
        return Sample(annotations, {k: str(folder / file) for k, file in options.items()})

    return write


SAMPLES: dict[str, tuple[Callable[[Path, list[ImageRecord]], Sample], ...]] = {
    "imaterialist": (imaterialist,),
    "via": (exported("via", "via.json"), via_csv),
    "coco": (exported("coco", "instances.json"), coco_as_others_write_it),
    "label-studio": (label_studio,),
    "cvat": (cvat,),
    "labelme": (labelme,),
    "masks": (exported("masks", "masks", classes="classes.csv"),),
}
"""For each reader, functions that write what it reads, about photos ``a`` and ``b``."""


def kinds() -> list[str]:
    """What there is to be damaged: the inputs of all readers, and curate's own files."""
    names = [format_.name for format_ in registry.readers()]
    if without := set(names) ^ set(SAMPLES):
        sys.exit(f"SAMPLES and the readers differ: {', '.join(sorted(without))}")
    return [*names, SIDE_FILES]


def trials(what: str, folder: Path) -> Iterator[Callable[[random.Random], None]]:
    """Endless: each damages a file, reads it, and makes it whole again."""
    if what == SIDE_FILES:
        from tests import test_side_files as side  # a database starts

        with wheels.meant():
            yield from _endless([_side_file(side, file, folder) for file in side.FILES])
    else:
        yield from _endless(
            [_reading(what, folder / str(n), make) for n, make in enumerate(SAMPLES[what])]
        )


Reading = tuple[list[Path], Callable[[], object]]
"""Files, and what reads them."""


def _endless(readings: list[Reading]) -> Iterator[Callable[[random.Random], None]]:
    while True:
        for files, read in readings:
            yield lambda dice, files=files, read=read: _damaged(dice, files, read)


def _side_file(side: ModuleType, file: Any, folder: Path) -> Reading:
    place = Path(tempfile.mkdtemp(dir=folder))
    file.make(place)
    return [place / file.name], lambda: side.outcome(file, place)


def _reading(what: str, folder: Path, make: Callable[[Path, list[ImageRecord]], Sample]) -> Reading:
    """The files of a sample, photos too, and what reads them as an import does."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    ring, box = np.zeros((2, 8, 6), bool)
    ring[:4], ring[1:3, 1:5], box[4:, 2:5] = True, False, True
    labels = (Instance("top", rle.encode(ring)), Instance("skirt", rle.encode(box)))
    records = []
    for name in "ab":
        path = photos / f"{name}.png"
        Image.new("RGB", (6, 8), "red").save(path)
        records.append(ImageRecord(name, path, 8, 6, labels))
    sample = make(folder, records)
    (format_,) = (f for f in registry.readers() if f.name == what)

    def read() -> PreparedSlice:
        source = format_.load(folder / sample.annotations, photos, **sample.options)
        target = Target(ObjectId(), {}, update=False)
        return prepare_slice((source, target), range(len(source.names)))

    if not read().images:
        sys.exit(f"the sample of {what} is not read")
    return sorted(path for path in folder.rglob("*") if path.is_file()), read


def _damaged(dice: random.Random, files: list[Path], read: Callable[[], object]) -> None:
    path = dice.choice(files)
    whole = path.read_bytes()
    path.write_bytes(mutated(whole, dice))
    try:
        read()
    except CurateError:
        pass
    except OSError as error:
        if not failures.sentence(error):
            raise
    finally:
        path.write_bytes(whole)


def main(what: str, first: int, end: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory(prefix="mutated-") as scratch:
        for number, trial in zip(range(end), trials(what, Path(scratch)), strict=False):
            if number < first:
                continue
            print(json.dumps({"trial": number}), flush=True)
            faulthandler.dump_traceback_later(LIMIT, exit=True)
            try:
                trial(random.Random(f"{what} {number}"))
            except Exception:
                print(json.dumps({"wrong": traceback.format_exc()}), flush=True)
            faulthandler.cancel_dump_traceback_later()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"peak": peak}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
