import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.formats.messages import MAX_SHOWN, printable, quoted, shown

ANY = st.text(st.characters(), max_size=500)  # halves of characters too


@given(ANY)
def test_any_text_is_shown_on_one_bounded_line(text):
    for said in (shown(text), quoted(text), quoted([text] * 9), quoted({text: {text: text}})):
        assert said.isprintable()
        assert len(said) <= MAX_SHOWN
        said.encode()


@given(st.text(st.characters(), max_size=30))
def test_what_can_be_printed_is_shown_as_it_is_and_the_rest_as_its_escape(text):
    assert all(c in shown(text) for c in text if c.isprintable())
    if text.isprintable():
        assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\n", r"a\tb\n"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\ud800é", r"\ud800é"),
        ("\u202e", r"\u202e"),
        ("a" * 200, "a" * 200),
        ("a" * 150 + "b" * 150, "a" * 97 + "..." + "b" * 100),
    ],
)
def test_what_cannot_be_printed_is_shown_as_its_escape(text, expected):
    assert shown(text) == expected


@given(ANY)
def test_a_label_is_what_can_be_shown(text):
    try:
        label = printable(text)
    except ValueError as error:
        assert str(error).isprintable()
    else:
        assert label == text.strip() == shown(label) != ""
