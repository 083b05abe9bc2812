"""The settings of a training as options: made from the fields of ``TrainConfig``, one and all.

Those that many will want have an option of their own; the rest go through ``--set key=value``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from curation.core import console
from training import recipes
from training.config import COMMON, SETTINGS, TrainConfig, from_text


class Recipe(click.ParamType):
    """The name of a recipe, or a file of the user's; the library says when it is neither."""

    name = "recipe"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(recipes.names())}|FILE.toml]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        files = [str(p) for p in Path(incomplete).parent.glob("*.toml")]
        return [CompletionItem(x) for x in (*recipes.names(), *files) if x.startswith(incomplete)]


class Setting(click.ParamType):
    """``key=value`` of any field of ``TrainConfig``."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        try:
            return from_text(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        key, equals, _ = incomplete.partition("=")
        if equals:
            words = [f"{key}={value}" for value in _values(key)]
            return [CompletionItem(word) for word in words if word.startswith(incomplete)]
        return [
            CompletionItem(f"{name}=", help=setting.metadata["help"])
            for name, setting in SETTINGS.items()
            if name.startswith(incomplete)
        ]


def _no_single_fold(ctx: click.Context, param: click.Parameter, folds: int) -> int:
    """Said before a round begins that could only be abandoned."""
    if folds == 1:
        reason = "1 leaves no other photos to learn from: give 2 or more, or leave it out"
        raise click.BadParameter(reason, ctx, param)
    return folds


def settings(*, rates: bool = False) -> Callable[[Callable], Callable]:
    """The options of a verb that trains.

    Args:
        rates: whether the verb has its own ``--learning-rate``
    """
    options: list[Callable[[Callable], Callable]] = [
        click.option(
            "--recipe", type=Recipe(),
            help="Settings by name, or a file of yours. [default: laptop; imaterialist on a GPU]",
        ),
        click.option(
            "--folds", type=click.IntRange(min=0), default=0, callback=_no_single_fold,
            help="K models, out of fold.",
        ),
        *(_option(name) for name in COMMON if not (rates and name == "learning_rate")),
        click.option(
            "--set", "others", type=Setting(), multiple=True,
            help=f"Any setting, as often as needed; beside the above {_others()}.",
        ),
    ]  # fmt: skip

    def with_options(verb: Callable) -> Callable:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return with_options


def config_of(recipe: str | None, others: tuple[tuple[str, Any], ...], given: dict) -> TrainConfig:
    """The recipe, with what the options say in the place of what it says.

    Args:
        others: of ``--set``
        given: of the options; None where one was not given

    Raises:
        CurateError: there is no such recipe
        click.UsageError: settings do not fit, or one is given twice
    """
    if recipe is None:
        from training import devices  # starts Keras, which knows of GPUs

        recipe = recipes.for_this_machine()
        console.err.print(f"{devices.describe()}: recipe {recipe}.")
    wanted = {key: value for key, value in given.items() if value is not None}
    for key, value in others:
        if key in wanted:
            raise click.UsageError(f"{key} is given twice")
        wanted[key] = value
    return changed(recipes.load(recipe), recipes.completed(wanted))


def changed(config: TrainConfig, wanted: dict[str, Any]) -> TrainConfig:
    """Other settings; click.UsageError where they do not fit."""
    try:
        return replace(config, **wanted)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _option(name: str) -> Callable[[Callable], Callable]:
    """The option of a setting: its type, choices and help are the field's."""
    setting = SETTINGS[name]
    flag, help_ = f"--{name.replace('_', '-')}", setting.metadata["help"]
    if name == "frozen":  # the one switch, whose other side has a name of its own
        return click.option("--frozen/--finetune", default=None, help=help_)
    choices = setting.metadata["choices"]
    type_ = click.Choice(choices) if choices else type(setting.default)
    return click.option(flag, type=type_, help=help_)


def _others() -> str:
    """The settings without an option of their own, with the choices of those that have any."""
    choices = {name: "|".join(map(str, SETTINGS[name].metadata["choices"])) for name in SETTINGS}
    return ", ".join(
        f"{name}=[{choices[name]}]" if choices[name] else name
        for name in sorted(set(SETTINGS) - set(COMMON))
    )


def _values(key: str) -> tuple:
    """What may stand behind ``key=``, as far as that can be listed."""
    if key not in SETTINGS:
        return ()
    setting = SETTINGS[key]
    if isinstance(setting.default, bool):
        return ("true", "false")
    return setting.metadata["choices"] or (setting.default,)
