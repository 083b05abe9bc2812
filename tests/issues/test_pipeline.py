"""Features of all photos, on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from curation.issues import pipeline
from tests.issues.test_ranking import image


def with_features(number: int):
    rng = np.random.default_rng(number)
    shapes = ((4, 4, 8), (64, 64, 40), (32, 32, 112), (16, 16, 320))  # the first is not read
    maps = tuple(rng.normal(size=shape).astype(np.float16) for shape in shapes)
    return replace(image(number)[0], feature_maps=maps)


def test_the_same_photos_give_the_same_bytes_on_any_number_of_processors(tmp_path):
    photos = {f"p{number:03d}": with_features(number) for number in range(40)}

    def bytes_of(threads: int) -> list[bytes]:
        with threadpool_limits(threads, "blas"):
            paths = pipeline.extract(
                tmp_path / str(threads), "of now", list(photos), lambda ids: map(photos.get, ids)
            )
        return [path.read_bytes() for path in paths]

    assert bytes_of(1) == bytes_of(2)
