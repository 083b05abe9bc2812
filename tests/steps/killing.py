"""A stage on which reviews are killed: ``python -m tests.steps.killing SCENE FOLDER WRITE ...``.

As :mod:`tests.steps.ingest.killing`, which has the writes and the kills. Scenes: ``decisions``
takes those of a file, ``flag`` scores labels, ``again`` does so for another run, and ``diff`` saves
a view of what changed where there is an earlier one. For a kill before each of the writes two
lines are printed: what the dataset holds once it was opened and nothing more, and once the verb
was run again. The first two are those of a verb that nobody killed.
"""

from __future__ import annotations

import csv
import json
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tests.steps.ingest import killing  # first: before FiftyOne connects

# isort: split
from curation import steps, store
from curation.core import rle, taxonomy
from curation.issues.issue import ImageScore, Issue, digest
from curation.rounds import state
from curation.store import bulk, database, results, tiles
from curation.store.labels import remap
from tests.conftest import decide

GAP = rle.encode(np.eye(4, 6) > 0)
MISSING = {"a": "5" * 24, "b": "6" * 24}


def prepare(scene: str, folder: Path, name: str) -> None:
    """Five photos whose shirts are doubted, as are the shoes' source labels of some."""
    killing.run(folder, name, killing.ROWS, False)
    text = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")
    dataset = store.open(name)
    remap(dataset, text, "supercategories.toml")
    if scene != "flag":
        score(name, "r1")
    with (folder / "decisions.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("action", "image_id", "instance_id", "category"))
        shirts = {r.image_id: r.instances[0].instance_id for r in dataset.records()}
        out.writerow(("relabel", "a", shirts["a"], "feet"))
        out.writerow(("keep", "b", shirts["b"], ""))
        out.writerow(("delete", "c", shirts["c"], ""))
        out.writerow(("exclude", "d", "", ""))
        if scene != "flag":
            out.writerow(("add", "b", MISSING["b"], ""))
    if scene == "diff":
        started = state.State.STARTED
        begun = state.Round("r001", started, "", "r001", "r001_after", 2, {}, since="")
        state.write(dataset.folder / "rounds" / "r001", begun)
        decide(dataset, "keep", image_id="e", instance_id=shirts["e"])
        decide(dataset, "exclude", image_id="e")
        steps.diff(dataset, "r001", "now")
        steps.import_decisions(dataset, folder / "decisions.csv")


def score(name: str, run: str) -> None:
    dataset = store.open(name)
    scores = []
    for record in dataset.records():
        doubt = 0.9 if run == "r1" or record.image_id in "ae" else 0.1
        issues = [
            Issue(
                record.image_id, x.instance_id, "t", x.category, doubt if n == 0 else 0.1,
                "wrong category", "feet", "why", x.source_label, doubt, "boot", "why",
                digest=digest(x), suggested_mask=GAP, second_label="feet", second_mask=GAP,
            )
            for n, x in enumerate(record.instances)
        ]  # fmt: skip
        if key := MISSING.get(record.image_id):
            gap = (record.image_id, key, f"run:{run}", "", 0.8, "missing", "feet", "why")
            issues.append(Issue(*gap, mask=GAP))
        scores.append(ImageScore(record.image_id, doubt, tuple(issues)))
    results.write_scores(dataset, run, scores)


def perform(scene: str, folder: Path, name: str) -> None:
    if scene == "decisions":
        steps.import_decisions(store.open(name), folder / "decisions.csv")
    elif scene == "diff":
        steps.diff(store.open(name), "r001", "now")
    else:
        score(name, "r1" if scene == "flag" else "r2")


def look(name: str) -> dict:
    """All that :func:`killing.look` sees, what the App lists, and whether the counts are right."""
    dataset = store.open(name)
    found = killing.look(name)
    photos = bulk.collection(dataset.samples)
    views = list(photos.database["views"].find({"_dataset_id": bulk.dataset_id(dataset.samples)}))
    ours = photos.distinct("_id")
    for label in (d for p in found["photos"] for d in bulk.detections(p, "labels")):
        # Of what was added: the id of the decision, which is by chance.
        label["source"] = label["source"].partition(":")[0]
    patches = [x for x in photos.database.list_collection_names() if x.startswith("patches.")]
    return found | {
        "views": sorted(view["name"] for view in views),
        "listed views": sorted(dataset.samples.list_saved_views()),
        "changed": [v["view_stages"] for v in views if v["name"].startswith("labels changed")],
        "workspaces": sorted(found["workspaces"]),
        "all workspaces": photos.database["workspaces"].count_documents(
            {"_dataset_id": bulk.dataset_id(dataset.samples)}
        ),
        "tiles": {
            view: sorted(str(key) for key in bulk.collection(copies).distinct("_id"))
            for view, copies in tiles._copies(dataset)
        },
        "copies": sum(
            photos.database[x].count_documents({"_sample_id": {"$in": ours}}) > 0 for x in patches
        ),
        "suspects": {
            photo["image_id"]: suspects(photo, dataset.flagged)
            for photo in bulk.read(dataset.samples, list("abcde"), ["labels", *missing(dataset)])
        },
    }


def missing(dataset) -> list[str]:
    return [f"missing_{run}" for run in dataset.runs]


def suspects(photo, run) -> int:
    """Counted by hand."""
    doubted = [d for d in bulk.detections(photo, "labels") if not d["review_status"]]
    left = [d for d in bulk.detections(photo, f"missing_{run}") if not d.get("review_status")]
    return sum((d["error_score"] or 0) >= 0.25 for d in doubted) + len(left)


def doomed(scene: str, folder: Path, name: str, writes: int) -> None:
    prepare(scene, folder, name)
    killing.reaper.left = writes
    perform(scene, folder, name)


def say(name: str) -> None:
    print(json.dumps(look(name), default=repr))


def again(scene: str, folder: Path, name: str) -> None:
    perform(scene, folder, name)
    say(name)
    store.delete(name)


def main(scene: str, folder: Path, kills: list[int]) -> None:
    for letter in "abcdefgh":
        Image.new("RGB", (6, 4), (9 * ord(letter) % 256, 0, 0)).save(folder / f"{letter}.png")
    for writes in (0, *kills):
        name = f"killed-{scene}-{writes}"
        (database.folder(name) / "decisions.csv").unlink(missing_ok=True)
        ended = killing.in_child(partial(doomed, scene, folder, name, writes))
        acts = partial(say, name), partial(again, scene, folder, name)
        if ended not in (0, -signal.SIGKILL) or any(map(killing.in_child, acts)):
            sys.exit(f"{name} ended with {ended}")
        if writes and not ended:  # it makes fewer writes than that
            break


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), list(map(int, sys.argv[3:])))
