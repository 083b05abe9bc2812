import csv

import pytest

from curation.core import image_io, rle
from tests.benchmarks import generate


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    generate.write(folder, images=30, rows=220, seed=0)
    with (folder / "train.csv").open(newline="") as file:
        return folder, list(csv.DictReader(file))


def test_it_has_the_rows_and_images_asked_for_and_those_of_a_image_stand_together(drawn):
    folder, rows = drawn
    ids = [row["ImageId"] for row in rows]
    assert len(rows) == 220
    assert ids == sorted(ids)
    assert {path.stem for path in (folder / "images").iterdir()} == set(ids)
    assert len(set(ids)) == 30


def test_every_mask_is_read_strictly_and_every_image_has_the_size_its_rows_say(drawn):
    folder, rows = drawn
    for row in rows:
        height, width = int(row["Height"]), int(row["Width"])
        assert image_io.size(image_io.find(folder / "images", row["ImageId"])) == (height, width)
        mask = rle.from_pairs(row["EncodedPixels"], height, width)
        assert " ".join(map(str, rle.to_pairs(mask))) == row["EncodedPixels"]


def test_the_smallest_images_can_be_decoded_and_no_two_are_copies(drawn):
    folder, _ = drawn
    paths = list((folder / "images").iterdir())
    smallest = min(paths, key=lambda path: path.stat().st_size)
    assert image_io.read(smallest).shape[:2] == image_io.size(smallest)
    assert len({image_io.content_hash(path) for path in paths}) == len(paths)


def test_the_seed_decides(drawn, tmp_path):
    folder, _ = drawn
    generate.write_csv(tmp_path / "same", images=30, rows=220, seed=0)
    generate.write_csv(tmp_path / "other", images=30, rows=220, seed=1)
    first = (folder / "train.csv").read_bytes()
    assert (tmp_path / "same" / "train.csv").read_bytes() == first
    assert (tmp_path / "other" / "train.csv").read_bytes() != first
