import gzip
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.core.errors import FormatError
from curation.formats import json_index

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
tables = st.dictionaries(st.text(), st.lists(values, max_size=4) | values, max_size=4)


def elements(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(json_index.elements(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables, st.integers(1, 40), st.sampled_from([None, 1, "\t"]), st.booleans(), st.booleans())
def test_any_window_gives_the_elements_of_each_list_and_their_bytes(
    tmp_path, monkeypatch, table, window, indent, ascii_only, bom
):
    monkeypatch.setattr(json_index, "WINDOW", window)
    text = json.dumps(table, indent=indent, ensure_ascii=ascii_only)
    data = bom * b"\xef\xbb\xbf" + text.encode()
    found = elements(tmp_path, data)
    lists = {key: value for key, value in table.items() if isinstance(value, list)}
    assert [(e.key, e.value) for e in found] == [(k, v) for k, vs in lists.items() for v in vs]
    for element in found:
        piece = data[element.start : element.stop]
        assert piece == piece.strip()
        assert json_index.decode(piece) == element.value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "a.json:byte 0: not JSON: the file ends in the place of {"),
        ("5", "byte 0: not JSON: '5' stands in the place of {"),
        ("[1, 2", "byte 5: not JSON: the file ends in the place of"),
        ('{"a": [1, 2', "byte 11: not JSON: the file ends in the place of"),
        ('{"a": [{"b": 1', "byte 14: not JSON: Expecting ',' delimiter"),
        ('{"a": 12', "byte 8: not JSON: the file ends in the place of , or }"),
        ('{"a": [1 2]}', "byte 9: not JSON: '2' stands in the place of"),
        ('{"a": [1,]}', "byte 9: not JSON: Expecting value"),
        ('{"a": ["b]}', "byte 7: not JSON: Unterminated string"),
        ('{"a": [{"b": tru, "c": "a text behind the fault"}]}', "byte 13: not JSON: Expecting"),
        ("{a: 1}", "byte 1: not JSON: no key in quotes"),
        ('{"a": []} {}', "byte 10: not JSON: something follows"),
        ("[1] [2]", "byte 4: not JSON: something follows"),
        ('{"a": [], "a": []}', "'a' stands twice"),
        ('{"%s": [], "%s": []}' % (("a" * 10**4,) * 2), r"'a+\.\.\.a+' stands twice"),
        ('{"a": [{"b": 1, "b": 2}]}', "byte 7: not JSON: an object has the key 'b' twice"),
        ('{"a": [' + "9" * 5000 + "]}", "byte 7: not JSON"),
        ('{"a": ' + "[" * 10**5, "byte 7: nested too deep"),
        ('{"a": {"b": ' + "[" * 10**5, "byte 6: nested too deep"),
        (b'{"a": ["\xff"]}', "byte 7: not JSON: byte 0xff is none of UTF-8: save it"),
        ("{}".encode("utf-16"), "a.json: UTF-16 text, .* save it as UTF-8"),
        ("{}".encode("utf-16-be"), "a.json: UTF-16 text"),
        (gzip.compress(b"{}", mtime=0), "a.json: a gzip file: unpack it"),
    ],
)
@pytest.mark.parametrize("window", [1, 2**20])
def test_what_is_not_json_is_an_error_with_its_place(
    tmp_path, monkeypatch, window, content, message
):
    monkeypatch.setattr(json_index, "WINDOW", window)
    with pytest.raises(FormatError, match=message):
        elements(tmp_path, content)


@pytest.mark.parametrize("window", [1, 2**20])
def test_the_elements_of_a_list_have_no_key(tmp_path, monkeypatch, window):
    monkeypatch.setattr(json_index, "WINDOW", window)
    assert elements(tmp_path, "[]") == []
    assert elements(tmp_path, ' [{"a": 1}, 20]') == [("", 2, 10, {"a": 1}), ("", 12, 14, 20)]


@pytest.mark.parametrize("window", [1, 2**20])
def test_what_python_writes_for_a_gap_is_a_number(tmp_path, monkeypatch, window):
    monkeypatch.setattr(json_index, "WINDOW", window)
    found = elements(tmp_path, '{"a": [{"area": NaN}, -Infinity], "b": NaN, "c": [7]}')
    assert [e.key for e in found] == ["a", "a", "c"]
    assert math.isnan(found[0].value["area"])
    assert [e.value for e in found[1:]] == [-math.inf, 7]


@pytest.mark.parametrize("content", ['{"a": [1, "%s"]}', '{"b": {"c": "%s"}}', '{"a": [["%s"'])
def test_an_element_that_would_eat_the_memory_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setattr(json_index, "WINDOW", 16)
    monkeypatch.setattr(json_index, "MAX_ELEMENT", 2**20)
    with pytest.raises(FormatError, match="larger than 1 MiB"):
        elements(tmp_path, content % ("x" * 2**20))


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FormatError, match="No such file"):
        list(json_index.elements(tmp_path / "gone.json"))
