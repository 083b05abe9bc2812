"""How good labels and reviewers are: ``estimate``, ``diff``, and part of ``decisions``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from curation.cli.group import as_json
from curation.core import console

if TYPE_CHECKING:
    from curation.review.estimate import Interval
    from curation.steps.estimate import EstimateResult
    from curation.store import Dataset


@click.command()
@click.argument("dataset")
@click.option(
    "--sample",
    type=click.IntRange(10, 10_000),
    help="Labels to draw; default: 60, or as many as there were.",
)
@as_json
def estimate(dataset: str, sample: int | None, as_json: bool) -> None:
    """Say how many labels are wrong, how many of them were found, and what the next 50 hold.

    A sample is drawn at random, once for each flagged run, and comes up in the review panel among
    the suspects, where nobody can tell which is which. What was decided of it says how many
    labels are wrong, and what scores mean; the queue keeps its order. Each figure has an interval
    that holds the truth in 90 of 100 cases; it is wide until the sample is decided.

    Changes: the run's sample.npz, where none was drawn or a larger one is asked for; no label.

    \b
    curate estimate photos
    curate estimate photos --sample 120
    """
    from curation import steps, store

    result = steps.estimate(store.open(dataset), sample)
    if as_json:
        click.echo(json.dumps(_as_json(result)))
    else:
        _print(result)
    if result.left:
        console.say(
            f"{result.left} of the {console.count(result.sample, 'label')} in the sample are left "
            f"to decide, and the intervals narrow with each: `curate review {dataset}` asks about "
            "them among the suspects.",
            "yellow",
        )
    else:
        console.say(f"All {console.count(result.sample, 'label')} of the sample are decided.")


@click.command()
@click.argument("dataset")
@click.argument("earlier")
@click.argument("later", default="now")
@as_json
def diff(dataset: str, earlier: str, later: str, as_json: bool) -> None:
    """List the labels that changed from when one round or run began to when another did.

    EARLIER and LATER are names of rounds or runs; LATER may be left out, and is now.

    Changes: a saved view in the App, "labels changed from EARLIER to LATER"; no label.

    \b
    curate diff photos r1 r2
    curate diff photos r1
    """
    from curation import steps, store

    found = steps.diff(store.open(dataset), earlier, later)
    if as_json:
        click.echo(json.dumps([asdict(change) for change in found.changes]))
    else:
        rows = [
            (c.image_id, c.instance_id, c.before or "-", c.after or "-",
             "redrawn" if c.redrawn else "", c.said, c.time)
            for c in found.changes
        ]  # fmt: skip
        header = ("image_id", "instance_id", earlier, later, "mask", "by", "time")
        console.out.print(console.table(header, rows))
    where = f': the view "{found.view}" in the App' if found.view else ""
    labels = console.count(len([c for c in found.changes if c.instance_id]), "label")
    console.say(f"{labels} changed, in {console.count(len(found.photos), 'photo')}{where}.")


def say_disagreements(dataset: Dataset, as_json: bool) -> None:
    """Prints the labels on which two reviewers said different things, and how far they agree."""
    from curation.review import agreement

    found = agreement.compare(dataset.journal.read())
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    listed = [
        (d.image_id, d.instance_id, d.category, "; ".join(f"{w}: {s}" for w, s in d.said.items()))
        for d in found.disagreements
    ]
    console.out.print(console.table(("image_id", "instance_id", "label", "said"), listed))
    of = {"all": found.whole, **found.by_class}
    rows = [(name, a.labels, a.agreed, a.alpha) for name, a in of.items()]
    header = ("label", "seen by two or more", "all agreed", "Krippendorff's alpha")
    console.out.print(console.table(header, rows))
    whole = found.whole
    console.say(
        f"Reviewers agreed on {whole.agreed:,} of {console.count(whole.labels, 'label')} that two "
        "or more of them decided on."
    )


def say_reviewers(dataset: Dataset, as_json: bool) -> None:
    """Prints how much and how fast each reviewer decided, and what came of the checks."""
    from curation.review import checks, statistics
    from curation.store.checks import answers

    paces = statistics.compute(dataset.review(), {}, ()).by_reviewer
    hits = checks.hits(answers(dataset))
    if as_json:
        told = {
            who: {
                "pace": asdict(paces[who]) if who in paces else None,
                "checks": asdict(hits[who]) if who in hits else None,
            }
            for who in {**paces, **hits}
        }
        click.echo(json.dumps(told))
        return
    rows = []
    for who in {**paces, **hits}:
        pace, hit = paces.get(who), hits.get(who)
        given = (pace.decisions, pace.an_hour, pace.seconds) if pace else (0, None, None)
        checked = ("", "")
        if hit:
            checked = (f"{hit.caught} of {hit.planted}", f"{hit.left_alone} of {hit.kept}")
        rows.append((who, *given, *checked))
    header = ("reviewer", "decisions", "an hour", "seconds for one", "planted errors caught",
              "right labels kept")  # fmt: skip
    console.out.print(console.table(header, rows))


OF_REVIEWERS = {"disagreements": say_disagreements, "reviewers": say_reviewers}
"""What ``curate decisions`` says of reviewers, each of a dataset and whether as JSON."""


def _as_json(result: EstimateResult) -> dict:
    found = asdict(result.estimate)
    del found["recalibrated"]
    found["by_class"] = {result.classes[c]: i for c, i in found["by_class"].items()}
    kept = {"run": result.run, "sample": result.sample, "left": result.left, "ahead": result.ahead}
    return kept | found | {"bands": [asdict(band) for band in result.bands]}


def _print(result: EstimateResult) -> None:
    found = result.estimate
    rows = [
        (f"wrong, of {found.labels:,} labels", *_counted(found.wrong)),
        ("the share that is", *_shares(found.rate)),
        (f"found, of the wrong ones: {found.found:,}", *_shares(found.share_found)),
    ]
    if found.next_wrong:
        rows.append(
            (f"wrong, of the next {result.ahead} of the queue", *_counted(found.next_wrong))
        )
    console.out.print(console.table(("", "estimate", "from", "to"), rows))
    by_class = [
        (result.classes[c], result.sizes[c], *_shares(interval))
        for c, interval in found.by_class.items()
    ]
    console.out.print(console.table(("class", "labels", "wrong", "from", "to"), by_class))
    bands = [
        (f"{b.low:.3f} to {b.high:.3f}", b.labels, b.decided, b.wrong, b.said, b.is_so)
        for b in result.bands
    ]
    header = ("score", "labels", "decided of the sample", "wrong", "scores say", "it is")
    console.out.print(console.table(header, bands))


def _counted(interval: Interval) -> tuple[str, str, str]:
    return f"{interval.value:,.0f}", f"{interval.low:,.0f}", f"{interval.high:,.0f}"


def _shares(interval: Interval) -> tuple[str, str, str]:
    return f"{interval.value:.1%}", f"{interval.low:.1%}", f"{interval.high:.1%}"
