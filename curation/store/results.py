"""What a run found, written back where a curator sees it: predictions, scores, saved views."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.core.errors import RunError
from curation.core.outlines import rings
from curation.core.records import Instance
from curation.core.rle import Rle
from curation.issues.issue import ImageScore, Issue, PhotoIssue
from curation.store import app_config, documents, edits, labels, opening, saved, tiles
from curation.store.dataset import Dataset, batches
from curation.store.fields import LABELS, ON_MISSING, SCORES
from curation.store.lazy import fo

SUSPECTS = "suspects, worst first"
HABITS = "habits"


def write_predictions(
    dataset: Dataset, run: str, predictions: Iterable[tuple[str, Path, Path]]
) -> int:
    """Points the samples at a run's class masks and confidence maps, and draws their outlines.

    Args:
        predictions: image_id, PNG of class ids, 8-bit PNG of confidence

    Returns:
        photos with a prediction
    """
    names = {c.id: c.name for c in dataset.taxonomy.classes}
    written = 0
    for batch in batches(predictions):
        fields = {
            f"prediction_{run}": {i: fo.Segmentation(mask_path=str(m)) for i, m, _ in batch},
            f"confidence_{run}": {i: fo.Heatmap(map_path=str(heat)) for i, _, heat in batch},
            f"outline_{run}": {i: outlines(np.asarray(Image.open(m)), names) for i, m, _ in batch},
        }
        for name, values in fields.items():
            dataset.write_column(name, values)
        written += len(batch)
    dataset.remember_run(run)
    app_config.configure(dataset)
    return written


def outlines(label_map: NDArray[np.uint8], names: Mapping[int, str]) -> fo.Polylines:
    """The edges of a prediction, one polyline a class, for ``outline_<run>``.

    Args:
        label_map: (H, W) class ids; any size, since points are relative to it
        names: class id -> class name; other ids are left out

    Returns:
        open polylines that end where they begin: FiftyOne takes a click inside a
        closed one for a click on it, and the label beneath could not be picked
    """
    edges = []
    for class_id, name in names.items():
        closed = [[*ring, ring[0]] for ring in rings(label_map == class_id)]
        if closed:
            edges.append(fo.Polyline(label=name, points=closed, closed=False, filled=False))
    return fo.Polylines(polylines=edges)


def prediction_paths(dataset: Dataset, run: str, image_ids: Iterable[str]) -> dict[str, Path]:
    """The PNG of class ids that a run predicted, by image_id.

    Raises:
        RunError: the run has no predictions in the dataset
    """
    field = f"prediction_{run}"
    if not dataset.has(field):
        raise RunError(run, f"has no predictions: run `curate predict {dataset.name} --run {run}`")
    view = dataset.samples.match({"image_id": {"$in": sorted(image_ids)}})
    columns = view.values(["image_id", f"{field}.mask_path"])
    return {i: Path(path) for i, path in zip(*columns, strict=True) if path}


def write_scores(dataset: Dataset, run: str, scores: Iterable[ImageScore]) -> None:
    """Writes scores of instances and photos, ``missing_<run>``, and the saved views.

    Raises:
        RunError: another process has flagged another run meanwhile: all scores are of one run
    """
    missing = f"missing_{run}"
    dataset.declare(missing, ON_MISSING)
    dataset.declare_labels()
    dataset.remember_run(run, flagged=True)
    for batch in batches(scores):
        with dataset.locked():
            if dataset.flagged != run:
                again = f"`curate flag {dataset.name} --run {run}` shows this one"
                raise RunError(run, f"{dataset.flagged} was flagged meanwhile; {again}")
            found = {
                photo.image_id: {
                    missing: _as_detections(photo),
                    "error_score": photo.error_score,
                    **_whole(photo.whole),
                    "scores": _by_instance(photo),
                }
                for photo in batch
            }
            edits.adopt(dataset, found)  # made in FiftyOne meanwhile; labels are made anew
            photos = labels.read(dataset, found)
            labels.store_labels(dataset, photos, dataset.review(), found)
    opening.renew(dataset)  # photos that were not scored, too: another run is the flagged one
    save_views(dataset)
    app_config.configure(dataset)


def _by_instance(image: ImageScore) -> dict[str, dict]:
    """The scores of a photo's labels, kept apart from ``labels``, which are computed anew."""
    names = ("digest", "source_label", *SCORES)
    return {
        issue.instance_id: {name: _stored(getattr(issue, name)) for name in names}
        for issue in image.issues
        if issue.mask is None
    }


def _whole(issue: PhotoIssue | None) -> dict:
    """What is said of all labels of a photo together."""
    return {
        "photo_error_score": issue.error_score if issue else None,
        "photo_error_type": issue.error_type if issue else "",
        "photo_reason": issue.reason if issue else "",
        "suggested_transform": issue.suggested_transform if issue else "",
    }


def _stored(value: str | float | Rle | None) -> str | float | None:
    """A mask as ``rle`` has one: the photo's size is known."""
    return value.counts.decode() if isinstance(value, Rle) else value


def _as_detections(photo: ImageScore) -> dict:
    """The missing garments of a photo, as a document."""
    found = [_missing(issue, issue.mask) for issue in photo.issues if issue.mask]
    return {"_cls": "Detections", "detections": found}


def _missing(issue: Issue, mask: Rle) -> dict:
    garment = Instance(issue.suggested_label, mask, issue.source, instance_id=issue.instance_id)
    return documents.detection(garment, confidence=issue.error_score, reason=issue.reason)


def save_views(dataset: Dataset) -> None:
    """One saved view for each question a curator asks."""
    samples, kept = dataset.samples, {"excluded": {"$ne": True}}

    def save(name: str, description: str, view: fo.DatasetView) -> None:
        saved.save_view(dataset, name, description, lambda: view)

    # As MongoDB's own queries, which use the indexes; FiftyOne's expressions read every photo.
    doubted = samples.match(kept | {"n_suspect": {"$gt": 0}})
    save(
        SUSPECTS,
        "photos with something undecided that the model doubts",
        doubted.sort_by("error_score", reverse=True),
    )
    tiles.save_views(dataset)
    save("decided", "photos with a decision", samples.match({"review_status": "decided"}))
    save("excluded", "left out of training and export", samples.match({"excluded": True}))
    save(
        "held-out test",
        "never trained on by a run without folds",
        samples.match({"split": "test"}),
    )


def save_habits(
    dataset: Dataset, image_ids: Collection[str], instance_ids: Collection[str]
) -> None:
    """Saves a view of the labels that are habits, as far as nobody decided on them."""

    def make() -> fo.DatasetView:
        photos = dataset.samples.match({"image_id": {"$in": sorted(set(image_ids))}})
        of_habits = photos.select_labels(ids=sorted(set(instance_ids)), fields=LABELS)
        return of_habits.filter_labels(LABELS, fo.ViewField("review_status") == "")

    about = "labels of a source that calls a class otherwise than the rest"
    saved.replace_view(dataset, HABITS, about, make)
