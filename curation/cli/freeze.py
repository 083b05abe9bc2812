"""The verb ``freeze``: a test set that no model learns from."""

from __future__ import annotations

import click

from curation.core import console


@click.command()
@click.argument("dataset")
@click.option("--undo", is_flag=True, help="Take it back: nothing guards the photos any more.")
@click.option("--reviewer", default="", help="In whose name; default: you.")
def freeze(dataset: str, undo: bool, reviewer: str) -> None:
    """Freeze the test split: no training learns from its photos any more.

    They are known by what they show, whatever they are called after another import, and photos
    that look like one of them go with them. Folds leave them out, exports mark them. Frozen
    again, photos that came into the test split since join them, and none leaves.

    Changes: frozen.json in the dataset's folder; the photos' splits in the dataset.

    \b
    curate freeze photos
    """
    from curation import steps, store

    opened = store.open(dataset)
    if undo:
        steps.unfreeze(opened)
        console.say(
            f"The test set of {dataset} is NOT frozen any more. Its photos keep their split, but "
            "folds train on them from now on, and figures on them prove nothing after that.",
            "bold red",
        )
        return
    with console.bars() as progress:
        done = steps.freeze(opened, reviewer, progress=progress)
    console.say(f"{dataset}: {done.sentence}, {console.count(len(done.photos), 'photo')}.")
    console.say(f"{done.checks[:1].upper()}{done.checks[1:]}.")
