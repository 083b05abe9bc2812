"""Names as other machines and tools write them, and the photo that each can mean."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize
from unittest.mock import Mock

import pytest

from curation.core import image_names
from curation.core.image_names import candidates, parts_of, settle, within
from tests.core.test_image_io import save


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "IMG_1.JPG", "b.png", "train/q.jpg", "train/001.jpg", "val/001.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        save(path.parent, path.name, format="PNG" if path.suffix == ".png" else "JPEG")
    return tmp_path


def settled(folder: Path, names: list[str]) -> dict[str, str]:
    return settle(folder, names)[0]


@pytest.mark.parametrize(
    ("name", "photo"),
    [
        ("images\\a.jpg", "a.jpg"),
        ("C:\\Users\\me\\pics\\a.jpg", "a.jpg"),
        ("..\\..\\label-studio\\media\\upload\\4\\a.jpg", "a.jpg"),
        ("/home/me/data/a.jpg", "a.jpg"),
        ("file:///home/me/a.jpg", "a.jpg"),
        ("https://example.org/v0/o/pics%2Fa.jpg?alt=media&token=x", "a.jpg"),
        ("/data/local-files/?d=photos/train/q.jpg", "train/q.jpg"),
        ("upload/4/a.jpg", "a.jpg"),
        ("/data/upload/4/5e3a8cfd-a.jpg", "a.jpg"),
        ("images/4/5e3a8cfd-q.jpg", "train/q.jpg"),
        ("images/train/q.jpg", "train/q.jpg"),
        ("q.jpg", "train/q.jpg"),
        ("img_1.jpg", "IMG_1.JPG"),
        ("b.jpg", "b.png"),
        ("TRAIN/Q.JPEG", "train/q.jpg"),
    ],
)
def test_a_name_means_the_one_photo_that_it_can_mean(folder, name, photo):
    assert settled(folder, [name]) == {name: photo}


@pytest.mark.parametrize("name", ["a.jpg", "a", "train/001.jpg", "c.jpg", "test/q2.jpg", "", "///"])
def test_what_is_found_as_it_is_or_not_at_all_is_left_alone(folder, name):
    assert settled(folder, [name]) == {}


def test_an_upload_is_taken_for_a_photo_only_where_no_other_can_be_meant(folder):
    assert settled(folder, ["upload/4/5e3a8cfd-a.jpg", "upload/4/91c0ffee-a.jpg"]) == {}
    assert candidates(folder, "upload/4/5e3a8cfd-001.jpg") == ["train/001.jpg", "val/001.jpg"]
    assert candidates(folder, "upload/4/5e3a8cfd-") == []
    save(folder, "5e3a8cfd-a.jpg")
    assert settled(folder, ["upload/4/5e3a8cfd-a.jpg"]) == {
        "upload/4/5e3a8cfd-a.jpg": "5e3a8cfd-a.jpg"
    }


def test_a_folder_of_the_name_is_heeded(folder):
    """Another split's photo of the same name is another photo."""
    assert candidates(folder, "test/001.jpg") == []
    assert candidates(folder, "photos/val/001.jpg") == ["val/001.jpg"]


def test_none_is_guessed_between_two(folder):
    assert candidates(folder, "001.jpg") == ["train/001.jpg", "val/001.jpg"]
    assert settled(folder, ["001.jpg"]) == {}
    save(folder, "a.png", format="PNG")
    assert candidates(folder, "x/a.tif") == ["a.jpg", "a.png"]
    assert settled(folder, ["x/a.jpg"]) == {"x/a.jpg": "a.jpg"}, "one is spelled so"


def test_a_name_that_comes_from_outside_of_the_folder_is_the_path_in_it(folder):
    for way in (str(folder), f"../{folder.name}", f"labels/../../{folder.name}"):
        assert within(folder, f"{way}/train/q") == "train/q"
    for name in ("a.jpg", "./a.jpg", "train/../a.jpg", "../a.jpg", "/c.jpg", "\ud800", "\0", ""):
        assert within(folder, name) == name


def test_of_a_photo_that_several_names_may_mean_one_of_them_is_told(folder):
    _, contested = settle(folder, ["a.jpg", "left/a.jpg"])
    assert contested == {folder / "a.jpg": "left/a.jpg"}
    assert settle(folder, ["left/a.jpg"]) == ({"left/a.jpg": "a.jpg"}, {})


def test_two_names_never_mean_one_photo(folder):
    assert settled(folder, ["left/a.jpg", "right/a.jpg"]) == {}
    assert settled(folder, ["a.jpg", "left/a.jpg"]) == {}
    spelled = ["left/a.jpg", "left\\a.jpg"]
    assert settled(folder, spelled) == dict.fromkeys(spelled, "a.jpg"), "it is the same name"


def test_a_name_is_not_held_against_each_photo_of_its_last_part(tmp_path, monkeypatch):
    """DeepFashion has 5,620 folders, and in each an ``img_00000001.jpg``."""
    for number in range(40):
        (tmp_path / f"Dress_{number}").mkdir()
        save(tmp_path / f"Dress_{number}", "1.jpg")
    spelled = Mock(side_effect=normalize)
    monkeypatch.setattr(image_names, "normalize", spelled)
    assert len(settled(tmp_path, [f"img/Dress_{number}/1.jpg" for number in range(40)])) == 40
    assert spelled.call_count < 40 * 20


@pytest.mark.parametrize("name", ["http://[/z", "\ud800/a\ud800.jpg", "a\0.jpg", "x" * 10**5])
def test_any_text_may_be_a_name(folder, name):
    assert parts_of(name)
    assert settled(folder, [name]) == {}
