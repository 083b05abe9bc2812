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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from curation.core import image_io, masks
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
    """Writes all of it.

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
        labels.write_text("".join(_lines(photo, index)), "utf-8")
    write_csv(folder / "photos.csv", ("image_id", "photo"), rows)
    (folder / "data.yaml").write_text(_yaml(folder, list(index)), "utf-8")
    return left_out


def polygon(mask: Rle) -> Points:
    """One polygon around all parts of a mask and around their holes, through the pixels there.

    Parts are joined by lines there and back between their nearest points, as Ultralytics' own
    converter joins them; holes by lines to what lies to their left, which are inside the part.
    Filled by ``cv2.fillPoly``, as Ultralytics does, it gives the mask, and the lines between parts.

    Args:
        mask: with a pixel

    Returns:
        (n, 2) x and y in pixels of the photo, n from 3
    """
    inside, (left, top, _, _) = masks.crop(mask)
    ring = _joined([_corners(part) for part in _parts(inside)])
    ring = np.concatenate([ring, *[ring[-1:]] * (3 - len(ring))])
    return ring + np.array([left, top], np.int32)


def _parts(inside: NDArray[np.bool_]) -> Iterator[Points]:
    """A ring for each part of a mask, through all pixels at its edge and at those of its holes.

    A hole hangs by its leftmost pixel on the next pixel at an edge to the left. That edge begins
    further left, and no hole lies between. The time grows with the pixels at edges, not with the
    square of the holes.
    """
    found, tree = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings, is_hole = [ring[:, 0] for ring in found], tree[0, :, 3] >= 0
    if not is_hole.any():
        yield from rings
        return
    edges, parts = _from_the_left(rings, is_hole), int(np.count_nonzero(~is_hole))
    points, sizes = np.concatenate(edges), np.array([len(edge) for edge in edges])
    edge, first = np.arange(len(edges)).repeat(sizes), np.cumsum(sizes) - sizes
    along_rows = np.ravel_multi_index((*points.T[::-1], edge), (*inside.shape, len(edges)))
    order, holes = along_rows.argsort(), first[parts:]
    left = order[np.searchsorted(along_rows[order], along_rows[holes]) - 1]
    following = np.arange(1, len(points) + 1)
    following[first + sizes - 1] = first
    path = following.tolist()
    for hole, there in zip(holes.tolist(), left.tolist(), strict=True):
        # There, around the hole and back: both ends of the line come twice.
        path += path[hole], path[there]
        path[there], path[hole] = len(path) - 2, len(path) - 1
    points = np.concatenate([points, np.stack([points[holes], points[left]], 1).reshape(-1, 2)])
    for start in first[:parts].tolist():
        ring = [start]
        while (point := path[ring[-1]]) != start:
            ring.append(point)
        yield points[ring]


def _from_the_left(rings: Sequence[Points], is_hole: NDArray[np.bool_]) -> list[Points]:
    """The edges of parts, then those of holes.

    Each begins with its leftmost pixel, of several with the topmost, and so they are in order.
    """
    edges = [np.roll(ring, -np.lexsort(ring.T[::-1])[0], axis=0) for ring in rings]
    x, y = np.array([edge[0] for edge in edges]).T
    return [edges[i] for i in np.lexsort((y, x, is_hole))]


def _corners(ring: Points) -> Points:
    """A ring without the points that it goes straight on at, or stays at."""
    step = np.roll(ring, -1, axis=0) - ring
    turns = (step != np.roll(step, 1, axis=0)).any(axis=1) & step.any(axis=1)
    return ring[turns] if turns.any() else ring[:1]


def _joined(parts: Sequence[Points]) -> Points:
    ring = parts[0]
    for part in parts[1:]:
        distance, nearest = cKDTree(ring).query(part)
        start = int(distance.argmin())
        here = int(nearest[start])
        around = np.roll(part, -start, axis=0)
        ring = np.concatenate([ring[: here + 1], around, around[:1], ring[here:]])
    return ring


def _lines(photo: Photo, index: dict[str, int]) -> Iterator[str]:
    size = np.array([photo.record.width, photo.record.height])
    for instance in photo.record.instances:
        relative = ((polygon(instance.mask) + INSIDE) / size).ravel()
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
    lines += ["names:", *(f"  {i}: {_quoted(name)}" for i, name in enumerate(names))]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    """In ASCII, since some open the file in their system's encoding; JSON has other escapes."""
    return json.dumps(name, ensure_ascii=False).encode("ascii", "backslashreplace").decode()
