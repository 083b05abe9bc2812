"""An observation is cheap to send to a worker, and tells what follows from it once."""

from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np

from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.issues.observation import Label, Observation
from tests.issues.scene import LABELS, SHIRT, SIDE, THRESHOLDS, TROUSERS, observed, predicted

WHOLE = (slice(None), slice(None))


def test_what_is_derived_is_computed_once_and_is_not_sent_to_a_worker():
    observation = observed("a")
    size = len(pickle.dumps(observation))
    assert observation.pieces is observation.pieces
    assert observation.confident(THRESHOLDS, WHOLE).all()
    assert len(pickle.dumps(observation)) == size
    sent = pickle.loads(pickle.dumps(observation))
    assert vars(sent).keys() == {f.name for f in fields(Observation)}
    assert (sent.entropy == observation.entropy).all()


def test_forgetting_keeps_what_others_draw_on():
    observation = observed("a")
    masks = observation.label_masks
    assert observation.mean_entropy > 0
    observation.forget()
    assert "entropy" not in vars(observation)
    assert observation.label_masks is masks
    assert [(x.mask == y.mask).all() for x, y in zip(masks, LABELS, strict=True)] == [True] * 3


def test_ignored_labels_are_no_labels():
    shirt = Instance("shirt", rle.encode(SHIRT.mask), source_label="jacket")
    ignored = Instance("ignore", rle.encode(TROUSERS.mask))
    record = ImageRecord("a", Path("a.jpg"), SIDE, SIDE, (ignored, shirt))
    p = predicted(LABELS).astype(np.float16)
    observation = Observation.of(record, ("background", "shirt"), p)
    assert observation.labels == (Label(1, shirt.mask, "jacket"),)
    assert (observation.ignored_mask == TROUSERS.mask).all()
    assert observation.group == "a", "a photo without copies is a group of its own"
