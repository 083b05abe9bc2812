"""Ultralytics' segmentation layout: a polygon for each label, and the photos beside them.

    DIR/data.yaml                   class names, and where each split's photos are
    DIR/images/SPLIT/NAME.jpg
    DIR/labels/SPLIT/NAME.txt       a line for each label: class index, then x y x y ... from 0 to 1
    DIR/photos.csv                  image_id,photo

Ultralytics finds the labels of a photo by its path, with the last ``/images/`` as ``/labels/``, so
photos have to lie in the export. They are copies, not links: Ultralytics saves a JPEG anew where
it lies if its end is damaged, and would do so to the original.
Specification: https://docs.ultralytics.com/datasets/segment/
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from curation.core import image_io, masks, rle
from curation.core.finding import Finding, FindingKind
from curation.core.rle import Rle
from curation.core.splits import SPLITS
from curation.core.taxonomy import Taxonomy
from curation.formats.export import write_csv
from curation.formats.messages import shown
from curation.formats.photo import Photo
from curation.formats.source import OnFinding

JPEG = b"\xff\xd8\xff"
LONGEST = 200
"""Bytes of a file's name, which may be a path of many folders here."""

INSIDE = 0.4
"""Where in its pixel a point lies, in both directions: to draw it, Ultralytics cuts the fraction
off, supervision and FiftyOne round. Just short of the centre, all of them come to that pixel."""

Points = NDArray[np.int32]


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> set[str]:
    """Writes all of it. Holes are filled, and told.

    Returns:
        the image_ids of photos that cannot be read: they are left out, and told
    """
    index = {c.name: i for i, c in enumerate(taxonomy.classes)}
    taken: set[str] = set()
    left_out: set[str] = set()
    rows = []
    for photo in photos:
        name = _free_name(photo.record.image_id, taken)
        try:
            file = _copy(photo.record.path, folder / "images" / photo.split / name)
        except (OSError, ValueError) as error:
            where = shown(photo.record.image_id)
            on_finding(Finding(FindingKind.UNREADABLE, where, str(error)))
            left_out.add(photo.image_id)
            continue
        rows.append((photo.image_id, file.relative_to(folder).as_posix()))
        labels = folder / "labels" / photo.split / f"{name}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(_lines(photo, index, on_finding)), "utf-8")
    write_csv(folder / "photos.csv", ("image_id", "photo"), rows)
    (folder / "data.yaml").write_text(_yaml(folder, list(index)), "utf-8")
    return left_out


def polygon(mask: Rle) -> tuple[Points, int]:
    """One polygon around all parts of a mask, through the pixels at their edges.

    Parts are joined by lines there and back between their nearest points, as Ultralytics' own
    converter joins them. Filled by ``cv2.fillPoly``, as Ultralytics does, it gives the mask with
    its holes filled, and those lines.

    Args:
        mask: with a pixel

    Returns:
        (n, 2) x and y in pixels of the photo, n from 3, and how many pixels of holes are filled
    """
    inside, (left, top, _, _) = masks.crop(mask)
    parts, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros(inside.shape, np.uint8), parts, -1, 1, cv2.FILLED)
    ring = _joined([part[:, 0] for part in parts])
    ring = np.concatenate([ring, *[ring[-1:]] * (3 - len(ring))])
    return ring + np.array([left, top], np.int32), int(filled.sum()) - rle.area(mask)


def _joined(parts: Sequence[Points]) -> Points:
    ring = parts[0]
    for part in parts[1:]:
        distance, nearest = cKDTree(ring).query(part)
        start = int(distance.argmin())
        here = int(nearest[start])
        around = np.roll(part, -start, axis=0)
        ring = np.concatenate([ring[: here + 1], around, around[:1], ring[here:]])
    return ring


def _lines(photo: Photo, index: dict[str, int], on_finding: OnFinding) -> Iterable[str]:
    size = np.array([photo.record.width, photo.record.height])
    for instance in photo.record.instances:
        points, holes = polygon(instance.mask)
        if holes:
            detail = f"{instance.category} of {photo.image_id}: {holes:,} pixels"
            on_finding(Finding(FindingKind.HOLES_FILLED, instance.source, detail))
        relative = ((points + INSIDE) / size).ravel()
        numbers = " ".join(f"{v:.6f}" for v in relative.tolist())
        yield f"{index[instance.category]} {numbers}\n"


def _free_name(name: str, taken: set[str]) -> str:
    """What a photo is called here: without suffix and folders, and as no other on any system."""
    stem = image_io.without_suffix(name).replace("/", "__")
    stem = f"_{stem}" if stem.startswith(".") else stem  # Ultralytics sees no hidden file
    stem = stem.encode()[:LONGEST].decode(errors="ignore")
    found, number = stem, 1
    while found.casefold() in taken:
        number += 1
        found = f"{stem}-{number}"
    taken.add(found.casefold())
    return found


def _copy(path: Path, target: Path) -> Path:
    """A JPEG as it is, anything else as PNG: what curate and OpenCV see in it may differ."""
    with path.open("rb") as file:
        is_jpeg = file.read(len(JPEG)) == JPEG
    copy = target.with_name(f"{target.name}.{'jpg' if is_jpeg else 'png'}")
    copy.parent.mkdir(parents=True, exist_ok=True)
    if is_jpeg:
        shutil.copyfile(path, copy)
    else:
        Image.fromarray(image_io.read(path)).save(copy)
    return copy


def _yaml(folder: Path, names: Sequence[str]) -> str:
    """Without ``path``, it counts from where the file lies: the folder may be moved."""
    there = [s for s in SPLITS if s != "test" or (folder / "images" / s).is_dir()]
    lines = [f"{split}: images/{split}" for split in there]
    lines += ["names:", *(f"  {i}: {json.dumps(name)}" for i, name in enumerate(names))]
    return "\n".join(lines) + "\n"
