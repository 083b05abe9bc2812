"""The working copy: source labels under the active taxonomy, with the decisions applied.

``labels`` are computed of a photo's document and a :class:`Review`, and of nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from curation.core import taxonomy
from curation.core.errors import TaxonomyError
from curation.core.taxonomy import IGNORE, Taxonomy
from curation.core.text import count
from curation.issues import issue as issues
from curation.issues.issue import SUSPECT
from curation.review import Decision, Review, Reviewed
from curation.review.suspect import is_there
from curation.store import app_config, bulk, documents, tiles, whole_photos
from curation.store.dataset import Dataset, as_instance, batches
from curation.store.fields import CLASS_SCORES, GROUND_TRUTH, LABELS, SCORES, SOURCE_SCORES

READ = ("metadata", "content_digest", "scores", "labels_digest", "labels_fingerprint",
        *whole_photos.FIELDS, GROUND_TRUTH, LABELS)  # fmt: skip
"""The fields of a document that labels are computed from and compared with."""


@dataclass(frozen=True, slots=True)
class Remapped:
    """What a remap does: instances by source label and what each becomes (None is dropped).

    Attributes:
        deferred: decisions in another vocabulary, which wait until it is active again
    """

    taxonomy: Taxonomy
    counts: dict[str, int]
    targets: dict[str, str | None]
    deferred: int

    def summary(self) -> str:
        """Instances, and how many of them are dropped."""
        dropped = sum(n for label, n in self.counts.items() if not self.targets[label])
        return f"{sum(self.counts.values()):,} instances, {dropped:,} dropped"


def remap(dataset: Dataset, toml: str, path: str, dry_run: bool = False) -> Remapped:
    """Computes ``labels`` anew from ``ground_truth`` under a taxonomy.

    Repeatable, and nothing is lost: the source labels and the journal stay.

    Args:
        toml, path: the taxonomy's text, and what errors call it
        dry_run: say what would be done, and do nothing

    Raises:
        TaxonomyError: the taxonomy is wrong, or does not speak of some labels
    """
    new = taxonomy.parse(toml, path)
    counts = dataset.samples.count_values(f"{GROUND_TRUTH}.detections.label")
    if unmapped := new.unmapped(counts):
        listed = ", ".join(f"{label!r} ({n})" for label, n in unmapped.items())
        raise TaxonomyError(
            path,
            f"does not have {count(len(unmapped), 'label')} of {dataset.name}: {listed}; "
            "add each to a class's `from`, to `drop` or to `ignore`",
        )
    under = Review(dataset.review().active, new)
    deferred = sum(map(under.deferred, under.active))
    done = Remapped(new, counts, {label: new.target(label) for label in counts}, deferred)
    if not dry_run:
        dataset.declare_labels()
        with dataset.locked():  # no labels are computed with one taxonomy, and written with another
            dataset.set_taxonomy(new, toml, path)
        rebuild(dataset, dataset.image_ids())
        with dataset.locked():
            # By another remap of meanwhile, that one vouches for the labels: it may be killed.
            if dataset.taxonomy_toml == toml:
                dataset.note_current()
        app_config.configure(dataset)
    return done


def finer_labels(dataset: Dataset) -> dict[str, str]:
    """The source labels of classes that have several, and the class of each."""
    active = dataset.taxonomy
    # By the index; FiftyOne's own ``distinct`` reads every photo.
    every = bulk.collection(dataset.samples).distinct(f"{GROUND_TRUTH}.detections.label")
    class_of = {
        label: target
        for label in sorted(every)
        if not active.unmapped({label: 1})
        and (target := active.target(label)) not in (None, IGNORE)
    }
    several = {name for name, count in Counter(class_of.values()).items() if count > 1}
    return {label: target for label, target in class_of.items() if target in several}


def rebuild(dataset: Dataset, image_ids: Iterable[str]) -> None:
    """Computes ``labels`` of some photos, up to the journal's last line.

    Raises:
        DatasetError: there is no taxonomy yet
    """
    dataset.declare_labels()
    for batch in batches(sorted(image_ids)):
        with dataset.locked():  # by the batch: a decision need not wait for all
            store_labels(dataset, list(read(dataset, batch)), dataset.review())


def read(dataset: Dataset, image_ids: Iterable[str]) -> Iterable[dict[str, Any]]:
    """The documents of some photos with all that their labels are computed from."""
    names = (*READ, *missing_fields(dataset))
    return bulk.read(dataset.samples, image_ids, names)


def missing_fields(dataset: Dataset) -> list[str]:
    """``missing_<run>`` of each run that was flagged."""
    return [name for run in dataset.runs if dataset.has(name := f"missing_{run}")]


def store_labels(
    dataset: Dataset,
    documents: Iterable[Mapping[str, Any]],
    review: Review,
    found: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Writes what the labels of some photos come to: each photo once, as a whole.

    Args:
        documents: as :func:`read` gives them
        found: by image_id, fields that labels are computed from and that change with them: a
            kill in between would leave labels that nobody knows to be stale
    """
    missing, flagged, toml = missing_fields(dataset), dataset.flagged, dataset.taxonomy_toml
    changes: dict[str, dict[str, Any]] = {}
    for before in documents:
        fields = dict((found or {}).get(before["image_id"], {}))
        document = {**before, **fields}
        if photo := compute(document, review):
            fields |= _as_fields(photo, review, toml)
            fields |= _marked(document, review, missing)
            if flagged:
                left = fields.get(f"missing_{flagged}", document.get(f"missing_{flagged}"))
                fields["photo_doubt"] = whole_photos.doubt(document, fields[LABELS])
                said = review.on_photos.get(photo.image_id)
                together = whole_photos.is_open_doubt({**document, **fields}, said)
                fields["n_suspect"] = count_suspects(fields[LABELS], left) + together
                fields["n_source_suspect"] = count_source_suspects(fields[LABELS])
        if fields:
            changes[document["image_id"]] = fields
    bulk.update(dataset.samples, changes)
    tiles.update(dataset, changes)


@dataclass(frozen=True, slots=True)
class ComputedLabels:
    """What the ``labels`` of a photo should hold.

    Attributes:
        content_digest: of the annotation file's labels
        sources: the documents of ``ground_truth``, by instance id
        scores: of the last flagged run, by instance id
        tags: that curators gave labels of the working copy in the App, by instance id
        items: the working copy
    """

    image_id: str
    height: int
    width: int
    content_digest: str
    sources: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Mapping[str, Any]]
    tags: Mapping[str, list[str]]
    items: Sequence[Reviewed]


def compute(document: Mapping[str, Any], review: Review) -> ComputedLabels | None:
    """What ``labels`` of a photo should hold.

    Returns:
        None for a photo with a label that the taxonomy does not speak of: it waits for a remap
    """
    height, width = document["metadata"]["height"], document["metadata"]["width"]
    sources = {str(d["_id"]): d for d in bulk.detections(document, GROUND_TRUTH)}
    if review.taxonomy is None or waits_for_remap(document, review.taxonomy):
        return None
    imported = [as_instance(d, height, width) for d in sources.values()]
    image_id = document["image_id"]
    digest, scores = document.get("content_digest") or "", document.get("scores") or {}
    tags = {str(d["_id"]): d.get("tags") or [] for d in bulk.detections(document, LABELS)}
    items = review.labels(image_id, imported)
    return ComputedLabels(image_id, height, width, digest, sources, scores, tags, items)


def waits_for_remap(document: Mapping[str, Any], active: Taxonomy) -> bool:
    """Whether a photo has a label that the taxonomy does not speak of."""
    return bool(
        active.unmapped(Counter(d["label"] for d in bulk.detections(document, GROUND_TRUTH)))
    )


def fingerprint(toml: str, content_digest: str, decided: Sequence[Decision]) -> list[str]:
    """What labels are computed from: a hash of taxonomy and source, and the decisions."""
    hashed = blake2b(f"{content_digest}\0{toml}".encode(), digest_size=8).hexdigest()
    return [hashed, *(d.decision_id for d in decided)]


def digest(labels: Iterable[Mapping[str, Any]]) -> str:
    """A hash of what the App shows of labels: class, box and mask. Of their documents."""
    said = []
    for d in labels:
        box = " ".join(f"{v:.6f}" for v in d["bounding_box"])
        said += [f"{d['_id']} {d['label']} {box}\0".encode(), d.get("mask") or b""]
    return blake2b(b"".join(said), digest_size=16).hexdigest()


def count_suspects(labels: Mapping[str, Any], missing: Mapping[str, Any] | None) -> int:
    """What the flagged run doubts in a photo and nobody decided on.

    Args:
        labels, missing: Detections, as documents
    """
    doubted = sum(
        (d["error_score"] or 0) >= SUSPECT and not d["review_status"] for d in labels["detections"]
    )
    left = [d for d in (missing or {}).get("detections") or [] if not d.get("review_status")]
    return doubted + len(still_missing(left, labels["detections"]))


MADE = ("relabelled", "redrawn", "added")
"""``review_status`` of labels that are what a reviewer made of them."""


def still_missing(
    missing: Iterable[Mapping[str, Any]], labels: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The missing garments of a photo, documents, at whose place no reviewer has put a label."""
    made = [(d["label"], d["bounding_box"]) for d in labels if d["review_status"] in MADE]
    return [d for d in missing if not is_there(d["bounding_box"], d["label"], made)]


def count_source_suspects(labels: Mapping[str, Any]) -> int:
    """The labels, a Detections document, whose source label is doubted and not decided on."""
    return sum(
        (d["source_error_score"] or 0) >= SUSPECT and not d["review_status"]
        for d in labels["detections"]
    )


def _as_fields(photo: ComputedLabels, review: Review, toml: str) -> dict[str, Any]:
    labels = [_label(item, photo) for item in photo.items]
    decided = review.of(photo.image_id)
    return {
        LABELS: {"_cls": "Detections", "detections": labels},
        "labels_digest": digest(labels),
        "labels_fingerprint": fingerprint(toml, photo.content_digest, decided),
        "review_status": "decided" if decided else "",
        "excluded": photo.image_id in review.excluded,
    }


def _marked(document: Mapping[str, Any], review: Review, missing: Sequence[str]) -> dict[str, Any]:
    """The missing garments of a photo whose ``review_status`` changes: added, dismissed or none."""
    changed = {}
    for name in missing:
        found = bulk.detections(document, name)
        status = [review.missing_status.get(str(d["_id"])) for d in found]
        if status != [d.get("review_status") for d in found]:
            marked = [d | {"review_status": s} for d, s in zip(found, status, strict=True)]
            changed[name] = {"_cls": "Detections", "detections": marked}
    return changed


def _label(item: Reviewed, photo: ComputedLabels) -> dict:
    instance = item.instance
    source = photo.sources.get(instance.instance_id)
    # Few decisions change a mask: what draws it is copied where it is the same.
    if source and source["rle"] == instance.mask.counts.decode():
        document = dict(source)
    else:
        document = documents.detection(instance)
    values: dict[str, Any] = dict.fromkeys(SCORES)
    # A score speaks of the label it was given to: a new label is not suspect until scored.
    scored = photo.scores.get(instance.instance_id, {})
    if scored.get("digest") == issues.digest(instance):
        values |= {field.name: scored.get(field.name) for field in CLASS_SCORES}
        if scored.get("source_label") == instance.source_label:
            values |= {field.name: scored[field.name] for field in SOURCE_SCORES}
    return document | {
        "tags": photo.tags.get(instance.instance_id, document.get("tags") or []),
        "label": instance.category,
        "source_label": instance.source_label,
        "review_status": item.status,
        **values,
    }
