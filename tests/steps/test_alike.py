"""Copies of a photo, saved anew, are in one group and so in one fold, of a dataset or an export."""

import numpy as np
import pytest
from PIL import Image

from curation.audit.image_hash import hash_pixels
from curation.steps import alike
from curation.steps.runs import FolderRuns
from tests.training.drawn import QUICK, SIZE, draw, export
from training.folder import RunFolder


def scene(number: int, light: int = 0) -> np.ndarray:
    """Colored areas, another picture for each number: (64, 64, 3) uint8."""
    cells = np.random.default_rng(number).integers(40, 200, (4, 4, 3))
    return (cells.repeat(SIZE // 4, 0).repeat(SIZE // 4, 1) + light).astype(np.uint8)


@pytest.fixture
def hashes():
    """Photos a, its lighter copy b, and c."""
    photos = {"a": scene(1), "b": scene(1, 10), "c": scene(2)}
    return [hash_pixels(i, f"hash of {i}", photo) for i, photo in photos.items()]


CONTENTS = {i: f"hash of {i}" for i in "abc"}


def test_copies_are_one_group(hashes):
    assert alike.groups(CONTENTS, hashes, 2) == CONTENTS | {"b": "hash of a"}


@pytest.mark.parametrize("copy", [scene(1)[:, ::-1], scene(1) // 5 * 3, scene(1)[:, ::-1] // 5 * 3])
def test_mirrored_and_darker_copies_are_in_the_group_of_their_photo(hashes, copy):
    """As data sets are handed out that somebody augmented."""
    hashes[1] = hash_pixels("b", "hash of b", copy)
    assert alike.groups(CONTENTS, hashes, 2) == CONTENTS | {"b": "hash of a"}


def test_what_was_cut_out_of_a_photo_is_in_its_group(hashes):
    hashes[1] = hash_pixels("b", "hash of b", np.ascontiguousarray(scene(1)[:58, ::-1]))
    assert alike.groups(CONTENTS, hashes, 2) == CONTENTS | {"b": "hash of a"}


def test_a_cut_that_would_fill_a_part_leaves_the_copies_that_were_known(hashes):
    """Equal but for light, a and b are a group of two; with what was cut out of them, three."""
    hashes[2] = hash_pixels("c", "hash of c", scene(1)[:58])
    assert alike.groups(CONTENTS, hashes, 3) == dict.fromkeys("abc", "hash of a")
    assert alike.groups(CONTENTS, hashes, 2) == CONTENTS | {"b": "hash of a"}


def test_what_would_fill_a_part_is_no_group(hashes, caplog):
    caplog.set_level("INFO")
    assert alike.groups(CONTENTS, hashes, 1) == CONTENTS
    assert "2 photos look so alike" in caplog.text


def test_others_stay_together_beside_too_many_that_look_alike(hashes):
    contents = CONTENTS | {i: f"hash of {i}" for i in "defgh"}
    many = [hash_pixels(i, contents[i], scene(3, n)) for n, i in enumerate("defgh")]
    assert alike.groups(contents, [*hashes, *many], 4) == contents | {"b": "hash of a"}


def test_of_photos_that_are_all_different_nothing_is_said(hashes, caplog):
    caplog.set_level("INFO")
    assert alike.groups({"a": "1", "c": "3"}, [hashes[0], hashes[2]], 0) == {"a": "1", "c": "3"}
    assert not caplog.text


def test_copies_in_an_exported_folder_are_in_one_fold(tmp_path):
    images, labels = draw(tmp_path, 12)
    for number, image in enumerate(images):
        Image.fromarray(scene(number // 2, 10 * (number % 2))).save(image.path)
    runs = FolderRuns(export(tmp_path / "data", images, labels))
    runs.begin(str(tmp_path / "run"), QUICK, folds=3)
    parts = RunFolder(tmp_path / "run").parts()
    fold = dict(zip(parts.image_ids, parts.of, strict=True))
    assert [fold[f"drawn-{n}"] for n in range(0, 12, 2)] == [
        fold[f"drawn-{n}"] for n in range(1, 12, 2)
    ]
    assert len(set(fold.values())) == 3
