"""The queue: worst first, and one garment once."""

from curation.review.suspect import (
    FAULT,
    MISSING,
    SOURCE_LABEL,
    Suspect,
    iou,
    is_there,
    mix,
    queue,
    worst_first,
)

BOX = (0.25, 0.25, 0.5, 0.5)


def suspect(label_id: str, kind: str = "wrong category", score: float = 0.9, **values) -> Suspect:
    known = {
        "image_id": "a", "sample": "", "path": "", "width": 4, "height": 4, "field": "labels",
        "label": "feet", "source_label": "", "source": "", "box": BOX, "suggested": "lower-body",
        "suggested_source": "", "reason": "", "split": "", "fold": None, "faults": (), "also": "",
        "seen": "",
    }  # fmt: skip
    return Suspect(id=label_id, kind=kind, score=score, **(known | values))


def missing(label_id: str, score: float = 0.8, **values) -> Suspect:
    return suspect(label_id, MISSING, score, **({"label": "lower-body"} | values))


def test_worst_first():
    found = queue([suspect("1", score=0.6), suspect("2", score=0.9), suspect("3", score=0.7)])
    assert [s.id for s in found] == ["2", "3", "1"]


def test_what_changes_no_class_of_a_pixel_comes_last():
    found = queue(
        [suspect("1", FAULT, 0), suspect("2", SOURCE_LABEL, 1.0), suspect("3", score=0.5)]
    )
    assert [s.id for s in found] == ["3", "2", "1"]


def test_what_is_less_likely_to_be_wrong_comes_after_all_suspects():
    rest = [suspect("1", score=0.2, doubted=False), suspect("2", score=0.1, doubted=False)]
    found = worst_first([*rest, suspect("3", FAULT, 0), suspect("4", score=0.3)])
    assert [s.id for s in found] == ["4", "3", "1", "2"]


def test_what_is_less_likely_and_drawn_has_the_plain_sentence_among_suspects():
    found = [suspect("1"), suspect("2", score=0.1, doubted=False, reason="nothing there")]
    mixed = mix(found, [suspect("2", score=0.1, reason="nothing there")], apart=2)
    assert [(s.id, s.doubted) for s in mixed] == [("1", True), ("2", True)]
    assert mixed[1].reason == "labelled feet; compare its class and its outline with the photo"


def test_where_no_suspects_are_left_a_sample_is_spread_over_what_is_less_likely():
    rest = [suspect(f"{i:02x}", score=0.2 - i / 100, doubted=False) for i in range(9)]
    sample = [suspect(f"{i:02x}", score=0.9) for i in (50, 51)]
    mixed = mix([suspect("3", FAULT, 0), *rest], sample, apart=2)
    assert mixed[0].kind == FAULT
    assert {s.doubted for s in mixed[1:]} == {False}
    assert [i for i, s in enumerate(mixed) if s.id in {x.id for x in sample}] == [2, 5]


def test_a_garment_labelled_as_another_class_and_found_missing_is_one_suspect():
    (only,) = queue([suspect("1", score=0.6), missing("2", score=0.8)])
    assert (only.id, only.also, only.score) == ("1", "2", 0.8)


def test_a_missing_garment_is_its_own_suspect_elsewhere_and_of_another_class():
    elsewhere = missing("2", box=(0.7, 0.7, 0.3, 0.3))
    other = missing("3", label="whole-body")
    in_another = missing("4", image_id="b")
    assert {s.id for s in queue([suspect("1"), elsewhere, other, in_another])} == set("1234")


def test_a_missing_garment_goes_with_one_label_only():
    found = queue([suspect("1"), suspect("2"), missing("3")])
    assert sorted((s.id, s.also) for s in found) == [("1", "3"), ("2", "")]


def test_a_missing_garment_is_there_once_a_label_of_its_class_lies_at_its_place():
    assert is_there(BOX, "feet", [("feet", (0.25, 0.25, 0.5, 0.4))])
    assert not is_there(BOX, "feet", [("lower-body", BOX), ("feet", (0.7, 0.7, 0.3, 0.3))])


def test_iou_of_boxes_that_do_not_touch():
    assert iou((0, 0, 0.1, 0.1), (0.5, 0.5, 0.1, 0.1)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_a_sample_is_spread_over_the_next_suspects_and_nobody_can_tell_it_from_them():
    suspects = queue([suspect(f"{i:02x}", score=0.9 - i / 100) for i in range(20)])
    sample = [suspect(f"{i:02x}", score=0.01, reason="at 0.01 over 0% of it") for i in (50, 51, 52)]
    mixed = mix(suspects, sample, apart=2)
    at = [i for i, s in enumerate(mixed) if s.id in {x.id for x in sample}]
    assert [s.id for s in mixed if s in suspects] == [s.id for s in suspects if s in mixed]
    assert at == [1, 4, 7]
    assert [s.score for s in mixed] == sorted((s.score for s in mixed), reverse=True)
    reasons = {s.reason for s in mixed if s.id in {x.id for x in sample}}
    assert reasons == {"labelled feet; compare its class and its outline with the photo"}
    assert sum(s.reason in reasons for s in mixed) > len(sample), "some suspects say so too"
    last = max(at)
    assert {s.reason for s in mixed[last + 2 :]} == {""}, "none behind them"


def test_a_suspect_that_was_drawn_moves_up_and_keeps_its_sentence():
    suspects = queue([suspect(f"{i:02x}", score=0.9 - i / 100, reason="why") for i in range(20)])
    mixed = mix(suspects, [suspect("13", score=0.71)], apart=2)
    assert [s.id for s in mixed].index("13") <= 1
    assert (len(mixed), next(s for s in mixed if s.id == "13").reason) == (20, "why")


def test_a_sample_is_asked_about_where_nothing_else_is():
    sample = [suspect("1", score=0.02), suspect("2", score=0.01)]
    last = suspect("3", FAULT, 0)
    assert [s.id for s in mix([last], sample, apart=2)] == ["1", "2", "3"]
