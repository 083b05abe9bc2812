"""All formats, in a table that loads none of them: the command line and exports ask it.

A new format is a module of its own and a row here. The module has

* ``load(annotations, images, **options)``, where it reads: a
  :class:`curation.formats.source.Source`;
* ``export(folder, photos, taxonomy, on_finding)``, where labels are written in it, beside the
  photos (:class:`curation.formats.photo.Photo`); it may give back the image_ids of those that it
  had to leave out; or
* ``write`` as :func:`curation.formats.tfrecord.writer.write`, where photos are written, too.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from curation.core.errors import CurateError

if TYPE_CHECKING:  # it brings numpy, and `curate --help` answers at once
    from curation.formats.source import Source


@dataclass(frozen=True, slots=True)
class Option:
    """What a reader is told, as the command line asks for it.

    Attributes:
        name: as in Python; ``label_attribute`` is ``--label-attribute``
        help: one line
        kind: what it has to be: the path of a file or folder that is there, any text, or a
            whole number from 1
    """

    name: str
    help: str
    kind: Literal["file", "folder", "text", "number"] = "file"
    required: bool = False


ANNOTATIONS = Option("annotations", "The annotation file.", required=True)
LINE_WIDTH = Option(
    "line_width",
    "Draw lines whose ends do not meet, so many pixels wide; default: skip them.",
    "number",
)


PREFIX = Option(
    "prefix",
    "Call photos NAME/...: another folder's of the same names are there already.",
    "text",
)


BEGINNING = 1 << 16
"""Bytes of a file by which its format is known."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: what verbs call it
        module: what reads and writes it
        reads: what it reads, after "Import"; empty where it is written only
        more: what else a curator should know of it
        example: of a ``curate import``
        annotations: where the labels are; the first argument of ``load``
        options: the further arguments of ``load``
        writes: what an export holds; empty where it is read only
        holds_images: an export holds the photos, too, at one size
        has_ignore: an export can say that pixels are to be ignored
        has_verdicts: an export says what the flagged run and reviewers say of each label
        rewrites: a file that was imported is written again, with what was reviewed alone changed:
            the options of ``rewrite(original, target, changes, **options)``, which the module has
        begins: how such a file begins, a regular expression on bytes
        beside: files that who reads an export leaves in it; they go when it is replaced
    """

    name: str
    module: str
    reads: str = ""
    more: str = ""
    example: str = ""
    annotations: Option = ANNOTATIONS
    options: tuple[Option, ...] = ()
    writes: str = ""
    holds_images: bool = False
    has_ignore: bool = False
    has_verdicts: bool = False
    rewrites: tuple[str, ...] = ()
    begins: bytes = b""
    beside: tuple[str, ...] = ()

    def load(
        self, annotations: Path, images: Path, prefix: str | None = None, **options: object
    ) -> Source:
        """Indexes an annotation file.

        Args:
            annotations, images: the file (or folder) of labels, the folder of photos
            prefix: what photos are called by, before their names
            options: by the names of ``options``; None for what is not given

        Raises:
            CurateError: the file is not of this format, or the prefix can be none
        """
        from curation.formats.source import Prefixed

        source = self.code().load(annotations, images, **options)
        return Prefixed(source, prefix) if prefix else source

    def code(self) -> ModuleType:
        """The module, loaded now."""
        return import_module(self.module)


FORMATS = (
    Format(
        "imaterialist",
        "curation.formats.imaterialist",
        reads="an iMaterialist CSV (2019 or 2020)",
        example="imaterialist photos --annotations train.csv --images train/",
        options=(Option("labels", "label_descriptions.json; default: the 46 of 2020."),),
        writes="iMaterialist 2020 (train.csv and label_descriptions.json)",
        rewrites=("labels",),
        begins=rb"[^\r\n]*EncodedPixels",
    ),
    Format(
        "imaterialist-2019",
        "curation.formats.imaterialist.layout_2019",
        writes="the same in the layout of 2019: attributes in ClassId",
    ),
    Format(
        "via",
        "curation.formats.via",
        reads="a VGG Image Annotator file: VIA 1, 2 or 3, JSON or CSV",
        example="via styles --annotations via.json --images photos/ --label-attribute style",
        options=(
            Option(
                "label_attribute",
                "The region attribute with the label; default: the only one.",
                "text",
            ),
            Option("label", "One label for all regions, whatever attributes they have.", "text"),
            LINE_WIDTH,
        ),
        writes="VGG Image Annotator (via.json)",
        rewrites=("label_attribute",),
        begins=rb"\s*\{",
    ),
    Format(
        "coco",
        "curation.formats.coco",
        reads="a COCO or Fashionpedia JSON: polygons or run lengths, categories by name",
        example="coco fashion --annotations instances.json --images train/",
        writes="COCO (instances.json)",
    ),
    Format(
        "label-studio",
        "curation.formats.label_studio",
        reads="Label Studio's JSON: brush masks, bitmasks, polygons, boxes, ellipses",
        more="Of several annotations of a photo the ground truth is read, else the last.",
        example="label-studio garments --annotations project-1.json --images photos/",
        options=(
            Option(
                "label_attribute",
                "The tag with the label (its name); default: the one that drew the region.",
                "text",
            ),
            LINE_WIDTH,
        ),
    ),
    Format(
        "cvat",
        "curation.formats.cvat",
        reads="CVAT for images 1.1: masks, polygons, ellipses, boxes that may be turned",
        more="Shapes of one group and one label are one garment.",
        example="cvat garments --annotations annotations.xml --images photos/",
        options=(
            Option(
                "label_attribute",
                "The attribute with the label; default: the label itself.",
                "text",
            ),
            LINE_WIDTH,
        ),
        writes="CVAT for images 1.1 (annotations.xml)",
    ),
    Format(
        "labelme",
        "curation.formats.labelme",
        reads="labelme's JSON files: masks, polygons, boxes, circles, lines",
        more="Shapes of one group and one label are one garment.",
        example="labelme garments --labels labels/ --images photos/",
        annotations=Option(
            "labels", "The folder of JSON files, one for each photo.", "folder", required=True
        ),
        options=(LINE_WIDTH,),
    ),
    Format(
        "yolo-seg",
        "curation.formats.yolo",
        writes="Ultralytics' segmentation layout: data.yaml, photos and polygons in splits",
        beside=tuple(f"labels/{split}.cache" for split in ("train", "val", "test")),
    ),
    Format(
        "masks",
        "curation.formats.mask_folder",
        reads="index masks: images whose pixel values are class ids",
        more="A mask belongs to the photo of the same name, but for words as in a_mask or seg_a; "
        "both may be in one folder. Lossy masks (JPEG) and coloured ones are refused.",
        example="masks drawn --masks masks/ --images images/ --classes classes.csv",
        annotations=Option("masks", "The folder of single-channel masks.", "folder", required=True),
        options=(
            Option(
                "classes",
                "A CSV of ids and names; or a taxonomy, by name or .toml.",
                "text",
                required=True,
            ),
        ),
        writes="index masks (masks/ and classes.csv)",
        has_ignore=True,
    ),
    Format(
        "csv",
        "curation.formats.table",
        writes="one row for each label, for pandas (labels.csv)",
        has_ignore=True,
        has_verdicts=True,
    ),
    Format(
        "tfrecord",
        "curation.formats.tfrecord",
        writes="photos and label maps of one size, in train, val and test splits",
        holds_images=True,
        has_ignore=True,
    ),
)


def readers() -> list[Format]:
    """Those that ``curate import`` reads."""
    return [f for f in FORMATS if f.reads]


def writers() -> list[Format]:
    """Those that ``curate export`` writes."""
    return [f for f in FORMATS if f.writes]


def writer(name: str) -> Format:
    """The format of an export.

    Raises:
        CurateError: there is none of this name
    """
    for format_ in writers():
        if format_.name == name:
            return format_
    there = ", ".join(f.name for f in writers())
    raise CurateError(name, f"no format that is exported; there are {there}")


def of_original(path: Path) -> Format:
    """The format of a file that was imported and is to be written again, by how it begins.

    Raises:
        CurateError: it begins as none of them does
    """
    try:
        with path.open("rb") as file:
            start = file.read(BEGINNING).removeprefix(BOM_UTF8)
    except OSError as error:
        raise CurateError(path, error.strerror or "cannot be read") from None
    able = [f for f in writers() if f.rewrites]
    for format_ in able:
        if re.match(format_.begins, start):
            return format_
    names = " nor ".join(f.name for f in able)
    raise CurateError(path, f"is neither {names}, which alone are written again as they were")
