"""``curate diff`` on a small drawn dataset: what changed between rounds or runs, and by whom."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner

from curation import steps, store
from curation.cli import main
from curation.core.errors import CurateError
from curation.rounds import state
from curation.store import decisions
from tests.app.dataset import build
from tests.conftest import decide


@pytest.fixture
def dataset(tmp_path) -> Iterator[store.Dataset]:
    name = f"diff-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path, images=4)
    store.delete(name)


def begin_round(dataset, name: str) -> None:
    said = dataset.journal.read()
    since = said[-1].decision_id if said else ""
    begun = state.Round(name, state.State.STARTED, "", name, f"{name}_after", 2, {}, since)
    state.write(dataset.folder / "rounds" / name, begun)


def begin_run(dataset, name: str, since: timedelta = timedelta(0)) -> None:
    """A run that began so long after the journal's last decision."""
    path = dataset.run_folder(name) / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("size = 64\n")
    moment = datetime.fromisoformat(dataset.journal.read()[-1].time) + since
    os.utime(path, (moment.timestamp(),) * 2)


def labels(dataset, image_id: str) -> list:
    (record,) = dataset.records("labels", [image_id])
    return list(record.instances)


def told(found) -> list[tuple]:
    return [(c.image_id, c.instance_id, c.before, c.after, c.redrawn) for c in found.changes]


def test_between_two_rounds_are_the_labels_that_the_first_one_changed(dataset):
    begin_round(dataset, "r001")
    assert steps.diff(dataset, "r001", "now").changes == []
    first, second = labels(dataset, "figure-00")[:2]
    other = next(c.name for c in dataset.taxonomy.classes if c.name != first.category)
    of_label = {"image_id": "figure-00", "instance_id": first.instance_id}
    decide(dataset, "relabel", category=other, reviewer="anna", **of_label)
    decide(dataset, "keep", image_id="figure-00", instance_id=second.instance_id)
    decide(dataset, "exclude", image_id="figure-01")
    begin_round(dataset, "r002")
    gone = labels(dataset, "figure-02")[0]
    decide(dataset, "delete", image_id="figure-02", instance_id=gone.instance_id)
    found = steps.diff(dataset, "r001", "r002")
    relabelled = ("figure-00", first.instance_id, first.category, other, False)
    excluded = ("figure-01", "", "", "excluded", False)
    deleted = ("figure-02", gone.instance_id, gone.category, "", False)
    assert told(found) == [relabelled, excluded]
    assert found.changes[0].said == f"anna relabelled it to {other}"
    assert told(steps.diff(dataset, "r002", "now")) == [deleted]
    assert told(steps.diff(dataset, "r001", "now")) == [relabelled, excluded, deleted]


def test_what_was_taken_back_since_is_no_difference(dataset):
    begin_round(dataset, "r001")
    label = labels(dataset, "figure-00")[0]
    decide(dataset, "delete", image_id="figure-00", instance_id=label.instance_id)
    begin_round(dataset, "r002")
    decisions.undo(dataset)
    assert len(steps.diff(dataset, "r001", "r002").changes) == 1
    assert steps.diff(dataset, "r001", "now").changes == []
    (back,) = steps.diff(dataset, "r002", "now").changes
    assert (back.before, back.after) == ("", label.category)
    assert back.said.endswith(" took a decision back")


def test_who_took_back_what_is_on_a_label_did_nothing_to_its_photo(dataset):
    label = labels(dataset, "figure-00")[0]
    known = {"image_id": "figure-00", "instance_id": label.instance_id}
    decide(dataset, "delete", **known)
    begin_round(dataset, "r001")
    decide(dataset, "exclude", image_id="figure-00", reviewer="anna")
    decisions.undo(dataset, "bea", dataset.journal.read()[0].decision_id)
    photo, of_it = steps.diff(dataset, "r001", "now").changes
    assert (photo.instance_id, photo.said) == ("", "anna excluded the photo")
    assert (of_it.instance_id, of_it.said) == (label.instance_id, "bea took a decision back")


def test_a_run_is_known_by_when_it_began(dataset):
    label = labels(dataset, "figure-00")[0]
    decide(dataset, "delete", image_id="figure-00", instance_id=label.instance_id)
    begin_run(dataset, "before", timedelta(seconds=-1))
    begin_run(dataset, "since", timedelta(seconds=1))
    assert len(steps.diff(dataset, "before", "since").changes) == 1
    assert steps.diff(dataset, "since", "now").changes == []


def test_the_view_has_the_photos_and_is_made_anew(dataset):
    begin_round(dataset, "r001")
    for image_id in ("figure-00", "figure-02"):
        label = labels(dataset, image_id)[0]
        decide(dataset, "delete", image_id=image_id, instance_id=label.instance_id)
        view = steps.diff(dataset, "r001", "now").view
    dataset.samples.reload()
    assert view == "labels changed from r001 to now"
    assert dataset.samples.load_saved_view(view).values("image_id") == ["figure-00", "figure-02"]
    assert dataset.samples.list_saved_views().count(view) == 1


def test_what_is_no_round_or_run_is_said_with_those_that_there_are(dataset):
    begin_round(dataset, "r001")
    with pytest.raises(CurateError, match=r"no round or run of .*there are: r001, now"):
        steps.diff(dataset, "r009", "now")
    decide(dataset, "exclude", image_id="figure-01")
    with pytest.raises(CurateError, match=r"curate diff .* r001 now"):
        steps.diff(dataset, "now", "r001")
    path = dataset.folder / "rounds" / "r001" / "round.toml"
    whole = path.read_text()
    path.write_text("since = 3\n")
    with pytest.raises(CurateError, match=r"round\.toml:state: is None; restore it"):
        steps.diff(dataset, "r001", "now")
    path.write_text(re.sub("^since = .*", 'since = "77"', whole, flags=re.M))
    with pytest.raises(CurateError, match="does not have; restore it"):
        steps.diff(dataset, "r001", "now")


def test_the_command_prints_a_table_and_names_the_view(dataset):
    begin_round(dataset, "r001")
    label = labels(dataset, "figure-00")[0]
    decide(dataset, "delete", image_id="figure-00", instance_id=label.instance_id, reviewer="bea")
    run = CliRunner().invoke(main, ["diff", dataset.name, "r001"])
    assert run.exit_code == 0, run.output
    assert f"bea deleted the {label.category}" in run.output
    assert "1 label changed, in 1 photo: the view" in run.output
    run = CliRunner().invoke(main, ["diff", dataset.name, "r001", "--json"])
    (only,) = json.loads(run.stdout)
    assert (only["instance_id"], only["after"]) == (label.instance_id, "")
