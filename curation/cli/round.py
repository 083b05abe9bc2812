"""The verb ``round``: start, run, status, close, abandon."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from curation.cli.group import as_json, on_cluster
from curation.cli.loop import tell_flagged
from curation.cli.settings import config_of, settings
from curation.core import console

if TYPE_CHECKING:
    from curation.rounds.comparison import Change
    from curation.rounds.proof import Proof
    from curation.steps.flag import FlagResult
    from curation.steps.round import Status
    from curation.store import Dataset

ACTIONS = ("status", "start", "run", "close", "abandon")


@click.command("round")
@click.argument("dataset")
@click.argument("action", type=click.Choice(ACTIONS), default="status")
@settings()
@on_cluster
@as_json
def round_(
    dataset: str, action: str, folds: int, recipe: str | None, others: tuple, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Clean in rounds: train, predict and flag in one go, review, and prove that it helped.

    start begins a round with the settings of `train` (3 folds, if none are given); run trains,
    predicts and flags, and goes on wherever it was stopped. Then review. close trains again on
    the labels as you left them, compares both on the same photos, and says whether it helped.
    status says where the rounds stand, and what has become stale; abandon ends one without a proof.

    Changes: rounds/ and runs/ in the dataset's folder, and what train, predict and flag change.

    \b
    curate round photos start --recipe quick
    curate round photos run
    curate round photos close
    """
    from curation import steps, store
    from curation.steps.round import FOLDS, check_start

    if action != "start" and (
        folds or recipe or others or any(value is not None for value in given.values())
    ):
        raise click.UsageError(f"{action} takes no settings: a round has those it was started with")
    opened = store.open(dataset)
    flagged: list[FlagResult] = []
    if action == "start":
        check_start(opened)  # before Keras is asked for a GPU
        begun = steps.start_round(opened, config_of(recipe, others, given), folds=folds or FOLDS)
        console.say(f"Started {begun.name}.")
    elif action == "run":
        with console.bars() as progress:
            run = steps.run_round(opened, tell=flagged.append, progress=progress).run
        for result in flagged:
            tell_flagged(dataset, run, result)
    elif action == "close":
        with console.bars() as progress:
            proof = steps.close_round(opened, progress=progress)
        _tell_proof(proof, as_json)
        return
    elif action == "abandon":
        console.say(f"Abandoned {steps.abandon_round(opened).name}: runs and decisions stay.")
    _tell_status(opened, steps.round_status(opened), as_json)


def _tell_status(dataset: Dataset, status: Status, as_json: bool) -> None:
    from curation.steps.round import read_proof

    if as_json:
        click.echo(json.dumps(asdict(status)))
        return
    rows = []
    for past in status.rounds:
        proof = read_proof(dataset, past.name)
        helped = _row(proof.comparison.miou) if proof else ("", "", "")
        rows.append((past.name, past.state, past.run, *helped))
    if rows:
        columns = ("round", "state", "run", "mIoU before", "after", "difference (90 %)")
        console.out.print(console.table(columns, rows))
    for product, why in status.stale:
        console.say(f"The {product} were made before {why}.", "yellow")
    decided = console.count(status.decisions, "decision")
    console.err.print(f"{decided} in this round, {console.count(status.left, 'suspect')} left.")
    console.err.print(f"Next: {status.next}")


def _tell_proof(proof: Proof, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(proof)))
        return
    found = proof.comparison
    rows = [("mIoU of the classes", *_row(found.miou))]
    rows += [(f"IoU {name}", *_row(change)) for name, change in found.iou.items()]
    columns = (f"on {console.count(found.photos, 'photo')}", "before", "after", "difference (90 %)")
    console.out.print(console.table(columns, rows))
    doubts = [(kind, f"{wrong} of {decided}") for kind, (wrong, decided) in proof.precision.items()]
    console.out.print(console.table(("suspects that were", "at something wrong"), doubts))
    did = ", ".join(f"{action} {n}" for action, n in proof.changed.items())
    spent = ", ".join(f"{who} {minutes:.0f} min" for who, minutes in proof.minutes.items())
    console.err.print(f"Decided: {did}. Spent: {spent or 'no time that was measured'}.")
    console.err.print(found.measured_on)
    console.say(found.verdict, "bold")


def _row(change: Change) -> tuple[str, str, str]:
    found = change.difference
    return (
        f"{change.before:.3f}",
        f"{change.after:.3f}",
        f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})",
    )
