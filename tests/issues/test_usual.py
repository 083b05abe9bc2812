"""What is usual for labels of a source label, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from curation.issues.usual import Usual

SCARF, BAG = (3, "scarf"), (3, "bag")


def labels(*rows: tuple[tuple[int, str], int, float]) -> pd.DataFrame:
    """Of class and source label, fold, and p_own."""
    return pd.DataFrame(
        [{"class_id": k, "source_label": s, "fold": f, "p_own": p} for (k, s), f, p in rows]
    )


GIVEN = labels(*[(SCARF, f % 2, 0.1) for f in range(40)], *[(BAG, f % 2, 0.9) for f in range(40)])


def than_usual(frame: pd.DataFrame, given: pd.DataFrame = GIVEN) -> list[float]:
    return Usual.of(given).beside(frame)["than_usual_p_own"].tolist()


def test_a_scarf_that_the_model_does_not_see_is_as_usual_and_a_bag_is_not():
    # 20 labels of the other fold, and 5 of the whole class, whose mean is 0.5.
    usual_scarf, usual_bag = (20 * 0.1 + 5 * 0.5) / 25, (20 * 0.9 + 5 * 0.5) / 25
    found = than_usual(labels((SCARF, 0, 0.1), (BAG, 0, 0.1)))
    assert found == pytest.approx([0.1 - usual_scarf, 0.1 - usual_bag])
    assert abs(found[0]) < 0.1 < 0.7 < abs(found[1])


def test_a_label_is_not_held_against_photos_of_its_own_fold():
    changed = GIVEN.assign(p_own=GIVEN["p_own"].where(GIVEN["fold"] != 0, 1.0))
    one = labels((SCARF, 0, 0.1))
    assert than_usual(one, changed) == pytest.approx(than_usual(one))
    assert than_usual(one.assign(fold=1), changed) != pytest.approx(than_usual(one.assign(fold=1)))


def test_an_injected_class_gets_a_source_label_of_its_own_the_same_each_time():
    frame = labels(*[((3, ""), 0, 0.5)] * 50, (SCARF, 0, 0.5))
    found = Usual.of(GIVEN).named(frame, 0)["source_label"].tolist()
    assert found == Usual.of(GIVEN).named(frame, 0)["source_label"].tolist()
    assert set(found[:50]) == {"scarf", "bag"}
    assert found[50] == "scarf"


def test_of_a_class_or_a_source_label_that_no_other_photo_has_nothing_is_far_from_usual():
    rare, unknown = labels(((3, "veil"), 0, 0.5)), labels(((7, "wings"), 0, 0.5))
    assert than_usual(rare) == pytest.approx([0])
    assert than_usual(unknown) == pytest.approx([0])
    assert Usual.of(GIVEN).beside(labels()[:0].reindex(columns=GIVEN.columns)).empty
