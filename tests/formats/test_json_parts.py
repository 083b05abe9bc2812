"""Parts of a JSON text change, and no other byte of it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from curation.formats.json_parts import parts, rebuilt, replaced

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
layouts = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 3, "\t"]),
        "separators": st.sampled_from([(",", ":"), (" , ", " : "), (",\r\n", ":\t")]),
        "ensure_ascii": st.booleans(),
    }
)
containers = st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=3), values, max_size=4)


@given(containers, layouts, st.sampled_from(["", " ", "\n"]))
def test_what_is_put_together_of_its_own_parts_is_the_same(value, layout, before):
    text = before + json.dumps(value, **layout) + before
    start, stop = len(before), len(text) - len(before)
    there = parts(text, start)
    own = [[text[p.start : p.stop]] for p in there]
    assert rebuilt(text, start, stop, own) == text[start:stop]
    found = [json.loads(text[p.value : p.stop]) for p in there]
    assert found == (list(value.values()) if isinstance(value, dict) else value)


def test_what_is_empty_keeps_its_blanks_until_something_comes():
    assert rebuilt("[ \n]", 0, 4, []) == "[ \n]"
    assert rebuilt("[ \n]", 0, 4, [], ["1", "2"]) == "[1, 2]"


@given(st.lists(values, min_size=1, max_size=5), layouts, st.data())
def test_some_elements_go_and_others_come(value, layout, data):
    text = json.dumps(value, **layout)
    kept = data.draw(st.lists(st.booleans(), min_size=len(value), max_size=len(value)))
    pieces = [[text[p.start : p.stop]] * k for p, k in zip(parts(text, 0), kept, strict=True)]
    left = [v for v, k in zip(value, kept, strict=True) if k]
    assert json.loads(rebuilt(text, 0, len(text), pieces, ["7", '"x"'])) == [*left, 7, "x"]
    assert json.loads(rebuilt(text, 0, len(text), pieces)) == left


@given(st.dictionaries(st.text(max_size=3), values, min_size=1, max_size=4), layouts)
def test_a_member_has_another_value_and_the_others_their_own(value, layout):
    text, key = json.dumps(value, **layout), next(iter(value))
    assert json.loads(replaced(text, 0, len(text), {key: "[8]"})) == value | {key: [8]}
    assert replaced(text, 0, len(text), {}) == text
