"""``curate report``: the contact sheet of a run's first suspects, for a person to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from curation.core import image_io, masks, rle
from curation.core.atomic import replacing
from curation.core.errors import CurateError, RunError
from curation.core.progress import Progress, silent, track
from curation.core.records import ImageRecord
from curation.core.rle import Rle
from curation.core.taxonomy import Taxonomy, label_map
from curation.issues import issue_table
from curation.issues.issue import ISSUES
from curation.steps.dataset_runs import channels_of
from curation.store import Dataset, results
from curation.store.fields import LABELS

SHEET = 30
"""Suspects on a sheet, where nobody says how many."""

PANEL = 300
"""Height of a panel in pixels; its width follows the photo."""

CAPTION = 46
HEADER = 40
COLUMNS = 2
MAX_WIDTH = 300
PANELS = 4
CLOSEST = 6
"""Times at most that a close-up is larger than the photo: beyond it are pixels to see."""
MARGIN = 0.3
INK, PAPER, OUTLINE = (30, 30, 30), (255, 255, 255), (255, 0, 90)


@dataclass(frozen=True, slots=True)
class Report:
    """Where a contact sheet is, and how many suspects are on it."""

    path: Path
    drawn: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """One suspect as it is drawn.

    Attributes:
        caption: rank, place and reason
        image: (H, W, 3) uint8 RGB
        labels, prediction: (H, W) and any-sized uint8 label maps
        outline: the suspect's mask
    """

    caption: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    outline: Rle


def report(
    dataset: Dataset,
    run: str,
    path: Path | None = None,
    *,
    top: int = SHEET,
    source_labels: bool = False,
    progress: Progress = silent,
) -> Report:
    """Draws the first suspects of a run: photo with the suspect outlined, labels, prediction.

    Args:
        top: how many; suspects that were decided on since are still drawn
        path: the PNG to write
        source_labels: the suspects within their class instead, see ``source_error_score``

    Returns:
        where the sheet is and how many are on it

    Raises:
        RunError: the run was not flagged yet, its files are damaged, or its classes are others
    """
    folder = dataset.run_folder(run)
    path = path or folder / ("suspect-source-labels.png" if source_labels else "suspects.png")
    score = "source_error_score" if source_labels else "error_score"
    first = read_issues(dataset, run, score, lambda rows: rows.head(top))
    taxonomy = dataset.taxonomy
    channels_of(folder, taxonomy)  # predictions are drawn in the colours of its classes
    records, outlines = _find(dataset, run, set(first.image_id))
    predictions = results.prediction_paths(dataset, run, records)
    predict = f"run `curate predict {dataset.name} --run {run}`"
    tiles = []
    rows: list[dict] = first.to_dict("records")
    for rank, row in enumerate(track(progress, "contact sheet", rows, len(rows)), 1):
        outline, record = outlines.get(row["instance_id"]), records.get(row["image_id"])
        if record and record.instances and not row["instance_id"]:  # all its labels together
            outline = rle.union([x.mask for x in record.instances])
        if outline is None or record is None:
            continue  # deleted by a reviewer since
        where = f"{rank}. {row['image_id']} ({row['source']})"
        said = ("", row["source_reason"]) if source_labels else (row["error_type"], row["reason"])
        suspect = Suspect(
            f"{where}  {row[score]:.3f} {said[0]}\n{said[1]}",
            _opened(image_io.read, record.path, "photo", "exclude or replace it"),
            label_map(record, taxonomy),
            _opened(image_io.read_index, predictions.get(record.image_id), "prediction", predict),
            outline,
        )
        tiles.append(draw_suspect(suspect, taxonomy))
    with replacing(path) as part:
        # At the usual level the packing takes as long as all that is drawn.
        arrange(tiles, taxonomy).save(part, "PNG", compress_level=1)
    return Report(path, len(tiles))


def read_issues(
    dataset: Dataset, run: str, score: str, keep: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """Rows of a run's ``issues.csv``, see :func:`curation.issues.issue_table.read`.

    Raises:
        RunError: the run was not flagged yet
        CurateError: the file is not what was written
    """
    path = dataset.run_folder(run) / ISSUES
    verb = f"`curate flag {dataset.name} --run {run}`"
    if not path.is_file():
        raise RunError(run, f"was not flagged yet: run {verb}")
    return issue_table.read(path, score, keep, again=f"flag it again: {verb}")


def _opened(
    read: Callable[[Path], NDArray], path: Path | None, what: str, way_out: str
) -> NDArray[np.uint8]:
    """A photo, or what was predicted of it; CurateError where it is not there any more."""
    try:
        if path is None:
            raise ValueError("is not there")
        return read(path).astype(np.uint8)
    except ValueError as error:
        raise CurateError(path or what, f"{error}; {way_out}") from None


def draw_suspect(suspect: Suspect, taxonomy: Taxonomy) -> Image.Image:
    """One tile: the panels side by side and the caption under them."""
    height, width = suspect.image.shape[:2]
    scale = min(PANEL / height, MAX_WIDTH / width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    image = np.asarray(Image.fromarray(suspect.image).resize((w, h), Image.Resampling.LANCZOS))
    inside = masks.resize_nearest(rle.decode(suspect.outline), h, w).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    panels = [
        image.copy(),
        close_up(suspect, w, h),
        overlay(image, masks.resize_nearest(suspect.labels, h, w), taxonomy),
        overlay(image, masks.resize_nearest(suspect.prediction, h, w), taxonomy),
    ]
    for panel in (panels[0], *panels[2:]):
        _outline(panel, contours, 2)
    tile = Image.new("RGB", (PANELS * (MAX_WIDTH + 4) + 4, PANEL + CAPTION), PAPER)
    for i, panel in enumerate(panels):
        tile.paste(Image.fromarray(panel), (i * (MAX_WIDTH + 4) + (MAX_WIDTH - w) // 2, 2))
    draw = ImageDraw.Draw(tile)
    lines = [part for line in suspect.caption.splitlines() for part in textwrap.wrap(line, 160)]
    draw.multiline_text((4, PANEL + 4), "\n".join(lines[:3]), INK, _font(13))
    return tile


def close_up(suspect: Suspect, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3): the suspect and a little around it, as large as it goes."""
    left, top, w, h = rle.bbox(suspect.outline)
    scale = max(w / width, h / height, suspect.image.shape[0] / height / CLOSEST) * (1 + MARGIN)
    x, y = left + w / 2 - scale * width / 2, top + h / 2 - scale * height / 2
    # Pixel centres of the panel, in the photo; what is beyond the frame is white.
    to_panel = np.array([[1 / scale, 0, -x / scale], [0, 1 / scale, -y / scale]])
    panel = cv2.warpAffine(
        suspect.image, to_panel, (width, height), flags=cv2.INTER_AREA, borderValue=PAPER
    )
    inside = cv2.warpAffine(
        rle.decode(suspect.outline).view(np.uint8), to_panel, (width, height),
        flags=cv2.INTER_NEAREST,
    )  # fmt: skip
    contours, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return _outline(panel, contours, 1)


def _outline(panel: NDArray[np.uint8], contours: Sequence, thickness: int) -> NDArray[np.uint8]:
    """Draws over a panel, with a dark seam: the outline is seen on a garment of its colour, too."""
    cv2.drawContours(panel, contours, -1, INK, thickness + 2)
    return cv2.drawContours(panel, contours, -1, OUTLINE, thickness)


def overlay(
    image: NDArray[np.uint8], label_map: NDArray[np.uint8], taxonomy: Taxonomy
) -> NDArray[np.uint8]:
    """A (H, W, 3) uint8 photo with a (H, W) label map over it in the taxonomy's colours."""
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2) * 0.75 + 50
    colors = np.zeros((256, 3))
    for c in taxonomy.classes:
        colors[c.id] = [int(c.color[i : i + 2], 16) for i in (1, 3, 5)]
    painted = label_map[..., None] != 0
    mixed = np.where(painted, 0.45 * grey + 0.55 * colors[label_map], grey)
    return mixed.clip(0, 255).astype(np.uint8)


def _find(
    dataset: Dataset, run: str, image_ids: set[str]
) -> tuple[dict[str, ImageRecord], dict[str, Rle]]:
    """Records by image_id, and masks of labels and missing garments by instance_id."""
    records: dict[str, ImageRecord] = {}
    outlines: dict[str, Rle] = {}
    for field in (LABELS, f"missing_{run}"):
        for record in dataset.records(field, image_ids):
            records.setdefault(record.image_id, record)
            outlines |= {x.instance_id: x.mask for x in record.instances}
    return records, outlines


def arrange(tiles: Sequence[Image.Image], taxonomy: Taxonomy) -> Image.Image:
    """Tiles in columns under a line that says what the panels are and what the colours mean."""
    w, h = tiles[0].size if tiles else (PANELS * MAX_WIDTH, 0)
    columns = max(1, min(COLUMNS, len(tiles)))
    sheet = Image.new("RGB", (w * columns, HEADER + h * -(-len(tiles) // columns)), PAPER)
    draw, font = ImageDraw.Draw(sheet), _font(16)
    text = "photo with the suspect outlined | close up | labels | prediction"
    draw.text((4, 10), text, INK, font)
    x = draw.textlength(text, font) + 40
    for c in taxonomy.classes:
        draw.rectangle((x, 12, x + 16, 28), c.color)
        draw.text((x + 22, 10), c.name, INK, font)
        x += draw.textlength(c.name, font) + 44
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % columns * w, HEADER + i // columns * h))
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont:
    # matplotlib brings DejaVu along; the machine may have no font at all. And it takes a while.
    from matplotlib import font_manager

    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
