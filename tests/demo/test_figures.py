"""Drawn people: the same every time, different from each other, and true."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import curation
from curation.demo.figures import Figure, draw_figure

PARTS = {"sleeve", "collar", "lapel", "pocket", "hood", "buckle"}
WORN = {
    "shirt, blouse",
    "top, t-shirt, sweatshirt",
    "sweater",
    "cardigan",
    "jacket",
    "vest",
    "pants",
    "shorts",
    "skirt",
    "coat",
    "dress",
    "jumpsuit",
    "cape",
    "glasses",
    "hat",
    "headband, head covering, hair accessory",
    "tie",
    "glove",
    "watch",
    "belt",
    "leg warmer",
    "tights, stockings",
    "sock",
    "shoe",
    "bag, wallet",
    "scarf",
}


@pytest.fixture(scope="module")
def crowd() -> list[Figure]:
    rng = np.random.default_rng(7)
    return [draw_figure(rng, 192, 128) for _ in range(200)]


def test_the_same_seed_gives_the_same_bytes():
    a, b = (draw_figure(np.random.default_rng(3)) for _ in range(2))
    assert a.image.tobytes() == b.image.tobytes()
    assert [g.category for g in a.garments] == [g.category for g in b.garments]
    for one, other in zip(a.garments, b.garments, strict=True):
        assert (one.mask == other.mask).all()


@pytest.mark.parametrize(("height", "width"), [(384, 256), (700, 500), (96, 64), (200, 300)])
def test_image_and_masks_have_the_size_asked_for(height: int, width: int):
    figure = draw_figure(np.random.default_rng(1), height, width)
    assert figure.image.shape == (height, width, 3)
    assert figure.image.dtype == np.uint8
    assert figure.garments
    for garment in figure.garments:
        assert garment.mask.shape == (height, width)
        assert garment.mask.dtype == bool


def test_a_pixel_shows_one_garment_and_at_most_one_part_of_it(crowd: list[Figure]):
    for figure in crowd:
        whole = np.sum([g.mask for g in figure.garments if g.category not in PARTS], axis=0)
        parts = sum(
            (g.mask.astype(int) for g in figure.garments if g.category in PARTS),
            np.zeros(figure.image.shape[:2], int),
        )
        assert whole.max() == 1
        assert parts.max() <= 1


def test_no_garment_is_too_small_to_be_seen(crowd: list[Figure]):
    assert min(g.mask.sum() for figure in crowd for g in figure.garments) >= 20


def test_every_category_turns_up(crowd: list[Figure]):
    assert {g.category for figure in crowd for g in figure.garments} == WORN | PARTS


def test_shoes_are_an_instance_each(crowd: list[Figure]):
    shoes = [sum(g.category == "shoe" for g in figure.garments) for figure in crowd]
    assert max(shoes) == 2
    assert np.mean(np.array(shoes) == 2) > 0.4


def test_images_differ_in_light_and_figures_in_place(crowd: list[Figure]):
    assert np.std([figure.image.mean() for figure in crowd]) > 15
    columns = [
        np.nonzero(np.any([g.mask for g in figure.garments], axis=0))[1].mean() for figure in crowd
    ]
    assert np.std(columns) > 5


def test_color_does_not_give_the_kind_of_garment_away():
    """Mean colours of tops and of trousers and skirts lie closer together than they spread."""
    rng = np.random.default_rng(5)
    colors: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for _ in range(60):
        figure = draw_figure(rng, 192, 128)
        for garment in figure.garments:
            if garment.category in {"shirt, blouse", "top, t-shirt, sweatshirt", "pants", "skirt"}:
                lower = garment.category in {"pants", "skirt"}
                colors[lower].append(figure.image[garment.mask].mean(axis=0))
    apart = np.abs(np.mean(colors[True], axis=0) - np.mean(colors[False], axis=0))
    assert (apart < np.std(colors[False], axis=0)).all()


def test_styles_have_palettes_of_their_own():
    means = {}
    for style in ("bohemian", "streetwear"):
        rng = np.random.default_rng(11)
        pixels = []
        for _ in range(25):
            figure = draw_figure(rng, 192, 128, style)
            assert figure.style == style
            worn = np.any([g.mask for g in figure.garments], axis=0)
            pixels.append(figure.image[worn].mean(axis=0))
        means[style] = np.mean(pixels, axis=0)
    warmth = {style: mean[0] - mean[2] for style, mean in means.items()}
    assert warmth["bohemian"] > warmth["streetwear"] + 10


def test_masks_follow_what_is_seen():
    """The edge of a garment is an edge of the photo: colours differ more across it."""
    rng = np.random.default_rng(2)
    across, along = [], []
    for _ in range(20):
        figure = draw_figure(rng)
        step = np.abs(np.diff(figure.image.astype(float), axis=1)).sum(axis=2)
        worn = np.any([g.mask for g in figure.garments if g.category not in PARTS], axis=0)
        edge = worn[:, 1:] != worn[:, :-1]
        across.append(step[edge].mean())
        along.append(step[worn[:, 1:] & worn[:, :-1]].mean())
    assert np.mean(across) > 1.8 * np.mean(along)


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match="'gothic' is not one of bohemian"):
        draw_figure(np.random.default_rng(0), style="gothic")


def test_names_are_those_of_imaterialist():
    path = Path(curation.__file__).parent / "core" / "taxonomies" / "supercategories.toml"
    taxonomy = tomllib.loads(path.read_text())
    known = set(taxonomy["drop"]).union(*(c["from"] for c in taxonomy["classes"]))
    assert known >= WORN | PARTS
