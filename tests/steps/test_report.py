import uuid
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curation import steps, store
from curation.core import rle, taxonomy
from curation.core.errors import RunError
from curation.issues.issue import ISSUES
from curation.review.journal import decision
from curation.rounds.state import Round, State
from curation.store.labels import remap
from curation.store.write import write
from tests.app.dataset import RUN, build
from tests.steps.scenes import TOML, add, lose, photo, record
from training.config import TrainConfig
from training.folder import ClassList, Parts, RunFolder

report = import_module("curation.steps.report")
module = import_module("curation.steps.round_report")


def flagged(dataset, rows):
    """A run of the dataset's classes, and its issues.csv."""
    folder, taxonomy_ = RunFolder(dataset.run_folder(RUN)), dataset.taxonomy
    channels = taxonomy.ClassIndex.of(taxonomy_)
    parts = Parts("fold", ("a", "b"), ("a", "b"), ("0", "1"))
    folder.begin(TrainConfig(), ClassList(channels.names, channels.colors), parts, "")
    pd.DataFrame(rows).to_csv(folder.path / ISSUES, index=False)


def test_a_tile_shows_the_outline_and_the_class_colors():
    palette = taxonomy.load("supercategories")
    image = np.full((120, 80, 3), 128, np.uint8)
    labels = np.zeros((120, 80), np.uint8)
    labels[30:90, 20:60] = 1
    prediction = np.zeros((60, 40), np.uint8)
    prediction[15:45, 10:30] = 4
    suspect = report.Suspect("1. a", image, labels, prediction, rle.encode(labels))
    tile = np.asarray(report.draw_suspect(suspect, palette))
    assert (tile == report.OUTLINE).all(axis=2).sum() > 300  # four outlines
    middle = report.PANEL // 2
    shown = [tile[middle, i * (report.MAX_WIDTH + 4) + report.MAX_WIDTH // 2] for i in range(4)]
    assert shown[0].tolist() == [128, 128, 128]
    assert shown[1].tolist() == [128, 128, 128]
    assert shown[2].argmax() == 2  # upper-body is blue
    assert shown[3].argmax() == 0  # feet are red


def test_an_outline_is_seen_on_a_garment_of_its_own_colour():
    palette = taxonomy.load("supercategories")
    image = np.zeros((120, 80, 3), np.uint8)
    image[:] = report.OUTLINE
    labels = np.zeros((120, 80), np.uint8)
    labels[30:90, 20:60] = 1
    tile = np.asarray(
        report.draw_suspect(report.Suspect("", image, labels, labels, rle.encode(labels)), palette)
    )
    for panel in np.split(tile[: report.PANEL, :-4], 4, axis=1)[:2]:
        assert (panel == report.INK).all(axis=2).sum() > 100


def test_a_close_up_fills_its_panel_with_the_suspect():
    image = np.zeros((200, 100, 3), np.uint8)
    image[20:40, 60:80] = 200
    mask = np.zeros((200, 100), np.uint8)
    mask[20:40, 60:80] = 1
    suspect = report.Suspect("", image, mask, mask, rle.encode(mask))
    panel = report.close_up(suspect, 150, 300)
    bright = panel[..., 1] > 150
    rows, columns = np.nonzero(bright)
    assert abs(rows.mean() - 150) < 4
    assert abs(columns.mean() - 75) < 4
    assert np.ptp(columns) > 60
    corner = np.zeros((200, 100), np.uint8)
    corner[:10, :10] = 1
    at_edge = report.Suspect("", image, mask, mask, rle.encode(corner))
    assert (report.close_up(at_edge, 150, 300)[0, 0] == report.PAPER).all()


def test_background_is_grey_and_a_class_is_its_color():
    palette = taxonomy.load("supercategories")
    image = np.zeros((1, 2, 3), np.uint8)
    image[..., 0] = 255
    painted = report.overlay(image, np.array([[0, 5]], np.uint8), palette)
    assert len(set(painted[0, 0].tolist())) == 1
    assert painted[0, 1].argmax() == 1  # accessories are green


def test_a_photo_whose_labels_are_doubted_together_is_drawn_with_all_of_them(tmp_path):
    name = f"report-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path / "photos", images=2)
    try:
        row = {"image_id": "figure-01", "instance_id": "", "source": "", "error_score": 0.9,
               "error_type": "mirrored labels", "reason": "its labels would fit mirrored",
               "source_reason": "", "source_error_score": "", "decided": False}  # fmt: skip
        flagged(dataset, [row])
        assert steps.report(dataset, RUN, tmp_path / "sheet.png", top=10).drawn == 1
        other = TOML.replace('name = "feet"', 'name = "shoes"').replace('"feet"', '"shoes"')
        remap(dataset, other, "other.toml")
        with pytest.raises(RunError, match=r"was trained on upper-body, .*: remap or train"):
            steps.report(dataset, RUN, tmp_path / "sheet.png")
    finally:
        store.delete(name)


def test_the_sheet_of_source_labels_has_their_suspects_alone(tmp_path):
    name = f"report-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path / "photos", images=2)
    try:
        shoe = next(d for s in dataset.samples for d in s.labels.detections if d.source_error_score)
        image_id = next(
            s.image_id for s in dataset.samples if shoe.id in [d.id for d in s.labels.detections]
        )
        known = {"image_id": image_id, "source": "", "error_score": 0.1, "error_type": "spurious",
                 "reason": "", "source_reason": shoe.source_reason, "decided": False}  # fmt: skip
        rows = [known | {"instance_id": "f" * 24, "source_error_score": ""},
                known | {"instance_id": shoe.id, "source_error_score": 0.6}]  # fmt: skip
        flagged(dataset, rows)
        path = tmp_path / "sheet.png"
        drawn = steps.report(dataset, RUN, path, top=10, source_labels=True).drawn
        assert drawn == 1
        assert Image.open(path).height < 2 * report.PANEL
    finally:
        store.delete(name)


def calls(dataset, scores, decided):
    """What the page of a round calls right or wrong of suspects with these scores, by their id."""
    row = {"image_id": "figure-00", "source": "", "error_type": "wrong category", "reason": "",
           "source_reason": "", "source_error_score": "", "decided": False}  # fmt: skip
    flagged(dataset, [row | {"instance_id": i, "error_score": s} for i, s in scores.items()])
    round_ = Round("r001", State.FLAGGED, "", RUN, f"{RUN}_after", 2, {}, "")
    found = module._calls(dataset, round_, decided)
    return {call.decision.instance_id: call.was_right for call in found}


def test_a_garment_that_was_dismissed_along_with_its_label_is_no_call_that_was_wrong(tmp_path):
    name = f"report-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path / "photos", images=2)
    try:
        at_once = {"category": "feet", "batch": "b"}
        decided = [
            decision("relabel", "figure-00", instance_id="a", seconds="3.0", **at_once),
            decision("delete", "figure-00", instance_id="b", mask="1 1 0", **at_once),
        ]
        assert calls(dataset, {"a": 0.9, "b": 0.8}, decided) == {"a": True}
    finally:
        store.delete(name)


def test_the_page_of_an_earlier_round_does_not_say_that_no_suspect_was_left(tmp_path):
    name = f"report-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path / "photos", images=2)
    try:
        round_ = Round("r001", State.CLOSED, "", RUN, f"{RUN}_after", 2, {}, "")
        under = "2 photos under the taxonomy supercategories; 1 decision in this round"
        assert module._about(dataset, round_, 1, None) == f"{under}; closed."
        assert module._about(dataset, round_, 1, 3) == f"{under}, 3 suspects left; closed."
    finally:
        store.delete(name)


def test_a_label_that_nobody_doubted_is_no_call(tmp_path):
    """Of a sample, of the frozen test set, or once no suspect was left."""
    name = f"report-{uuid.uuid4().hex[:8]}"
    dataset = build(name, tmp_path / "photos", images=2)
    try:
        decided = [decision("keep", "figure-00", instance_id=i) for i in "ab"]
        assert calls(dataset, {"a": 0.25, "b": 0.24}, decided) == {"a": False}
    finally:
        store.delete(name)


def test_the_page_of_a_round_counts_the_classes_where_a_label_came_that_has_none(tmp_path):
    """A photo that was imported after the last remap, with a label no taxonomy speaks of."""
    name = f"report-{uuid.uuid4().hex[:8]}"
    dataset = add(name, tmp_path, {"a": 1, "b": 2})
    try:
        late = record(photo(tmp_path / "c.jpg", 3), "c", "toga", "skirt")
        write(name, [late])
        rows = module._classes(store.open(dataset.name)).rows
        assert ("lower-body", 3, 2, "-1") in rows
        drawn = module._as_imported(late, dataset.taxonomy)
        assert [x.category for x in drawn.instances] == ["lower-body"]
    finally:
        lose(name)
