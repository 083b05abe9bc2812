"""What labels are called on their way out: by their class, or as the annotation file calls them."""

from __future__ import annotations

from collections.abc import Mapping
from colorsys import hsv_to_rgb
from dataclasses import replace

from curation.core.errors import DatasetError
from curation.core.finding import Finding, FindingKind
from curation.core.masks import IGNORE_INDEX
from curation.core.records import ImageRecord, Instance
from curation.core.taxonomy import IGNORE, SOURCE, Class, Taxonomy
from curation.formats.source import OnFinding
from curation.steps.working_copy import WorkingCopy

CLASSES = "classes"
VOCABULARIES = (CLASSES, SOURCE)


def in_source_labels(
    dataset: str, work: WorkingCopy, has_ignore: bool, on_finding: OnFinding
) -> WorkingCopy:
    """The working copy with source labels in the place of classes; they lie as their classes do.

    Of a label that a reviewer named by its class alone, the source label is known where the class
    has a single one. Any other would be background if it was left out: its pixels are ignored
    where the format can say so, and it is told.

    Args:
        dataset: its name
        has_ignore: whether the format can say that pixels are to be ignored

    Raises:
        DatasetError: no label has a source label, or there are more than a label map holds
    """
    only = single_labels(work.taxonomy)
    class_of: dict[str, str] = {}

    def called(record: ImageRecord) -> ImageRecord:
        kept = []
        for instance in record.instances:
            label = instance.source_label or only.get(instance.category, "")
            if instance.category == IGNORE:
                kept.append(instance)
            elif label:
                class_of.setdefault(label, instance.category)
                kept.append(_called(instance, label))
            else:
                detail = f"{instance.category} of {record.image_id}"
                on_finding(Finding(FindingKind.NO_SOURCE_LABEL, instance.source, detail))
                kept += [_called(instance, IGNORE)] if has_ignore else []
        return replace(record, instances=tuple(kept))

    records = work.records.mapped(called)
    if not 0 < len(class_of) < IGNORE_INDEX:
        reason = f"has {len(class_of)} source labels; an export holds 1 to {IGNORE_INDEX - 1}"
        raise DatasetError(dataset, reason)
    return replace(work, records=records, taxonomy=_taxonomy(class_of, work.taxonomy))


def single_labels(taxonomy: Taxonomy) -> dict[str, str]:
    """The source label of each class that has just one."""
    labels: dict[str, list[str]] = {c.name: [] for c in taxonomy.classes}
    for label, target in taxonomy.targets.items():
        if target in labels:
            labels[target].append(label)
    return {name: of[0] if of else name for name, of in labels.items() if len(of) < 2}


def _called(instance: Instance, name: str) -> Instance:
    """The id stays: it is the same label."""
    return replace(instance, category=name)


def _taxonomy(class_of: Mapping[str, str], taxonomy: Taxonomy) -> Taxonomy:
    """Source labels as a taxonomy of their own, by the alphabet."""
    names = sorted(class_of)
    rank = {name: i for i, name in enumerate(taxonomy.paint_order)}
    order = sorted(names, key=lambda name: rank[class_of[name]])
    classes = tuple(Class(i, name, _color(i)) for i, name in enumerate(names, 1))
    return Taxonomy(SOURCE, classes, {}, tuple(order))


def _color(number: int) -> str:
    """Colours that differ, however many: each a golden section further around the circle."""
    rgb = hsv_to_rgb(number * 0.618034 % 1, 0.65, 0.9)
    return "#" + "".join(f"{round(255 * v):02x}" for v in rgb)
