"""Garments that two pictures of one scene call by different names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from curation.audit.contradictions import audit_group
from curation.core import rle
from curation.core.finding import FindingKind
from curation.core.records import ImageRecord, Instance

TOP, BOTTOM, WHOLE, BELT = (10, 40), (40, 80), (10, 80), (38, 42)


def image(name: str, *labels: tuple[str, tuple[int, int]], size: int = 100):
    """Garments of full rows from top to bottom, in per cent of the height."""
    instances = []
    for category, (top, bottom) in labels:
        mask = np.zeros((size, size), bool)
        mask[top * size // 100 : bottom * size // 100, size // 4 : size // 2] = True
        instances.append(Instance(category, rle.encode(mask), f"{name}.csv:{len(instances) + 2}"))
    return ImageRecord(name, Path(f"{name}.jpg"), size, size, tuple(instances))


def found(*images):
    return [(f.location, f.detail) for f in audit_group(images)]


def test_two_names_for_one_garment_are_named_on_both_images():
    a = image("a", ("dress", BOTTOM), ("top", TOP))
    b = image("b", ("top", (11, 41)), ("skirt", (41, 81)), size=200)
    twins = list(audit_group([a, b]))
    assert [(f.image_id, f.kind) for f in twins] == [
        ("a", FindingKind.NEAR_DUPLICATE_GARMENT),
        ("b", FindingKind.NEAR_DUPLICATE_GARMENT),
    ]
    assert twins[0].detail == "'dress' here, 'skirt' on b, which looks the same (IoU 0.95)"
    assert (twins[0].instance_id, twins[0].other) == (
        a.instances[0].instance_id,
        b.instances[1].instance_id,
    )
    assert [f.beside for f in twins] == ["b", "a"]
    assert (twins[1].instance_id, twins[1].location) == (b.instances[1].instance_id, "b.csv:3")


def test_on_a_mirrored_twin_a_garment_is_looked_for_on_the_other_side():
    a = image("a", ("dress", BOTTOM))
    b = image("b", ("skirt", BOTTOM))
    (label,) = b.instances
    flipped = rle.encode(rle.decode(label.mask)[:, ::-1])
    b = replace(b, instances=(replace(label, mask=flipped),))
    assert found(a, b) == []
    here, there = audit_group([a, b], {"b"})
    assert here.detail == "'dress' here, 'skirt' on b, which looks the same (IoU 1.00)"
    assert there.detail == "'skirt' here, 'dress' on a, which looks the same (IoU 1.00)"


def test_a_whole_that_is_its_pieces_on_the_twin_is_named():
    a = image("a", ("dress", WHOLE))
    b = image("b", ("top", TOP), ("skirt", BOTTOM))
    said = "'dress' here, 'skirt' + 'top' on b, which looks the same (IoU 1.00)"
    assert found(a, b) == [("a.csv:2", said)]
    assert found(b, a) == [("a.csv:2", said)]


def test_a_belt_on_a_skirt_is_no_piece_of_it():
    a = image("a", ("skirt", BOTTOM), ("belt", BELT))
    b = image("b", ("skirt", BOTTOM))
    assert found(a, b) == []


def test_what_is_called_alike_or_lies_elsewhere_is_not_named():
    a = image("a", ("shirt", TOP), ("jacket", TOP))
    b = image("b", ("jacket", TOP), ("shirt", TOP), ("skirt", BOTTOM))
    assert found(a, b) == []


def test_a_image_without_labels_contradicts_nobody():
    assert found(image("a"), image("b", ("skirt", BOTTOM)), image("c")) == []


def test_a_first_image_without_labels_hides_nothing():
    b, c = image("b", ("skirt", BOTTOM)), image("c", ("dress", BOTTOM))
    assert len(found(image("a"), b, c)) == 2
