"""What the verbs share: how errors are said, and the options that several have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from curation.core import console
from curation.core.errors import CurateError
from curation.core.shard import Shard

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
run_option = click.option("--run", required=True, help="Name of the run: letters, digits, '_'.")


def _join(ctx: click.Context, _: click.Parameter, address: str | None) -> None:
    """For the whole command: it leaves the cluster as it ends, however that is."""
    if address:
        from curation.core import cluster

        ctx.find_root().with_resource(cluster.joined(address))


on_cluster = click.option(
    "--dask",
    metavar="ADDRESS",
    callback=_join,
    expose_value=False,
    help="Have a Dask cluster do the work: the address of its scheduler, tcp://HOST:PORT.",
)


class _Shard(click.ParamType):
    """``2/4``: the second of four."""

    name = "I/N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Shard:
        try:
            number, of = map(int, value.split("/"))
            return Shard(number, of)
        except ValueError as error:
            self.fail(f"{value!r} is no shard like 2/4 ({error})", param, ctx)


shard_option = click.option(
    "--shard",
    type=_Shard(),
    help="One job of N: do every N-th part, the I-th of them; the last job merges.",
)


class Verbs(click.Group):
    """Lists verbs in the order of the work, and turns our errors into one line and exit 1.

    So it does with what stops a verb from outside; all else is a fault of curate's own.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CurateError as error:
            raise click.ClickException(console.printable(str(error))) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from curation.cli import failures

            if said := failures.sentence(error):
                raise click.ClickException(console.printable(said)) from error
            raise
