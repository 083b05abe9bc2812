"""What `curate VERB --help` says: each verb has an example, and what it changes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from inspect import cleandoc

import click
import pytest

from curation.cli import main


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        yield (*path, name), command


EVERY = {" ".join(path): command for path, command in commands()}
VERBS = {name: verb for name, verb in EVERY.items() if not isinstance(verb, click.Group)}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_each_verb_says_in_one_line_what_it_changes(verb):
    changes = re.findall(r"^Changes: (.+)$", cleandoc(verb.help), re.M)
    assert len(changes) == 1, verb.help
    assert changes[0].endswith(".")


@pytest.mark.parametrize("name", EVERY)
def test_each_example_is_of_this_verb_and_of_options_that_it_has(name):
    command = EVERY[name]
    lines = [line for line in cleandoc(command.help).splitlines() if line.startswith("curate ")]
    assert [line for line in lines if line.startswith(f"curate {name}")] == lines != []
    if name in VERBS:
        for line in lines:
            given = shlex.split(line)[1 + len(name.split()) :]
            command.make_parser(click.Context(command)).parse_args(given)  # no file is looked up
