import pytest

from curation import review, rle
from curation.errors import FormatError
from curation.records import Instance
from curation.review import Reviewed, decide
from tests.conftest import picture

MASK = rle.encode(picture("##.", "..."))
LABELS = [
    Reviewed("1", Instance("shirt", MASK)),
    Reviewed("2", Instance("skirt", MASK)),
]
CLASSES = {"shirt", "skirt", "coat"}


def outcome(*decisions):
    applied = review.apply(LABELS, review.standing(decisions), CLASSES)
    return [(r.instance_id, r.instance.category, r.status) for r in applied]


def test_keep_marks_and_changes_nothing():
    assert outcome(decide("keep", "a", instance_id="1")) == [
        ("1", "shirt", "kept"),
        ("2", "skirt", ""),
    ]


def test_relabel_changes_the_category():
    changed = decide("relabel", "a", instance_id="2", category="coat")
    assert outcome(changed) == [("1", "shirt", ""), ("2", "coat", "relabelled")]


def test_delete_takes_the_instance_out():
    assert outcome(decide("delete", "a", instance_id="1")) == [("2", "skirt", "")]


def test_add_brings_a_mask_of_its_own():
    added = decide("add", "a", instance_id="9", category="coat", mask=rle.to_text(MASK))
    applied = review.apply(LABELS, [added], CLASSES)
    assert applied[-1].instance.mask == MASK
    assert outcome(added)[-1] == ("9", "coat", "added")


def test_the_last_decision_on_an_instance_counts():
    first = decide("relabel", "a", instance_id="1", category="coat")
    second = decide("relabel", "a", instance_id="1", category="skirt")
    assert outcome(first, second)[0] == ("1", "skirt", "relabelled")


def test_a_relabel_after_a_delete_brings_the_instance_back():
    deleted = decide("delete", "a", instance_id="1")
    changed = decide("relabel", "a", instance_id="1", category="coat")
    assert outcome(deleted, changed)[-1] == ("1", "coat", "relabelled")


def test_undo_takes_one_decision_back_and_leaves_the_rest():
    deleted = decide("delete", "a", instance_id="1")
    changed = decide("relabel", "a", instance_id="2", category="coat")
    undone = decide("undo", "a", undoes=deleted.decision_id)
    assert outcome(deleted, changed, undone) == [("1", "shirt", ""), ("2", "coat", "relabelled")]


def test_a_category_of_another_taxonomy_waits():
    other = decide("relabel", "a", instance_id="1", category="streetwear", taxonomy="styles")
    assert outcome(other)[0] == ("1", "shirt", "")


def test_excluded_photos_and_their_undo():
    excluded = decide("exclude", "a")
    assert review.excluded([excluded]) == {"a"}
    assert review.excluded([excluded, decide("undo", "a", undoes=excluded.decision_id)]) == set()


@pytest.mark.parametrize(
    "values",
    [
        {"action": "burn"},
        {"action": "keep"},
        {"action": "relabel", "instance_id": "1"},
        {"action": "add", "category": "coat"},
        {"action": "undo"},
    ],
)
def test_half_a_decision_is_refused(values):
    with pytest.raises(ValueError):
        decide(values.pop("action"), "a", **values)


def test_the_journal_gives_back_what_was_written(tmp_path):
    journal = tmp_path / "decisions.csv"
    written = [
        decide("relabel", 'odd, "name"\n.jpg', "Ann", instance_id="1", category="top, t-shirt"),
        decide("add", "a", instance_id="9", category="coat", mask=rle.to_text(MASK)),
    ]
    review.append(journal, written[:1])
    review.append(journal, written[1:])
    assert review.read(journal) == written
    assert rle.parse(review.read(journal)[1].mask) == MASK


def test_a_line_torn_by_a_power_cut_is_left_out(tmp_path):
    journal = tmp_path / "decisions.csv"
    whole = decide("exclude", "a")
    review.append(journal, [whole])
    with journal.open("a") as file:
        file.write("f00d,2026-01-01T00:00:00Z,Ann,excl")
    assert review.read(journal) == [whole]


def test_a_decision_after_a_torn_line_is_not_lost(tmp_path):
    journal = tmp_path / "decisions.csv"
    first, second = decide("exclude", "a"), decide("exclude", "b")
    review.append(journal, [first])
    with journal.open("a") as file:
        file.write("f00d,2026-01-01T00:00:00Z,Ann,excl")
    review.append(journal, [second])
    assert review.read(journal) == [first, second]


def test_a_wrong_line_is_named(tmp_path):
    journal = tmp_path / "decisions.csv"
    review.append(journal, [decide("exclude", "a")])
    with journal.open("a") as file:
        file.write("1,now,Ann,burn,a,,,,,\n")
    with pytest.raises(FormatError, match=r"decisions.csv:3: 'burn'"):
        review.read(journal)
