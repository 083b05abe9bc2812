"""The verbs of the App: by FiftyOne's own executor, on a real dataset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
import psutil
import pytest
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionContext, ExecutionRunState
from filelock import FileLock

from curation import steps, store
from curation.core.alone import alone
from curation.store import app, database, executor
from curation.store.fields import DRAWN
from tests.app.dataset import build
from training.config import TrainConfig

URI = "@curate/curate/"


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    app.install_plugin()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fo.Dataset]:
    name = f"verbs-{uuid.uuid4().hex[:8]}"
    yield build(name, tmp_path_factory.mktemp("photos"), images=4)
    fo.delete_dataset(name)


@pytest.fixture
def service() -> Iterator[DelegatedOperationService]:
    service = DelegatedOperationService()
    yield service
    for operation in service.list_operations():
        service.delete_operation(operation.id)


def at(path: Path) -> dict[str, str]:
    """A path as the App's chooser gives it."""
    return {"absolute_path": str(path)}


def form(name: str, dataset, **params):
    """The form of a verb, as the App is sent it: its questions by name."""
    operator = foo.get_operator(URI + name)
    context = ExecutionContext({"dataset_name": dataset.name, "params": params})
    asked = operator.resolve_input(context)
    json.dumps(asked.to_json())
    return asked.type.properties


def run(name: str, dataset, **params):
    """Executes a verb at once; its result, and its toasts."""
    done = foo.execute_operator(URI + name, dataset=dataset.samples, params=params)
    requests = [request.to_json() for request in done.executor._requests]
    return done.result, [r["params"] for r in requests if r["operator_uri"] == "notify"]


def work():
    """The module of the plugin that says what runs, and what came of it."""
    app.load_plugin()
    return sys.modules["curate_plugin.work"]


def queue(name: str, dataset, /, **params):
    done = foo.execute_operator(
        URI + name, dataset=dataset.samples, params=params, request_delegation=True
    )
    assert done.delegated
    return done.result["id"]


@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("import", {"dataset", "format", "strict", "update"}),
        ("remap", {"taxonomy"}),
        ("audit", set()),
        ("train", {"run", "folds", "recipe", "more"}),
        ("round", {"step", "recipe"}),
        ("export", {"format", "folder", "size", "view", "names"}),
    ],
)
def test_a_form_asks_what_the_command_line_asks(dataset, name, asks):
    assert asks <= form(name, dataset).keys()


@pytest.mark.parametrize("name", ["predict", "flag"])
def test_without_a_run_the_form_says_what_to_do_first(dataset, name):
    assert "train a model first" in form(name, dataset)["refused"].error_message


@pytest.mark.parametrize(
    ("format_", "asks"),
    [("imaterialist", {"annotations", "images", "labels"}), ("masks", {"masks", "classes"})],
)
def test_import_asks_what_the_format_needs(dataset, format_, asks):
    assert asks <= form("import", dataset, format=format_).keys()


def test_a_round_is_gone_on_with_where_it_stands(dataset, service):
    def steps_of(asked):
        return asked["step"].type.to_json()["values"]

    assert steps_of(form("round", dataset)) == ["start"]
    begun = steps.start_round(store.open(dataset.name), TrainConfig(size=64))
    asked = form("round", dataset)
    assert steps_of(asked) == ["run", "abandon"]
    notices = [a.view.label for name, a in asked.items() if name.startswith("notice")]
    assert notices == [
        f"{begun.name} is started: 0 decisions, 12 suspects left.",
        "3 models are trained, one after the other: minutes for some hundred photos, hours for "
        "ten thousand.",
    ]
    operation = queue("round", dataset, step="abandon")
    service.execute_queued_operations()
    said = service.get(operation).result.result["message"]
    assert said == f"Abandoned {begun.name}: runs and decisions stay."
    asked = form("round", dataset)
    assert steps_of(asked) == ["start"]
    notices = [a.view.label for name, a in asked.items() if name.startswith("notice")]
    assert notices[0] == f"The last round, {begun.name}, was abandoned."


def test_a_round_in_a_terminal_is_said_to_run_and_none_is_begun_beside_it(dataset):
    begun = steps.start_round(store.open(dataset.name), TrainConfig(size=64))
    with alone(dataset.folder / "rounds" / ".lock", dataset.name, "has a round"):
        says = f"{begun.name} trains, by process {os.getpid()} on "
        assert form("round", dataset)["refused"].error_message.startswith(says)
        (listed, *_) = work().recent(dataset)
        assert (listed.title, listed.busy) == ("Clean in rounds:", True)
        assert listed.says.startswith(says)
    assert not any(one.busy for one in work().recent(dataset))
    assert "refused" not in form("round", dataset)
    steps.abandon_round(store.open(dataset.name))


def test_an_export_of_a_view_has_its_photos_alone(dataset, service, tmp_path):
    dataset.samples.save_view("two of them", dataset.samples.limit(2))
    given = {"format": "coco", "view": "two of them", "folder": at(tmp_path / "out")}
    operation = queue("export", dataset, **given)
    service.execute_queued_operations()
    done = service.get(operation)
    assert done.run_state == ExecutionRunState.COMPLETED, done.result.error
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sum(part["photos"] for part in manifest["splits"].values()) == 2
    dataset.samples.delete_saved_view("two of them")


def test_a_number_is_asked_for_as_one(dataset):
    asked = form("import", dataset, format="via")["line_width"]
    assert (asked.type.to_json()["min"], asked.required) == (1, False)


def test_a_form_says_what_is_wrong_with_an_answer(dataset, tmp_path):
    asked = form("import", dataset, format="coco", images=at(tmp_path / "gone"))
    assert "is not there" in asked["images"].error_message
    asked = form("import", dataset, format="coco", annotations=at(tmp_path))
    assert "is a folder, not a file" in asked["annotations"].error_message
    asked = form("train", dataset, recipe="laptop", more=True, size="many")
    assert asked["size"].error_message == "size = 'many' is not a whole number"
    for recipe in ("laptop", None):
        asked = form("train", dataset, recipe=recipe, more=True, size="100")
        assert "32" in asked["refused"].error_message
    asked = form("train", dataset, folds=1)
    assert "leaves no photo to learn from" in asked["folds"].error_message


def test_the_settings_of_a_recipe_stand_under_one_switch_and_count_while_it_is_on(dataset):
    asked = form("train", dataset, more=True)
    assert {"model", "size", "frozen", "learning_rate"} <= asked.keys()
    asked = form("train", dataset, size="100", more=False)  # said before it was turned off
    assert not {"size", "refused"} & asked.keys()


def test_a_run_that_cannot_be_called_so_leaves_the_other_questions_where_they_are(dataset):
    asked = form("train", dataset, run="Run One")
    assert "lower-case letters" in asked["run"].error_message
    assert asked.keys() == form("train", dataset).keys()


def test_a_menu_of_recipes_says_what_each_is(dataset):
    for name in ("train", "round"):
        choices = {c.value: c.label for c in form(name, dataset)["recipe"].view.choices}
        assert choices["quick"].startswith("quick: as laptop, on smaller photos and with fewer")


def test_the_app_is_told_the_colours_and_the_sidebar_of_now(dataset):
    """It keeps those that the dataset had when it was opened."""
    done = foo.execute_operator(URI + "audit", dataset=dataset.samples, params={})
    requests = [request.to_json() for request in done.executor._requests]
    (told,) = [r["params"] for r in requests if r["operator_uri"].endswith("/renew")]
    drawn = next(g["paths"] for g in told["groups"] if g["name"] == DRAWN)
    assert {"labels", "outline_r1"} <= set(drawn)
    assert not any(r["operator_uri"] == "set_active_fields" for r in requests)  # as one left them
    colors = {field["path"]: field.get("valueColors") for field in told["scheme"]["fields"]}
    classes = [{"value": c.name, "color": c.color} for c in dataset.taxonomy.classes]
    assert colors["labels"] == colors["outline_r1"] == classes


def test_audit_and_remap_run_at_once(dataset):
    result, toasts = run("audit", dataset)
    assert result["message"].startswith(f"Audited 4 photos of {dataset.name}: ")
    assert toasts == [{"message": result["message"], "variant": "success"}]
    assert (dataset.folder / "audit.csv").is_file()
    assert " Next: " in result["message"]
    audited = result["message"]
    result, _ = run("remap", dataset, taxonomy="supercategories")
    assert result["message"].startswith(f"Remapped {dataset.name} to supercategories: ")
    assert result["message"].endswith(
        " Next: “Train a model …”, or flag with a run that has these classes."
    )
    listed = [(one.title, one.says) for one in work().recent(dataset)]
    assert listed[:2] == [("Remap:", result["message"]), ("Audit:", audited)]


def test_a_failure_is_one_sentence(dataset, tmp_path):
    (tmp_path / "mine.toml").write_text("not a taxonomy")
    file = at(tmp_path / "mine.toml")
    result, (toast,) = run("remap", dataset, taxonomy="a file of mine", file=file)
    assert result is None
    assert toast["variant"] == "error"
    assert toast["message"].startswith(str(tmp_path / "mine.toml"))
    assert "\n" not in toast["message"]
    assert next((one.title, one.says) for one in work().recent(dataset)) == (
        "Remap failed:", toast["message"],
    )  # fmt: skip


SERVER = """
import json, sys
import fiftyone.operators as foo
from curation import store
from fiftyone.operators.executor import ExecutionContext
context = {{"dataset_name": {name!r}, "params": {{"recipe": "laptop", "size": "64"}}}}
for name in ("train", "flag"):
    foo.get_operator("@curate/curate/" + name).resolve_input(ExecutionContext(context))
print(json.dumps([m for m in ("tensorflow", "keras", "torch") if m in sys.modules]))
"""


def test_the_server_loads_no_tensorflow_for_a_form(dataset):
    command = [sys.executable, "-c", SERVER.format(name=dataset.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["import", "train", "predict", "flag", "round", "export"])
def test_what_takes_long_is_never_run_in_the_server(name):
    options = foo.get_operator(URI + name).config
    assert (options.allow_immediate_execution, options.allow_delegated_execution) == (False, True)


def test_a_queued_operation_says_how_far_it_is_and_what_came_of_it(dataset, service, tmp_path):
    good = queue("export", dataset, format="coco", folder=at(tmp_path / "out"))
    (tmp_path / "mine.txt").write_text("not an export")
    bad = queue("export", dataset, format="coco", folder=at(tmp_path))
    assert [o.id for o in executor._next(service)] == [good], "the oldest first"
    service.execute_queued_operations()
    done = service.get(good)
    assert done.run_state == ExecutionRunState.COMPLETED
    assert (done.status.progress, done.status.label) == (1.0, "export: 4 of 4")
    assert done.result.result["message"].startswith(f"Exported {dataset.name}")
    failed = service.get(bad)
    assert failed.run_state == ExecutionRunState.FAILED
    assert str(tmp_path) in failed.result.error
    assert "Traceback" not in failed.result.error


def test_photos_are_imported_without_a_terminal(dataset, service, tmp_path):
    """What export wrote comes in under another name, with as many labels."""
    queue("export", dataset, format="coco", folder=at(tmp_path / "out"))
    service.execute_queued_operations()
    name = f"{dataset.name}-again"
    given = {"dataset": name, "format": "coco"}
    given["annotations"] = at(tmp_path / "out" / "instances.json")
    given["images"] = at(Path(dataset.samples.first().filepath).parent)
    operation = queue("import", dataset, **given)
    service.execute_queued_operations()
    done = service.get(operation)
    assert done.run_state == ExecutionRunState.COMPLETED, done.result.error
    assert done.result.result["message"].startswith(f"Into {name}: 28 instances in 4 photos")
    assert done.result.result["message"].endswith(" Next: “Audit”, then “Remap …”.")
    imported = fo.load_dataset(name)
    assert imported.count("ground_truth.detections") == dataset.samples.count("labels.detections")
    fo.delete_dataset(name)


def wait_for(service, operation, *states: str):
    until = time.monotonic() + 90
    while (now := service.get(operation)).run_state not in states:
        assert time.monotonic() < until, now.run_state
        time.sleep(0.2)
    return now


def test_the_executor_runs_what_is_queued_and_ends_with_the_app(dataset, service, tmp_path):
    with app.executor() as process:
        operation = queue("export", dataset, format="coco", folder=at(tmp_path / "out"))
        done = wait_for(service, operation, *ExecutionRunState.TERMINAL_STATES)
        assert done.run_state == ExecutionRunState.COMPLETED
        assert (tmp_path / "out" / "instances.json").is_file()
    assert process.poll() is not None


def test_of_two_apps_one_runs_an_operation_at_a_time(dataset, service, tmp_path):
    """What is queued after a prediction may need it: it does not begin beside it."""
    with app.executor():
        with FileLock(database.home() / executor.LOCK):  # as the executor of another App has it
            operation = queue("export", dataset, format="coco", folder=at(tmp_path / "out"))
            time.sleep(5)
            assert service.get(operation).run_state == ExecutionRunState.QUEUED
        done = wait_for(service, operation, *ExecutionRunState.TERMINAL_STATES)
        assert done.run_state == ExecutionRunState.COMPLETED


def test_what_ran_as_the_machine_went_off_is_called_running_no_more(dataset, service):
    operation = queue("audit", dataset)
    service.set_running(operation, run_link=str(database.home()))
    with app.executor():
        ended = wait_for(service, operation, ExecutionRunState.FAILED)
    assert ended.result.error == executor.ENDED


PARENT = """
import time
from curation.store import app
with app.executor() as process:
    print(process.pid, flush=True)
    time.sleep(60)
"""


def test_the_executor_ends_even_with_an_app_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        process = psutil.Process(int(parent.stdout.readline()))
        time.sleep(1)
        parent.kill()
    process.wait(20)


@pytest.mark.long
def test_train_predict_and_flag_without_a_terminal(dataset, service):
    small = {"recipe": "laptop", "size": "64", "steps": "4", "batch": "4", "folds": 2, "more": True}
    operations = [queue("train", dataset, run="tiny", **small)]
    service.execute_queued_operations()
    operations.append(queue("predict", dataset, run="tiny"))
    service.execute_queued_operations()
    operations.append(queue("flag", dataset, run="tiny"))
    service.execute_queued_operations()
    sentences = ("Trained tiny", "Predicted 4 photos", "Flagged ")
    following = (" Next: “Predict …” and “Flag labels …”.", " Next: “Flag labels …”.", "")
    for operation, says, then in zip(operations, sentences, following, strict=True):
        ended = service.get(operation)
        assert ended.run_state == ExecutionRunState.COMPLETED, ended.result.error
        assert ended.result.result["message"].startswith(says)
        assert ended.result.result["message"].endswith(then)


def test_what_the_app_is_closed_over_is_ended_and_called_running_no_more(dataset, service):
    with app.executor() as process:
        small = {"recipe": "laptop", "size": "64", "steps": "4000", "folds": 2, "more": True}
        training = queue("train", dataset, run="long", **small)
        wait_for(service, training, ExecutionRunState.RUNNING)
        tree = psutil.Process(process.pid).children(recursive=True)
    assert service.get(training).result.error == executor.ENDED
    assert not psutil.wait_procs(tree, timeout=5)[1]
