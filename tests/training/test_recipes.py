import tomllib
from pathlib import Path

import pytest

from curation.core.errors import CurateError
from training import recipes
from training.config import TrainConfig, to_table


@pytest.mark.parametrize("name", recipes.names())
def test_each_recipe_is_what_its_file_says_and_the_default_elsewhere(name):
    text = (Path(recipes.__file__).parent / f"{name}.toml").read_text("utf-8")
    assert to_table(recipes.load(name)) == to_table(TrainConfig()) | tomllib.loads(text)
    assert f"--recipe {name}" in text, "its head has the command"


def test_the_laptops_recipe_is_the_default_of_all_settings():
    assert recipes.load("laptop") == TrainConfig()


def test_the_seeds_are_what_the_two_projects_trained():
    seed = recipes.load("imaterialist-seed")
    assert (seed.backbone, seed.size, seed.batch) == ("inceptionresnetv2", 256, 8)
    assert (seed.learning_rate, seed.epochs, seed.loss) == (1e-3, 35, "cross_entropy")
    assert not (seed.flip or seed.rotate or seed.scale or seed.color or seed.cutmix)
    styles = recipes.load("styles-seed")
    assert (styles.model, styles.epochs, styles.batch_norm_momentum) == ("unet", 2, 0.99)


def test_a_file_of_the_users_own(tmp_path):
    path = tmp_path / "mine.toml"
    text = 'size = 256\nmodel = "deeplabv3plus"\noutput_stride = 16\n'
    path.write_text(text, "utf-8-sig")  # as Windows' editor does
    assert recipes.load(str(path)).model == "deeplabv3plus"


@pytest.mark.parametrize(
    ("text", "message"),
    [("sizes = 1", "unknown key 'sizes'"), ("size = 100", "size = 100"), ("size =", "Invalid")],
)
def test_what_is_wrong_in_a_file_is_named_with_the_file(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(CurateError, match=rf"mine\.toml: .*{message}"):
        recipes.load(str(path))


def test_an_unknown_recipe_is_an_error_that_lists_the_known():
    with pytest.raises(
        CurateError, match="is no recipe; there are imaterialist, imaterialist-seed, laptop"
    ):
        recipes.load("../secrets")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(CurateError, match=r"none\.toml: cannot be read: No such file"):
        recipes.load(str(tmp_path / "none.toml"))
