import pytest

from curation.core.errors import FormatError
from curation.review import keys


def test_without_a_file_the_usual_keys():
    assert len(set(keys.KEYS.values())) == len(keys.KEYS)


def test_a_reviewer_changes_some_keys(tmp_path):
    (tmp_path / keys.FILE).write_text('[keys]\nkeep = "j"\nskip = "ArrowRight"\n')
    assert keys.load(tmp_path) == {**keys.KEYS, "keep": "j", "skip": "ArrowRight"}
    assert keys.load(tmp_path / "elsewhere") == keys.KEYS


def test_a_file_that_windows_saved_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / keys.FILE).write_text('[keys]\nkeep = "j"\n', "utf-8-sig")
    assert keys.load(tmp_path)["keep"] == "j"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[keys\n", "is no TOML"),
        ("[keys]\nkeep = 1\n", "has lines such as"),
        ('[keys]\nburn = "b"\n', "no key does burn"),
        ('[keys]\nkeep = "d"\n', "delete and keep have the same key"),
        ('[key]\nkeep = "j"\n', "knows checks and .keys., and not key"),
        ('[keys]\nkeep = "Escape"\n', "Escape always goes back"),
    ],
)
def test_a_wrong_file_is_named_with_the_reason(tmp_path, text, reason):
    (tmp_path / keys.FILE).write_text(text)
    with pytest.raises(FormatError, match=reason) as error:
        keys.load(tmp_path)
    assert keys.FILE in str(error.value)


def test_the_share_of_checks_stands_above_the_keys(tmp_path):
    assert keys.checks(tmp_path) == 0
    (tmp_path / keys.FILE).write_text('checks = 0.05\n\n[keys]\nkeep = "j"\n')
    assert keys.checks(tmp_path) == 0.05
    assert keys.load(tmp_path)["keep"] == "j"


@pytest.mark.parametrize("share", ["0.6", "-0.1", "true", '"5 %"', "nan"])
def test_what_is_no_share_of_the_queue_is_refused(tmp_path, share):
    (tmp_path / keys.FILE).write_text(f"checks = {share}\n")
    with pytest.raises(FormatError, match="share of the queue"):
        keys.checks(tmp_path)
