"""New, unchanged, moved or changed: what a photo of the file is to the dataset."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import bson
import pytest
from bson import ObjectId

from curation.core import rle
from curation.core.errors import CurateError
from curation.core.finding import Finding, FindingKind
from curation.core.records import ImageRecord, Instance
from curation.store import documents, prepare
from curation.store.prepare import PreparedImage, Status, Target
from tests.conftest import picture

MASK = rle.encode(picture("......", "#.....", "#.....", "###..."))
SHIRT = Instance("shirt", MASK, "t.csv:2", ("plain",))
SHOE = Instance("shoe", MASK, "t.csv:3", repaired=(FindingKind.RUN_PAST_END,))
KEY = ObjectId("0" * 24)


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"12 bytes long")
    return ImageRecord("a", path, 4, 6, (SHIRT, SHOE))


def target(*known: ImageRecord, update: bool = False) -> Target:
    digests = {
        r.image_id: (documents.content_digest(r), documents.location_digest(r)) for r in known
    }
    return Target(KEY, digests, update)


def test_a_new_image_is_packed_whole(record):
    image = prepare.prepare(record, target())
    assert (image.image_id, image.status, image.instances) == ("a", Status.ADDED, 2)
    document = bson.decode(image.document)
    assert document["_dataset_id"] == KEY
    assert document["excluded"] is False
    assert document["metadata"]["size_bytes"] == 13
    assert [d["label"] for d in document["ground_truth"]["detections"]] == ["shirt", "shoe"]


def test_an_unchanged_image_is_not_packed(record):
    for update in (False, True):
        image = prepare.prepare(record, target(record, update=update))
        assert image == PreparedImage("a", Status.UNCHANGED, 2, b"")


def test_a_image_that_only_moved_is_packed_even_without_update(record):
    moved = replace(record, instances=(SHIRT, replace(SHOE, source="t.csv:9")))
    image = prepare.prepare(moved, target(record))
    assert image.status is Status.MOVED
    document = bson.decode(image.document)
    assert [d["source"] for d in document["ground_truth"]["detections"]] == ["t.csv:2", "t.csv:9"]


def test_a_changed_image_is_packed_if_it_is_to_be_updated(record):
    changed = replace(record, instances=(replace(SHIRT, attributes=("striped",)), SHOE))
    assert prepare.prepare(changed, target(record)) == PreparedImage("a", Status.CHANGED, 2, b"")
    image = prepare.prepare(changed, target(record, update=True))
    assert image.status is Status.CHANGED
    document = bson.decode(image.document)
    assert document["ground_truth"]["detections"][0]["source_attributes"] == ["striped"]


def test_an_update_leaves_alone_what_people_and_runs_said_of_a_image(record):
    changed = replace(record, instances=(SHOE,))
    packed = bson.decode(prepare.prepare(changed, target(record, update=True)).document)
    computed_anew = {"filepath", "metadata", "ground_truth", "content_digest", "location_digest"}
    assert packed.keys() == computed_anew


def test_a_image_too_large_for_the_database_is_refused_with_its_place(record):
    huge = replace(SHIRT, polygons=(tuple(float(v) for v in range(700_000)),))
    large = replace(record, instances=(huge, SHOE))
    with pytest.raises(CurateError, match=r"^t.csv:2: a has 2 labels of above 7 MiB"):
        prepare.prepare(large, target())
    with pytest.raises(CurateError, match="more than the database keeps"):
        prepare.prepare(large, target(record, update=True))
    assert prepare.prepare(large, target(record)).status is Status.CHANGED  # nothing is packed


def test_a_image_imported_before_there_were_digests_differs(record):
    assert prepare.prepare(record, Target(KEY, {"a": ("", "")}, False)).status is Status.CHANGED


@dataclass(frozen=True)
class Listed:
    """A :class:`curation.formats.source.Source` of records that are there already."""

    images: tuple[ImageRecord | Finding, ...]
    path: Path = Path("t.csv")
    images: Path = Path()

    @property
    def names(self):
        return [getattr(p, "image_id", "gone") for p in self.images]

    def read(self, start, stop, on_finding):
        for image in self.images[start:stop]:
            if isinstance(image, Finding):
                on_finding(image)
            else:
                yield image


GONE = Finding(FindingKind.IMAGE_WITHOUT_FILE, "t.csv:7", "no photo 'gone'")


def test_a_slice_says_what_was_skipped_and_what_was_repaired(record):
    fine = replace(record, image_id="b", instances=(SHIRT,))
    source = Listed((fine, record, GONE, replace(record, image_id="c")))
    images, skips, repaired, warnings = prepare.prepare_slice((source, target(fine)), range(0, 3))
    assert [(p.image_id, p.status) for p in images] == [("b", "unchanged"), ("a", "new")]
    assert skips == [GONE]
    assert repaired == [Finding(FindingKind.RUN_PAST_END, "t.csv:3", "shoe")]
    assert warnings == []


def test_another_file_than_was_labelled_is_doubted_and_not_repaired(record):
    kinds = (FindingKind.OUT_OF_FRAME, FindingKind.OTHER_FILE)
    drawn = replace(record, instances=(replace(SHIRT, repaired=kinds),))
    done = prepare.prepare_slice((Listed((drawn,)), target()), range(0, 1))
    assert [f.kind for f in done.repaired] == [FindingKind.OUT_OF_FRAME]
    assert [f.kind for f in done.warnings] == [FindingKind.OTHER_FILE]


def test_a_warning_keeps_nothing_out_and_is_no_repair(record):
    doubt = Finding(FindingKind.NUMBERS_FOR_LABELS, "t.csv")
    source = Listed((doubt, replace(record, instances=(SHIRT,))))
    done = prepare.prepare_slice((source, target()), range(0, 2))
    assert (len(done.images), done.skips, done.repaired, done.warnings) == (1, [], [], [doubt])
    assert prepare.first_finding(source, range(0, 2)) is None


def test_what_a_worker_is_given_and_gives_back_goes_through_pickle(record):
    shared = Listed((record, GONE)), target(record)
    assert pickle.loads(pickle.dumps(shared)) == shared
    done = prepare.prepare_slice(shared, range(0, 2))
    assert pickle.loads(pickle.dumps(done)) == done


def test_the_first_finding_is_a_skip_or_a_repaired_label(record):
    fine = replace(record, image_id="b", instances=(SHIRT,))
    assert prepare.first_finding(Listed((fine,)), range(0, 1)) is None
    assert prepare.first_finding(Listed((fine, GONE, record)), range(0, 3)) == GONE
    repaired = Finding(FindingKind.RUN_PAST_END, "t.csv:3", "shoe")
    assert prepare.first_finding(Listed((fine, record, GONE)), range(0, 3)) == repaired
