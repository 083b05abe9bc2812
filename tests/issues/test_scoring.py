"""Scores as sentences for the reviewer."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from curation.core import rle
from curation.core.records import ImageRecord, Instance
from curation.issues.feature_table import FeatureTable, Scores
from curation.issues.scoring import image_scores
from tests.conftest import picture

NAMES = ("background", "upper-body", "whole-body")
TOP = rle.encode(picture("####", "####", "....", "...."))
DRESS = Instance("whole-body", rle.encode(picture("####", "####", "####", "####")))
SHOES = Instance("feet", rle.encode(picture("....", "....", "....", "####")))


@pytest.mark.parametrize(
    ("labels", "unlabelled", "said"),
    [
        ((DRESS,), 0.0, "labelled whole-body here; the model sees upper-body at 0.89"),
        ((SHOES,), 1.0, "nothing is labelled upper-body here; the model sees it at 0.89"),
    ],
)
def test_of_a_missing_garment_it_is_said_what_is_labelled_there(labels, unlabelled, said):
    record = ImageRecord("a", Path("a.jpg"), 4, 4, labels)
    row = {"image_id": "a", "fold": 0, "class_id": 1, "mask": rle.to_text(TOP), "p": 0.89,
           "unlabelled": unlabelled}  # fmt: skip
    rows: dict[str, list[dict]] = {f.name: [] for f in fields(FeatureTable)}
    rows |= {"images": [{"image_id": "a", "fold": 0}], "missing": [row]}
    none = pd.DataFrame({"error_score": [], "error_type": []})
    scores = Scores(none, pd.DataFrame({"error_score": [0.9]}), none)
    (found,) = image_scores(FeatureTable.of(rows), scores, {"a": record}, NAMES, "r1")
    (issue,) = found.issues
    assert (issue.error_type, issue.reason) == ("missing", said)
