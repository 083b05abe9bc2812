"""The dataset and the photos of the tests of imports."""

import pytest
from PIL import Image

from curation import store
from curation.store import database
from tests.steps.ingest.rows import NAME


@pytest.fixture
def dataset():
    """The name of a dataset that is not there, nor its folder's files."""
    store.delete(NAME)
    for file in database.folder(NAME).glob("*"):
        file.unlink()
    yield NAME
    store.delete(NAME)


@pytest.fixture
def images(tmp_path):
    """Photos a.png to d.png, 6 wide and 4 high."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, name in enumerate("abcd"):
        Image.new("RGB", (6, 4), (60 * number, 0, 0)).save(folder / f"{name}.png")
    return folder
