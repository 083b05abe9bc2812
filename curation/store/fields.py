"""Every field of a dataset in FiftyOne: its name, its type, and what it says to a curator.

The schema, the App's sidebar and the table in the documentation are made of these.
"""

from __future__ import annotations

from typing import NamedTuple

GROUND_TRUTH = "ground_truth"
"""As imported, never changed."""

LABELS = "labels"
"""The working copy, under the active taxonomy."""

DRAWN, IMAGES, SOURCE, RUNS, FILE = (
    "drawn on the photo", "which photos", "as imported", "other runs", "file",
)  # fmt: skip
"""Groups of the App's sidebar, named for what a curator asks."""


class Field(NamedTuple):
    """A field of a photo, or an attribute of its labels.

    Attributes:
        name: as in the database
        type: FiftyOne's name for it; a ``ListField`` is one of texts
        description: what it says; FiftyOne shows it beside the name
        group: of the sidebar, for a field of a photo
        indexed: whether saved views and the legend ask for it: no question may read
            every photo's masks
    """

    name: str
    type: str
    description: str
    group: str = ""
    indexed: bool = False


ON_IMAGES = (
    Field("error_score", "FloatField", "the probability that something is wrong in the photo",
          IMAGES, True),
    Field("n_suspect", "IntField", "what the model doubts in it and nobody decided on",
          IMAGES, True),
    Field("n_source_suspect", "IntField", "how many of its source labels look like another of "
          "their class", IMAGES, True),
    Field("faults", "ListField", "what an audit found", IMAGES),
    Field("fault_details", "ListField", "the same in whole sentences", IMAGES),
    Field("n_faults", "IntField", "how many that are", IMAGES, True),
    Field("n_errors", "IntField", "how many of them are errors", IMAGES),
    Field("photo_faults", "ListField", "those of the photo as a whole, in whole sentences", IMAGES),
    Field("at_odds_with", "StringField", "the photo that shows the same and has other labels",
          IMAGES),
    Field("photo_error_score", "FloatField", "the probability that all its labels are wrong "
          "together", IMAGES),
    Field("photo_error_type", "StringField", "what would be wrong with all of them", IMAGES),
    Field("photo_reason", "StringField", "why", IMAGES),
    Field("photo_doubt", "StringField", "the same, while it is doubted and labels of it are "
          "undecided", IMAGES),
    Field("suggested_transform", "StringField", "what would mend them", FILE),
    Field("review_status", "StringField", "'decided' once a decision is active on it",
          IMAGES, True),
    Field("excluded", "BooleanField", "left out of training and export", IMAGES, True),
    Field("split", "StringField", "train, val or test; no photo leaves test", IMAGES, True),
    Field("fold", "IntField", "the model of the last run with folds that never saw it", IMAGES),
    Field("image_id", "StringField", "its name in the annotation file", IMAGES),
    Field("content_digest", "StringField", "hash of what the annotation file says of it", FILE),
    Field("location_digest", "StringField", "hash of where it says so, and of the path", FILE),
    Field("updated_by", "StringField", "the state of the file that updated it last", FILE),
    Field("update_note", "StringField", "what that changed", FILE),
    Field("photo_hash", "StringField", "hash of the file's bytes; copies share it", FILE),
    Field("perceptual_hash", "StringField", "of what it shows: near duplicates differ in few "
          "bits", FILE),
    Field("thumbnail", "StringField", "its colours in few cells, to confirm near duplicates",
          FILE),
    Field("crop_hashes", "StringField", "as perceptual_hash, of the photo as it would be cut",
          FILE),
    Field("labels_digest", "StringField", "hash of the labels as curate wrote them last", FILE),
    Field("labels_fingerprint", "ListField", "what they were computed from: taxonomy, source "
          "and decisions", FILE),
    Field("scores", "DictField", "of the last flagged run, by the id of the label", FILE),
)  # fmt: skip
"""Of each photo, in the order of the sidebar."""

ON_DETECTIONS = (
    Field("source", "StringField", "where it stands in the annotation file"),
    Field("rle", "StringField", "the exact mask over the whole photo: COCO's compressed counts"),
    Field("source_attributes", "ListField", "attributes, in the annotation file's order"),
    Field("repaired", "ListField", "what the reader had to repair"),
)
"""Of every garment: labels as imported, labels, and what the model sees and nobody labelled."""

ON_LABELS = (
    Field("source_label", "StringField", "what the annotation file calls it"),
    Field("review_status", "StringField", "kept, relabelled, redrawn or added by a reviewer"),
)
"""Of ``labels`` beside those."""

SUGGESTIONS = (
    Field("suggested_mask", "StringField", "the mask that it would have, as `rle`"),
    Field("second_label", "StringField", "of a label over two garments, the class of the other "
          "one"),
    Field("second_mask", "StringField", "the mask of that one, as `rle`"),
)  # fmt: skip
"""Of ``labels``: what would be right where the outline is not. An earlier build wrote none."""

CLASS_SCORES = (
    Field("error_score", "FloatField", "the probability that the label is wrong"),
    Field("error_type", "StringField", "what would be wrong with it"),
    Field("suggested_label", "StringField", "the class that the model sees"),
    Field("reason", "StringField", "why it is a suspect"),
    *SUGGESTIONS,
)
"""Of ``labels``: what flagging says of class and mask."""

SOURCE_SCORES = (
    Field("source_error_score", "FloatField", "the probability that the source label is wrong "
          "within its class"),
    Field("suggested_source_label", "StringField", "what it looks like instead"),
    Field("source_reason", "StringField", "why"),
)  # fmt: skip
"""Of ``labels``: what flagging says of the source label."""

SCORES = tuple(field.name for field in (*CLASS_SCORES, *SOURCE_SCORES))

FAULTS_ON_LABELS = (
    Field("faults", "ListField", "what an audit found of the label"),
    Field("fault_details", "ListField", "the same in whole sentences"),
    Field("at_odds_with", "StringField", "the photo that shows the same and has another label"),
    Field("severity", "StringField", "error, warning or note: the worst of them"),
)
"""Of labels as imported and of ``labels``, once they were audited."""

ON_MISSING = (
    Field("review_status", "StringField", "added or dismissed by a reviewer"),
    Field("reason", "StringField", "why it is a suspect"),
)
"""Of what the model sees and nobody labelled."""

OF_A_RUN = (
    Field("prediction_<run>", "Segmentation", "class ids that the model predicts", DRAWN),
    Field("confidence_<run>", "Heatmap", "the probability of that class", DRAWN),
    Field("outline_<run>", "Polylines", "the edges of the prediction", DRAWN),
    Field("missing_<run>", "Detections", "garments that the model sees and nobody labelled", DRAWN),
)
"""Of each run that predicted or was flagged."""
