"""Habits among a dataset's labels, written so that each is decided on in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curation.core.atomic import replacing
from curation.core.records import ImageRecord
from curation.issues.observation import judged
from curation.store import Dataset, results

if TYPE_CHECKING:
    import pandas as pd

    from curation.issues.habits import Habit


def seen_in(given: pd.DataFrame, records: Mapping[str, ImageRecord]) -> pd.DataFrame:
    """What habits are found in: of each label which it is, and what the model sees in it.

    Args:
        given: the features of some labels, see :class:`curation.issues.feature_table.FeatureTable`
        records: by image_id, as they were observed

    Returns:
        a row for each label: image_id, instance_id, source, class_id, seen, and p, how probable
        the class is that is seen
    """
    from curation.issues import habits

    labels = given[["image_id", "class_id"]].assign(seen=habits.seen_classes(given))
    of_photo = {image_id: judged(records[image_id]) for image_id in set(given["image_id"])}
    instances = [
        of_photo[image_id][int(number)]
        for image_id, number in zip(given["image_id"], given["index"], strict=True)
    ]
    labels["instance_id"] = [instance.instance_id for instance in instances]
    labels["source"] = [instance.source for instance in instances]
    labels["p"] = given.reindex(columns=["p_own", "p_other"]).max(axis=1)
    return labels


def find(
    dataset: Dataset, folder: Path, seen: Sequence[pd.DataFrame], names: Sequence[str]
) -> tuple[tuple[Habit, Path], ...]:
    """Finds the habits, among labels that nobody decided on, and writes them.

    Into the run's folder go ``habits.csv`` and for each habit the decisions that end it, as
    :func:`curation.steps.decisions.import_decisions` takes them, the surest first; into the
    dataset a view.

    Args:
        seen: of :func:`seen_in`
        names: (K,) of the classes, background first

    Returns:
        each habit and the file of its decisions, the plainest first
    """
    import pandas as pd

    from curation.issues import habits

    labels = pd.concat(seen, ignore_index=True)
    labels = labels[~labels["instance_id"].isin(dataset.review().decided)]
    labels = labels.reset_index(drop=True)
    found = habits.find(labels, names)
    for old in folder.glob("habit-*.csv"):
        old.unlink()
    paths = [folder / f"habit-{number}.csv" for number in range(1, len(found) + 1)]
    rows = []
    for habit, path in zip(found, paths, strict=True):
        of_habit = labels.loc[habit.rows].assign(action="relabel", category=habit.seen)
        of_habit = of_habit.sort_values("p", ascending=False, kind="stable")
        _write(of_habit[["action", "image_id", "instance_id", "category", "source", "p"]], path)
        rows.append({"file": path.name, **{name: getattr(habit, name) for name in _COLUMNS}})
    _write(pd.DataFrame(rows, columns=["file", *_COLUMNS]), folder / habits.HABITS)
    ids = [i for habit in found for i in labels.loc[habit.rows, "instance_id"]]
    photos = [i for habit in found for i in labels.loc[habit.rows, "image_id"]]
    results.save_habits(dataset, photos, ids)
    return tuple(zip(found, paths, strict=True))


_COLUMNS = ("source", "given", "seen", "called", "of", "called_elsewhere", "of_elsewhere",
            "log_likelihood_ratio")  # fmt: skip


def _write(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as part:
        table.to_csv(part, index=False, lineterminator="\n")
