"""Keep, relabel, delete, add, exclude, undo in the photo view: what ``js/buttons.js`` presses."""

from __future__ import annotations

from abc import abstractmethod

import fiftyone.operators as foo
from fiftyone.operators import types

from curation import store
from curation.core.errors import CurateError
from curation.core.taxonomy import SOURCE
from curation.issues.issue import SUSPECT
from curation.review import journal
from curation.store import decisions, labels
from curation.store.decisions import Request

from .picked import LABELS, MISSING, Garment, Refusal, garments, images
from .screen import open_tile, redraw

ASKED_NAME = "Your name, which is written beside each of your decisions"


class Action(foo.Operator):
    """What the six have in common: a toast, a screen that shows the change."""

    name: str
    label: str
    icon: str
    about: str
    asks = False

    @property
    def config(self):
        return foo.OperatorConfig(
            name=self.name,
            label=f"{self.label}: {self.about}",
            icon=self.icon,
            dynamic=self.asks,
        )

    def execute(self, ctx):
        tile = open_tile(ctx)
        try:
            message, image_ids = self.act(ctx)
        except (Refusal, CurateError) as refusal:
            ctx.ops.notify(str(refusal), variant="warning")
            return
        ctx.ops.notify(message, variant="success")
        redraw(ctx, image_ids, tile)

    @abstractmethod
    def act(self, ctx) -> tuple[str, set[str]]:
        """Does it. Returns what happened, in one sentence, and whose photos changed."""


class Keep(Action):
    name, label, icon = "keep", "Keep", "check_circle"
    about = "the label is right"

    def act(self, ctx):
        picked = garments(ctx, LABELS)
        return f"Kept {_names(picked)}.", _decide(ctx, "keep", picked)


class Relabel(Action):
    name, label, icon = "relabel", "Relabel", "edit"
    about = "another category"
    asks = True

    def resolve_input(self, ctx):
        inputs = types.Object()
        try:
            picked = garments(ctx, LABELS)
        except Refusal as refusal:
            inputs.view("nothing", types.Warning(label=str(refusal)))
            return types.Property(inputs, view=types.View(label="Nothing to relabel"))
        for name, reason in _reasons(picked):
            inputs.view(name, types.Notice(label=reason))
        choices = _choices(ctx.dataset)
        menu = types.DropdownView()
        for name in choices:
            menu.add_choice(name, label=name)
        inputs.enum(
            "category",
            menu.values(),
            default=_suggestion(picked, choices),
            required=True,
            label="New category",
            view=menu,
        )
        prompt = types.PromptView(
            label=f"Relabel {_names(picked)}", submit_button_label="Relabel (Ctrl+Enter)"
        )
        return types.Property(inputs, view=prompt)

    def act(self, ctx):
        chosen = _choices(ctx.dataset).get(ctx.params.get("category"))
        picked = garments(ctx, LABELS)
        if not chosen:
            raise Refusal("Choose a category.")
        are = "is" if len(picked) == 1 else "are"
        changed = _decide(ctx, "relabel", picked, *chosen)
        return f"{_names(picked)} {are} {chosen[0]} now.", changed


class Delete(Action):
    name, label, icon = "delete", "Delete", "delete"
    about = "there is no such garment"

    def act(self, ctx):
        picked = garments(ctx, LABELS, MISSING)
        done = "Dismissed" if all(g.field != LABELS for g in picked) else "Deleted"
        return f"{done} {_names(picked)}.", _decide(ctx, "delete", picked)


class Add(Action):
    name, label, icon = "add", "Add", "add_circle"
    about = "accept what nobody labelled"

    def act(self, ctx):
        picked = garments(ctx, MISSING)
        return f"Added {_names(picked)}.", _decide(ctx, "add", picked)


class Exclude(Action):
    name, label, icon = "exclude", "Exclude", "block"
    about = "leave the photo out of training and export"

    def act(self, ctx):
        image_ids = images(ctx)
        requests = [Request("exclude", image_id) for image_id in image_ids]
        decisions.decide(store.wrap(ctx.dataset), requests, _reviewer(ctx))
        what = image_ids[0] if len(image_ids) == 1 else f"{len(image_ids)} photos"
        return f"Excluded {what}.", set(image_ids)


class Undo(Action):
    name, label, icon = "undo", "Undo", "undo"
    about = "take back the last decision"

    def act(self, ctx):
        gone = decisions.undo(store.wrap(ctx.dataset), _reviewer(ctx))
        if not gone:
            raise Refusal("There is no decision of yours to undo.")
        return f"Took back: {journal.summary(gone)}.", {d.image_id for d in gone}


class Sign(foo.Operator):
    """Asks for the reviewer's name before the first decision in a browser."""

    @property
    def config(self):
        return foo.OperatorConfig(name="sign", label="Reviewer", unlisted=True)

    def resolve_input(self, ctx):
        inputs = types.Object()
        inputs.str("reviewer", default=journal.user(), required=True, label=ASKED_NAME)
        prompt = types.PromptView(label="Who reviews?", submit_button_label="OK")
        return types.Property(inputs, view=prompt)

    def execute(self, ctx):
        if name := journal.one_line(ctx.params["reviewer"]):
            said = {"reviewer": name, "action": ctx.params["action"]}
            ctx.trigger("@curate/curate/signed", params=said)


ACTIONS = (Keep, Relabel, Delete, Add, Exclude, Undo)
"""In the order of the buttons."""


def _reviewer(ctx) -> str:
    """Who decides: the name that was given in this browser; empty for who is logged in."""
    return ctx.params.get("reviewer") or ctx.user_id or ""


def _decide(
    ctx, action: str, picked: list[Garment], category: str = "", taxonomy: str = ""
) -> set[str]:
    requests = [
        Request(action, garment.image_id, garment.detection.id, category, taxonomy)
        for garment in picked
    ]
    decisions.decide(store.wrap(ctx.dataset), requests, _reviewer(ctx))
    return {garment.image_id for garment in picked}


def _names(picked: list[Garment]) -> str:
    """``upper-body in photo-003``, or how many."""
    if len(picked) == 1:
        return f"{picked[0].label} in {picked[0].image_id}"
    return f"{len(picked)} garments"


def _reasons(picked: list[Garment]) -> list[tuple[str, str]]:
    """Why a single garment is in doubt, the greater doubt first: name of the field and sentence."""
    if len(picked) != 1:
        return []
    said = picked[0].detection
    fields = (("error_score", "reason"), ("source_error_score", "source_reason"))
    doubts = sorted(((_score(said, score), name) for score, name in fields), reverse=True)
    return [(name, said.get_field(name)) for score, name in doubts if score >= SUSPECT]


def _score(detection, name: str) -> float:
    """0 where nobody scored it."""
    return getattr(detection, name, None) or 0.0


def _choices(dataset) -> dict[str, tuple[str, str]]:
    """What a label can be called: category and vocabulary, by what the menu calls it.

    First the classes; then, where a class has several, the labels of the annotation file.
    """
    opened = store.wrap(dataset)
    classes = [c.name for c in opened.taxonomy.classes]
    finer = sorted(labels.finer_labels(opened).items(), key=lambda item: classes.index(item[1]))
    choices = {name: (name, "") for name in classes}
    return choices | {f"{target}: {label}": (label, SOURCE) for label, target in finer}


def _suggestion(picked: list[Garment], choices: dict[str, tuple[str, str]]) -> str | None:
    """What the first garment looks like, where that is in doubt; else its class now."""
    said = picked[0].detection
    score, of_source = (_score(said, n) for n in ("error_score", "source_error_score"))
    # One that was just drawn in FiftyOne's editor has no scores, nor what goes with them.
    wanted = [(getattr(said, "suggested_label", None), ""), (said.label, "")]
    if of_source > score:
        wanted.insert(0, (said.get_field("suggested_source_label"), SOURCE))
    names = {choice: name for name, choice in choices.items()}
    return next((names[choice] for choice in wanted if choice in names), None)
