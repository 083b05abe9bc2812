"""A photo's name, and the file that it leads to."""

import os
import unicodedata
from pathlib import Path
from unittest.mock import Mock

import pytest

from curation.core import image_io
from tests.core.test_image_io import save


def test_a_name_may_come_without_its_suffix(tmp_path):
    path = save(tmp_path, "a b é.JPG", format="JPEG")
    assert image_io.find(tmp_path, "a b é") == path
    assert image_io.find(tmp_path, "a b é.JPG") == path


def test_a_dot_in_a_name_is_no_suffix(tmp_path):
    path = save(tmp_path, "v1.2.jpg")
    assert image_io.find(tmp_path, "v1.2") == path


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "sub/../../a.jpg", "x\0.jpg"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    save(tmp_path, "a.jpg")
    inner = tmp_path / "photos"
    inner.mkdir()
    with pytest.raises(ValueError, match="leads out"):
        image_io.find(inner, name)


@pytest.mark.parametrize("name", ["a" * 300 + "/b", "a\ud800", "a\udc80.jpg", "loop"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ValueError, match="photo cannot be read: "):
        image_io.find(tmp_path, name)


def test_a_link_in_the_folder_is_followed_wherever_it_leads(tmp_path):
    inner = tmp_path / "photos"
    inner.mkdir()
    (inner / "link.jpg").symlink_to(save(tmp_path, "blob", format="JPEG"))
    for name in ("link.jpg", "link"):
        assert image_io.find(inner, name) == inner / "link.jpg"
    (inner / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(FileNotFoundError):
        image_io.find(inner, "gone.jpg")


@pytest.mark.parametrize("name", ["x" * 10**5, "../" + "x" * 10**5, "\ud800" * 10**5])
def test_a_name_without_end_makes_a_message_with_one(tmp_path, name):
    with pytest.raises((FileNotFoundError, ValueError)) as error:
        image_io.find(tmp_path, name)
    assert len(str(error.value)) < 200 + len(str(tmp_path))


@pytest.mark.parametrize("name", ["b", "a.png", "a" * 300, "sub", "sub/a", "a.jpg/b", "..", ""])
def test_what_is_not_there_is_not_found(tmp_path, name):
    save(tmp_path, "a.jpg")
    (tmp_path / "sub").mkdir()
    with pytest.raises(FileNotFoundError, match="no photo"):
        image_io.find(tmp_path, name)


def test_a_folder_of_a_images_name_does_not_hide_it(tmp_path):
    (tmp_path / "a").mkdir()
    path, inner = save(tmp_path, "a.jpg"), save(tmp_path / "a", "b.png")
    assert image_io.find(tmp_path, "a") == path
    assert image_io.find(tmp_path, "a/b") == image_io.find(tmp_path, "a/../a/b.png") == inner


def test_a_folder_that_is_a_link_is_followed_and_no_name_climbs_out_of_it(tmp_path):
    inner, other = tmp_path / "photos", tmp_path / "disk" / "shoot"
    inner.mkdir()
    other.mkdir(parents=True)
    save(other, "a.jpg")
    save(tmp_path / "disk", "secret.jpg")
    (inner / "link").symlink_to(other)
    assert image_io.find(inner, "link/a") == inner / "link" / "a.jpg"
    with pytest.raises(FileNotFoundError):
        image_io.find(inner, "link/../secret.jpg")
    with pytest.raises(ValueError, match="leads out"):
        image_io.find(inner, "link/../../secret.jpg")


def test_a_name_that_fits_two_images_is_refused(tmp_path):
    path = save(tmp_path, "a.jpg")
    save(tmp_path, "a.PNG")
    with pytest.raises(ValueError, match=r"'a' may be 'a\.PNG' or 'a\.jpg'"):
        image_io.find(tmp_path, "a")
    assert image_io.find(tmp_path, "a.jpg") == path


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_letter_with_an_accent_is_found_however_it_is_spelled(tmp_path, form):
    path = save(tmp_path, unicodedata.normalize(form, "é ü.jpg"))
    for asked in ("NFC", "NFD"):
        for name in ("é ü.jpg", "é ü"):
            assert image_io.find(tmp_path, unicodedata.normalize(asked, name)) == path


def test_a_image_that_comes_later_is_found(tmp_path):
    first = save(tmp_path, "a.jpg")
    assert image_io.find(tmp_path, "a") == first
    second = save(tmp_path, "b.jpg")
    assert image_io.find(tmp_path, "b") == second
    first.unlink()
    with pytest.raises(FileNotFoundError):
        image_io.find(tmp_path, "a")


def test_each_of_many_folders_is_listed_once_in_whatever_order_photos_come(tmp_path, monkeypatch):
    for number in range(100):
        (tmp_path / str(number)).mkdir()
        save(tmp_path / str(number), "a.jpg")
    listing = Mock(side_effect=os.scandir)
    monkeypatch.setattr(os, "scandir", listing)
    for _ in range(2):
        for number in range(100):
            image_io.find(tmp_path, f"{number}/a.jpg")
    assert listing.call_count == 100


def test_a_folder_is_where_the_process_stands_now(tmp_path, monkeypatch):
    for place in ("one", "two"):
        folder = tmp_path / place / "photos"
        folder.mkdir(parents=True)
        path = save(folder, "a.jpg")
        monkeypatch.chdir(tmp_path / place)
        assert image_io.find(Path("photos"), "a") == path
