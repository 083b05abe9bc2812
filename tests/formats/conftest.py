"""What tests of formats share."""

import pytest


@pytest.fixture
def masks(tmp_path):
    """An empty folder, beside that of the photos."""
    folder = tmp_path / "masks"
    folder.mkdir()
    return folder
