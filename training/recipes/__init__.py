"""Settings that are worth a name: each a TOML file here, whose head says what it should reach."""

from __future__ import annotations

import re
import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Any

from curation.core.errors import CurateError
from training.config import TrainConfig, from_table

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The recipes that come with curate."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def about(recipe: str) -> str:
    """What one that comes with curate is, in the first words of its head.

    >>> about("quick")
    'as laptop, on smaller photos and with fewer passes over them'
    """
    lines = (_FOLDER / f"{recipe}.toml").read_text("utf-8").splitlines()
    head = " ".join(line.strip("# ") for line in takewhile(lambda line: line[:1] == "#", lines))
    says = re.split("[:.]", head.replace("`", ""), maxsplit=1)[0]
    return says[0].lower() + says[1:]


def for_this_machine() -> str:
    """The recipe for whoever names none. It starts Keras, which knows of GPUs."""
    from training import devices

    return "imaterialist" if devices.has_gpu() else "laptop"


def completed(wanted: dict[str, Any]) -> dict[str, Any]:
    """Settings to be changed in a recipe, with those that one of them brings along."""
    if wanted.get("model") == "unet":  # which has nothing that could come trained
        return {"backbone": "none", "weights": "none", "frozen": False, **wanted}
    return wanted


def load(recipe: str) -> TrainConfig:
    """A recipe by its name, or a TOML file of the user's by its path.

    Raises:
        CurateError: there is none, or a key or value in it is wrong
    """
    path = Path(recipe) if recipe.endswith(".toml") else _FOLDER / f"{recipe}.toml"
    if recipe not in names() and not recipe.endswith(".toml"):
        known = ", ".join(names())
        raise CurateError(recipe, f"is no recipe; there are {known}, or FILE.toml of your own")
    try:
        return from_table(tomllib.loads(path.read_text("utf-8-sig")))
    except OSError as error:
        raise CurateError(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CurateError(path, str(error)) from None
