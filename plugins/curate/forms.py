"""The forms of the verbs: what is asked, and what is wrong with an answer, in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from fiftyone.operators import types

from curation.core.errors import CurateError
from curation.formats.registry import Option
from training import recipes
from training.config import COMMON, SETTINGS, TrainConfig, from_text

Kind = Literal["file", "folder", "new folder"]


class Form:
    """One form, with the answers so far: FiftyOne asks for it anew whenever one changes."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.inputs = types.Object()
        self.given = given

    def text(self, name: str, label: str, about: str = "", wrong: str = "", **more: Any) -> None:
        """Asks for a text; ``wrong`` is what is wrong with the answer so far."""
        _refuse(self.inputs.str(name, label=label, description=about, **more), wrong)

    def number(
        self, name: str, label: str, about: str, default: int, low: int, high: int, wrong: str = ""
    ) -> None:
        view = {"label": label, "description": about, "default": default}
        _refuse(self.inputs.int(name, min=low, max=high, **view), wrong)

    def switch(self, name: str, label: str, about: str) -> bool:
        """Asks for yes or no. The answer so far."""
        self.inputs.bool(name, label=label, description=about, default=False)
        return bool(self.given.get(name))

    def choice(
        self,
        name: str,
        label: str,
        choices: dict[str, str],
        about: str = "",
        default: str | None = None,
        required: bool = True,
    ) -> str | None:
        """Asks for one of several, which stand in the menu as the values say. The answer so far."""
        menu = types.DropdownView()
        for value, text in choices.items():
            menu.add_choice(value, label=text)
        self.inputs.enum(
            name, menu.values(), label=label, description=about, default=default,
            required=required, view=menu,
        )  # fmt: skip
        return self.given.get(name) or default

    def path(
        self, name: str, label: str, kind: Kind, about: str = "", required: bool = True
    ) -> None:
        """Asks for a path on the machine of the App's server: to be typed, or to be chosen."""
        of_folder = kind != "file"
        what = "folder" if of_folder else "file"
        view = types.FileExplorerView(choose_dir=of_folder, button_label=f"Choose a {what} …")
        asked = self.inputs.file(name, label=label, description=about, required=required, view=view)
        if path := path_of(self.given, name, required=False):
            _refuse(asked, _wrong_with(path, kind))

    def option(self, option: Option) -> None:
        """Asks for what a format's reader is told."""
        label = option.name.replace("_", " ").capitalize()
        if option.kind == "text":
            self.text(option.name, label, option.help, required=option.required)
        elif option.kind == "number":
            about = {"label": label, "description": option.help}
            self.inputs.int(option.name, min=1, required=option.required, **about)
        else:
            self.path(option.name, label, option.kind, option.help, option.required)

    def recipe(self) -> str | None:
        """Asks for a recipe of a training. The answer so far."""
        choices = {name: f"{name}: {recipes.about(name)}" for name in recipes.names()}
        about = "Settings by name. Empty: laptop, or imaterialist on a machine with a GPU."
        return self.choice("recipe", "Recipe", choices, about, required=False)

    def setting(self, name: str, recipe_says: str) -> None:
        """Asks for a setting of a training; empty is what the recipe says."""
        setting = SETTINGS[name]
        label, about = name.replace("_", " ").capitalize(), setting.metadata["help"]
        values = setting.metadata["choices"]
        if isinstance(setting.default, bool):
            values = ("true", "false")
        if values:
            choices = {str(value): str(value) for value in values}
            self.choice(name, label, choices, f"{about} {recipe_says}", required=False)
            return
        asked = self.inputs.str(name, label=label, description=f"{about} {recipe_says}")
        try:
            setting_of(self.given, name)
        except ValueError as error:
            _refuse(asked, str(error))

    def notice(self, text: str) -> None:
        self.inputs.view(f"notice_{len(self.inputs.properties)}", types.Notice(label=text))

    def refuse(self, text: str) -> None:
        """The form cannot be sent; why."""
        _refuse(self.inputs.view("refused", types.Error(label=text)), text)


def path_of(given: dict[str, Any], name: str, required: bool = True) -> Any:
    """A path that was chosen or typed.

    Raises:
        CurateError: there is none, and it is required
    """
    said = (given.get(name) or {}).get("absolute_path")
    if said:
        return Path(said).expanduser()
    if required:
        raise CurateError(name, "no path was chosen")
    return None


def setting_of(given: dict[str, Any], name: str) -> Any:
    """A setting as its field has it; None where nothing was said, ValueError where it is wrong."""
    said = given.get(name)
    return None if said in (None, "") else from_text(f"{name}={said}")[1]


def config_of(given: dict[str, Any], recipe: str) -> TrainConfig:
    """The recipe's settings, with the form's in place of them; ValueError where they do not fit."""
    said = {name: setting_of(given, name) for name in COMMON}
    wanted = {name: value for name, value in said.items() if value is not None}
    return replace(recipes.load(recipe), **recipes.completed(wanted))


OF_MACHINES = ("laptop", "imaterialist")
"""One of them is meant where no recipe is chosen: to know which, Keras would have to start."""


def wrong_with_settings(given: dict[str, Any], recipe: str | None) -> str:
    """Why the settings of a form fit no recipe that may be meant; empty where they fit one."""
    reason = ""
    for name in (recipe,) if recipe else OF_MACHINES:
        try:
            config_of(given, name)
            return ""
        except ValueError as error:
            reason = reason or str(error)
    return reason


def _refuse(asked: types.Property, reason: str) -> None:
    if reason:
        asked.invalid = True
        asked.error_message = reason


def _wrong_with(path: Path, kind: Kind) -> str:
    if not path.is_absolute():
        return f"{path} is not the whole path, which begins with {path.absolute().anchor}"
    if kind == "new folder":
        return f"{path} is a file, not a folder" if path.is_file() else ""
    if not path.exists():
        return f"{path} is not there, on the machine that the App runs on"
    if path.is_dir() != (kind == "folder"):
        return f"{path} is {'a folder' if path.is_dir() else 'a file'}, not a {kind}"
    return ""
