"""What Roboflow made of a photo goes together with it, by its name."""

from curation.steps.augmented import sources

HASH = "9c3f0e1d2b4a59687766554433221100"


def test_versions_and_the_photo_that_they_were_made_of_share_a_source(caplog):
    caplog.set_level("INFO")
    names = {
        "1": f"look-1_jpg.rf.{HASH}.jpg",
        "2": f"look-1_jpg.rf.{HASH[::-1]}.jpg",
        "3": "look-1.jpg",
        "4": f"look-2_jpg.rf.{HASH}.jpg",
        "5": "look-3.jpg",
        "6": "shelf.rf.12.jpg",
        "elsewhere/3": "look-1.jpg",
    }
    assert sources(names, 4) == {
        "1": "look-1_jpg", "2": "look-1_jpg", "3": "look-1_jpg", "4": "look-2_jpg",
        "elsewhere/3": "look-1_jpg",
    }  # fmt: skip
    assert "Roboflow made 4 photos out of fewer" in caplog.text


def test_a_name_of_too_many_photos_is_no_source(caplog):
    caplog.set_level("INFO")
    assert sources({str(i): f"image_jpg.rf.{i:032}.jpg" for i in range(4)}, 3) == {}
    assert "4 photos called image_jpg" in caplog.text


def test_of_other_names_nothing_is_said(caplog):
    caplog.set_level("INFO")
    assert sources({"1": "a.jpg", "2": "b_jpg.jpg"}, 3) == {}
    assert not caplog.text
