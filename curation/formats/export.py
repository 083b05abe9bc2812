"""Reviewed labels in a folder of their own, for a trainer or another tool.

    DIR/instances.json                  coco
    DIR/via.json                        via: the region attribute is ``label``
    DIR/masks/*.png, DIR/classes.csv    masks
    DIR/splits.csv                      image_id,split,photo_hash
    DIR/manifest.json                   format, classes, photos in each split, all files

``curate import`` reads each of them again, with the photos where they are. TFRecords, which
hold the photos too, are laid out by :mod:`curation.formats.tfrecord.writer`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from curation.core import polygons, rle
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.core.splits import SPLITS
from curation.core.taxonomy import IGNORE, Taxonomy
from curation.formats import OnFinding, coco, mask_folder, via
from curation.formats.export_folder import finish, replacing_export

LABEL = "label"
"""The region attribute of a VIA file."""


def write(
    folder: Path,
    format_: str,
    records: Mapping[str, ImageRecord],
    taxonomy: Taxonomy,
    splits: Mapping[str, str],
    groups: Mapping[str, str],
    on_image: Callable[[], object] = lambda: None,
    on_finding: OnFinding = lambda finding: None,
) -> dict:
    """Writes an export; the folder appears when it is whole, and replaces an earlier export.

    Args:
        format_: coco, masks or via
        records: by image_id; their categories are the taxonomy's classes or ``ignore``:
            255 in masks, skipped elsewhere
        splits: train, val or test, by image_id
        groups: content hash of the photo, by image_id
        on_image: called after each photo
        on_finding: told each label that is skipped, and why

    Returns:
        the manifest

    Raises:
        CurateError: the folder holds something that is not of an earlier export in this
            format, or the format cannot tell two photos apart
    """
    with replacing_export(folder, format_) as part:
        kept = _kept(records.values(), format_ == "masks", on_image, on_finding)
        try:
            _WRITERS[format_](part, kept, taxonomy)
        except ValueError as error:
            raise CurateError(folder, f"{error}; take another format") from None
        images = Counter(splits[i] for i in records)
        manifest = {
            "format": format_,
            "taxonomy": taxonomy.name,
            "classes": {c.id: c.name for c in taxonomy.classes},
            "splits": {name: {"photos": images[name]} for name in SPLITS},
        }
        return finish(part, manifest, records, splits, groups)


def _kept(
    records: Iterable[ImageRecord],
    with_void: bool,
    on_image: Callable[[], object],
    on_finding: OnFinding,
) -> Iterator[ImageRecord]:
    for record in records:
        kept = []
        for instance in record.instances:
            what = f"{instance.category} of {record.image_id}"
            if instance.category == IGNORE and not with_void:
                on_finding(
                    Finding(
                        FindingKind.IGNORED_LABEL, instance.source, f"{what}: only masks have void"
                    )
                )
            elif not rle.area(instance.mask):
                on_finding(Finding(FindingKind.LABEL_WITHOUT_PIXEL, instance.source, what))
            else:
                kept.append(instance)
        yield replace(record, instances=tuple(kept))
        on_image()


def _write_coco(folder: Path, records: Iterable[ImageRecord], taxonomy: Taxonomy) -> None:
    coco.write(folder / "instances.json", records, [c.name for c in taxonomy.classes])


def _write_masks(folder: Path, records: Iterable[ImageRecord], taxonomy: Taxonomy) -> None:
    mask_folder.write(folder / "masks", records, taxonomy)
    (folder / "masks" / "classes.csv").rename(folder / "classes.csv")


def _write_via(folder: Path, records: Iterable[ImageRecord], taxonomy: Taxonomy) -> None:
    drawn = (replace(r, instances=tuple(map(_outlined, r.instances))) for r in records)
    via.write(folder / "via.json", drawn, LABEL)


_WRITERS = {"coco": _write_coco, "masks": _write_masks, "via": _write_via}


def _outlined(instance: Instance) -> Instance:
    """Without its polygons where they do not give the mask: VIA has nothing but polygons."""
    mask = instance.mask
    try:
        if polygons.rasterise(instance.polygons, mask.height, mask.width) == mask:
            return instance
    except ValueError:
        pass
    return replace(instance, polygons=())
