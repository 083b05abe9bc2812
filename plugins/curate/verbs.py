"""Import, remap, audit, train, predict, flag, round, export: the command line's verbs, in the App.

Each calls the same function of :mod:`curation.steps`. Those that take long are queued, and run in
another process (:mod:`curation.store.executor`); :mod:`.work` shows how far they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation import steps, store
from curation.core import taxonomy
from curation.core.errors import CurateError, RunError
from curation.core.finding import Finding, Severity
from curation.core.text import count, count_kinds
from curation.formats.registry import PREFIX, Option, readers, writers
from curation.rounds.state import State
from curation.steps.audit import AUDIT
from curation.steps.dataset_runs import DatasetRuns
from curation.steps.export import SIZE
from curation.steps.round import FOLDS, read_proof
from curation.steps.selection import Selection
from curation.steps.vocabulary import CLASSES, SOURCE
from curation.store.audit_results import FAULTS
from training import recipes
from training import run as trainer
from training.config import COMMON, to_table

from .forms import Form, config_of, path_of, wrong_with_settings
from .verb import Verb


class Import(Verb):
    name, label, icon = "import", "Import photos …", "add_photo_alternate"
    about = "Bring photos and labels into a dataset."

    def ask(self, form, dataset):
        about = "It is made where there is none of this name."
        form.text("dataset", "Into the dataset", about, default=dataset.name, required=True)
        choices = {name: f"{name}: {f.reads}" for name, f in READERS.items()}
        if format_ := READERS.get(form.choice("format", "Format", choices)):
            if format_.more:
                form.notice(format_.more)
            for option in (format_.annotations, PHOTOS, *format_.options, PREFIX):
                form.option(option)
        form.switch("strict", "Strict", "Refuse a file of which anything is skipped.")
        form.switch("update", "Update", "Take over photos that differ by now.")

    def act(self, dataset, given, progress):
        format_ = READERS[given["format"]]
        told = {option.name: _answer(given, option) for option in (*format_.options, PREFIX)}
        source = format_.load(_answer(given, format_.annotations), _answer(given, PHOTOS), **told)
        done = steps.ingest(
            given["dataset"], source, strict=bool(given.get("strict")),
            update=bool(given.get("update")), progress=progress,
        )  # fmt: skip
        message = f"Into {given['dataset']}: {done.summary()}."
        if done.unmapped:
            labels = ", ".join(f"{label!r} ({n})" for label, n in done.unmapped.items())
            message += f" The taxonomy does not speak of {labels}: add each to it and remap again."
        return f"{message} Next: “{Audit.label}”, then “{Remap.label}”."


PHOTOS = Option("images", "The folder of photos.", "folder", required=True)


READERS = {f.name: f for f in readers()}


def _answer(given: dict[str, Any], option: Option) -> Any:
    if option.kind in ("text", "number"):
        return given.get(option.name) or None
    return path_of(given, option.name, required=option.required)


class Remap(Verb):
    name, label, icon = "remap", "Remap …", "category"
    about = "Show the labels under another vocabulary. Source labels and reviews stay."
    queued, draws = False, True

    def ask(self, form, dataset):
        built_in = {name: name for name in taxonomy.names()}
        chosen = form.choice("taxonomy", "Taxonomy", built_in | {OWN: OWN})
        if chosen == OWN:
            form.path("file", "File", "file", "A taxonomy of yours, a .toml.")

    def act(self, dataset, given, progress):
        chosen = given["taxonomy"]
        done = steps.remap(dataset, str(path_of(given, "file")) if chosen == OWN else chosen)
        message = f"Remapped {dataset.name} to {done.taxonomy.name}: {done.summary()}."
        if done.deferred:
            deferred = count(done.deferred, "decision")
            message += f" Deferred until their taxonomy is active again: {deferred}."
        return f"{message} Next: “{Train.label}”, or flag with a run that has these classes."


OWN = "a file of mine"


class Audit(Verb):
    name, label, icon = "audit", "Audit", "fact_check"
    about = "Find the faults that labels have by themselves. Nothing is changed."
    queued = False

    def ask(self, form, dataset):
        form.notice(f"{count(len(dataset), 'photo')} of {dataset.name}; no model is needed.")

    def act(self, dataset, given, progress):
        found = steps.audit(dataset, progress=progress)
        counts = ", ".join(count(sum(f.severity == s for f in found), s) for s in Severity)
        audited = count(len(dataset), "photo")
        message = f"Audited {audited} of {dataset.name}: {counts}; all in {dataset.folder / AUDIT}."
        if found:
            message += f" Next: look at the saved view “{FAULTS}”, or decide on them in the review,"
            return f"{message} where they come after the suspects."
        if dataset.flagged:
            return f"{message} Next: decide on the suspects in the review, worst first."
        if dataset.has_taxonomy:
            return f"{message} Next: “{Train.label}”, which sees what no label tells by itself."
        return f"{message} Next: “{Remap.label}”."


class Train(Verb):
    name, label, icon = "train", "Train a model …", "model_training"
    about = "Train a segmenter on the labels as they are now."

    def ask(self, form, dataset):
        dataset.taxonomy  # noqa: B018 - raises where there is none
        about = "Lower-case letters, digits and '_'. The same name and settings go on with a run."
        wrong = _wrong_with_run(dataset, form.given.get("run"))
        form.text("run", "Name of the run", about, wrong, default=_unused(dataset), required=True)
        about = "So many models, and each photo is seen by one that was not trained on it, as "
        about += "flagging needs it. 0: one model, on the train split."
        wrong = "one fold leaves no photo to learn from: 0, or 2 and more"
        wrong = wrong if form.given.get("folds") == 1 else ""
        form.number("folds", "Folds", about, default=3, low=0, high=20, wrong=wrong)
        recipe = form.recipe()
        about = "In place of the recipe's; an empty one is what the recipe says."
        if not form.switch(MORE, "More settings", about):
            return
        says = to_table(recipes.load(recipe)) if recipe else {}
        for name in COMMON:
            form.setting(name, f"The recipe says {says[name]}." if says else "")
        if wrong := wrong_with_settings(form.given, recipe):
            form.refuse(wrong)

    def act(self, dataset, given, progress):
        # What was said before the switch was turned off is in the answers still.
        settings = given if given.get(MORE) else {}
        config = config_of(settings, given.get("recipe") or recipes.for_this_machine())
        run, folds = given["run"], int(given.get("folds") or 0)
        metrics = steps.train(DatasetRuns(dataset), run, config, folds=folds, progress=progress)
        if metrics["only_background"]:
            return f"Trained {run}, which predicts only background: train longer."
        where = dataset.run_folder(run)
        miou = f"mean IoU {metrics['miou_foreground']:.3f} on {metrics['measured_on']}"
        return (
            f"Trained {run}: {miou}; {where} has curves.png, grid.png and model-card.md. "
            f"Next: “{Predict.label}” and “{Flag.label}”."
        )


MORE = "more"
"""The switch under which the settings stand that a recipe has."""


def _wrong_with_run(dataset: store.Dataset, name: str | None) -> str:
    if not name:
        return ""
    try:
        folder = dataset.run_folder(name)
    except CurateError as error:
        return error.reason
    try:
        going_on = trainer.is_begun(folder)
    except RunError:  # there is no run of this name
        return ""
    return "" if going_on else "is trained already: choose another name"


def _unused(dataset: store.Dataset) -> str:
    """A name that no run has: r1, r2, ..."""
    number = 1
    while dataset.run_folder(f"r{number}").exists():
        number += 1
    return f"r{number}"


class Predict(Verb):
    name, label, icon = "predict", "Predict …", "auto_awesome"
    about = "Write a run's predictions into the dataset, out of fold where it has folds."
    draws = True

    def ask(self, form, dataset):
        _ask_for_run(form, dataset)
        about = "Keep them, as 8-bit numbers in .npz files."
        form.switch("probabilities", "Probabilities", about)

    def act(self, dataset, given, progress):
        run, keep = given["run"], bool(given.get("probabilities"))
        done = steps.predict(dataset, run, keep=keep, progress=progress)
        seen = f"Predicted {count(done, 'photo')}: prediction_{run}, confidence_{run}."
        return f"{seen} Next: “{Flag.label}”."


class Flag(Verb):
    name, label, icon = "flag", "Flag labels …", "flag"
    about = "Score each label by the probability that it is wrong, and say what would be wrong."
    draws = True

    def ask(self, form, dataset):
        _ask_for_run(form, dataset)

    def act(self, dataset, given, progress):
        result = steps.flag(dataset, given["run"], progress=progress)
        message = f"Flagged {result.summary()}."
        if not result.out_of_fold:
            message += (
                " The run has no folds, and saw these labels: train with 3 for better scores."
            )
        if result.counts.suspects:
            message += " Next: decide on the suspects in the review, worst first."
        return message


def _ask_for_run(form: Form, dataset: store.Dataset) -> None:
    finished = [folder.name for folder in _finished(dataset)]
    if not finished:
        raise CurateError(dataset.name, "no run is finished yet; train a model first")
    form.choice("run", "Run", {name: name for name in finished}, default=finished[-1])


def _finished(dataset: store.Dataset) -> list[Path]:
    """The folders of the runs that are finished, the one that was trained last at the end."""
    begun = (dataset.folder / "runs").glob("[!.]*")
    # Not by the folder's own time: an older run that is flagged again changes that.
    return sorted(
        filter(_is_finished, begun), key=lambda folder: (folder / "metrics.json").stat().st_mtime_ns
    )


def _is_finished(folder: Path) -> bool:
    try:
        return not trainer.is_begun(folder)
    except CurateError:
        return False


class Round(Verb):
    name, label, icon = "round", "Clean in rounds …", "change_circle"
    about = "Train, predict and flag in one go; after the review, see whether it helped."
    draws = True

    def ask(self, form, dataset):
        status = steps.round_status(dataset)
        last = status.rounds[-1] if status.rounds else None
        if busy := steps.round_at_work(dataset):
            form.refuse(f"{busy}: wait for it, or end it.")
        if last is None or last.state.is_over:
            if last:
                proof = read_proof(dataset, last.name)
                verdict = f": {proof.comparison.verdict}" if proof else "."
                form.notice(f"The last round, {last.name}, was {last.state}{verdict}")
            form.choice("step", "Step", {"start": "start a round, and train, predict and flag"},
                        default="start")  # fmt: skip
            form.recipe()
            form.notice(_how_long(dataset, FOLDS))
            return
        decided, left = count(status.decisions, "decision"), count(status.left, "suspect")
        form.notice(f"{last.name} is {last.state}: {decided}, {left} left.")
        for product, why in status.stale:
            form.notice(f"The {product} were made before {why}.")
        flagged = State.FLAGGED in last.made_of
        going_on = (
            {"close": "train again on the labels of now, and say whether it helped"}
            if flagged
            else {"run": "go on: train, predict and flag"}
        )
        choices = {**going_on, "abandon": "end it without a proof; runs and decisions stay"}
        if form.choice("step", "Step", choices, default=next(iter(going_on))) != "abandon":
            form.notice(_how_long(dataset, last.folds))

    def act(self, dataset, given, progress):
        if given["step"] == "abandon":
            return f"Abandoned {steps.abandon_round(dataset).name}: runs and decisions stay."
        if given["step"] == "close":
            found = steps.close_round(dataset, progress=progress).comparison
            page = steps.round_report(dataset, progress=progress)
            return f"{found.verdict} {found.measured_on} {page} has all of it."
        if given["step"] == "start":
            recipe = given.get("recipe") or recipes.for_this_machine()
            steps.start_round(dataset, recipes.load(recipe))
        done = steps.run_round(dataset, progress=progress)
        left = steps.round_status(dataset).left
        return f"{done.name} is {done.state}: {count(left, 'suspect')} to review."


def _how_long(dataset: store.Dataset, folds: int) -> str:
    """What a round trains, and how long that takes."""
    trains = f"{count(folds, 'model')} are trained, one after the other"
    if not (finished := _finished(dataset)):
        return f"{trains}: minutes for some hundred photos, hours for ten thousand."
    minutes = trainer.load_metrics(finished[-1])["seconds"] / 60
    took = f"{minutes / 60:.1f} hours" if minutes > 90 else count(max(1, round(minutes)), "minute")
    return f"{trains}. Training {finished[-1].name} took {took}."


class Export(Verb):
    name, label, icon = "export", "Export …", "save_alt"
    about = "Write the reviewed labels of all photos that are not excluded."

    def ask(self, form, dataset):
        formats = {f.name: f for f in writers()}
        choices = {name: f"{name}: {f.writes}" for name, f in formats.items()}
        chosen = form.choice("format", "Format", choices, default="tfrecord")
        form.path("folder", "Folder", "new folder", "It replaces an earlier export there.")
        if views := {name: name for name in dataset.samples.list_saved_views()}:
            form.choice("view", "Photos", views, "Of a saved view; empty: all.", required=False)
        names = {CLASSES: "their class", SOURCE: "what the annotation file calls them"}
        form.choice("names", "Labels are called by", names, default=CLASSES, required=False)
        if formats[chosen].holds_images:
            about = "Side in pixels of photos and label maps."
            form.number("size", "Size", about, default=SIZE, low=32, high=4096)

    def act(self, dataset, given, progress):
        folder = path_of(given, "folder")
        skipped: list[Finding] = []
        chosen = Selection(view=given.get("view") or None)
        manifest = steps.export(
            dataset, folder, given["format"], size=int(given.get("size") or SIZE),
            names=given.get("names") or CLASSES, selection=chosen,
            progress=progress, on_finding=skipped.append,
        )  # fmt: skip
        counts = ", ".join(f"{name} {p['photos']:,}" for name, p in manifest["splits"].items())
        left = f"; left out: {count_kinds(skipped)}" if skipped else ""
        return f"Exported {dataset.name} to {folder}: {counts}{left}."


VERBS = (Import, Remap, Audit, Train, Predict, Flag, Round, Export)
"""In the order of the work."""
