import pytest

from curation.core.errors import FormatError
from curation.review import keys


def test_without_a_file_the_usual_keys():
    assert len(set(keys.KEYS.values())) == len(keys.KEYS)


def test_a_reviewer_changes_some_keys(tmp_path):
    (tmp_path / keys.FILE).write_text('[keys]\nkeep = "j"\nskip = "ArrowRight"\n')
    assert keys.load(tmp_path) == {**keys.KEYS, "keep": "j", "skip": "ArrowRight"}
    assert keys.load(tmp_path / "elsewhere") == keys.KEYS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[keys\n", "is no TOML"),
        ("[keys]\nkeep = 1\n", "has lines such as"),
        ('[keys]\nburn = "b"\n', "no key does burn"),
        ('[keys]\nkeep = "d"\n', "delete and keep have the same key"),
        ('[key]\nkeep = "j"\n', "knows .keys. alone, and not key"),
        ('[keys]\nkeep = "Escape"\n', "Escape always goes back"),
    ],
)
def test_a_wrong_file_is_named_with_the_reason(tmp_path, text, reason):
    (tmp_path / keys.FILE).write_text(text)
    with pytest.raises(FormatError, match=reason) as error:
        keys.load(tmp_path)
    assert keys.FILE in str(error.value)
