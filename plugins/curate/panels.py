"""The legend beside the grid: which colour is which class, how many there are, what is left."""

from __future__ import annotations

import fiftyone.operators as foo
from fiftyone.operators import types

from curation import store

from . import work
from .operators import ACTIONS, Action
from .picked import patch_field
from .screen import renew
from .verbs import VERBS, Verb

LOOK = 3000
"""Milliseconds between two looks at what was queued."""

HOW_TO_READ = """
**filled** is the label, its class written above it

**outlined** is what the model sees

**filled white** is a garment that the model sees and nobody labelled

Open a photo, click a garment and press a button above it;
or tick patches (or, to exclude, photos) in the grid and press one here.
"""


class Legend(foo.Panel):
    """Drawn anew when the reviewer opens or closes a photo, ticks some, or changes the view."""

    @property
    def config(self):
        return foo.PanelConfig(name="curate_legend", label="Legend", icon="palette")

    def on_change_view(self, ctx):
        pass

    def on_change_current_sample(self, ctx):
        """Once a tile is closed, those that were decided on meanwhile leave the grid."""
        decisions = len(store.wrap(ctx.dataset).journal.read())
        if ctx.current_sample:
            ctx.panel.set_state("decisions", decisions)
        elif patch_field(ctx) and decisions != ctx.panel.get_state("decisions"):
            ctx.ops.reload_dataset()

    def on_change_selected(self, ctx):
        pass

    def execute(self, ctx):
        # FiftyOne draws a panel anew after each event: not after a look that found no news.
        if ctx.params.get("__method__") == "on_look" and _listed(ctx) == _now(ctx):
            return None
        return super().execute(ctx)

    def on_look(self, ctx):
        """Says what is done by now, and has the App draw what came of it."""
        before, now = _listed(ctx), work.recent(store.wrap(ctx.dataset))
        if before is not None:
            _tell_news(ctx, before, now)
        ctx.panel.set_state("listed", _as_listed(now))

    def render(self, ctx):
        panel = types.Object()
        panel.view("look", types.TimerView(interval=LOOK, on_interval=self.on_look))
        dataset = store.wrap(ctx.dataset)
        room = {"container": {"sx": {"px": 1, "pt": 2}}}
        if not dataset.has_taxonomy:
            panel.md("No classes yet: press Remap …", name="nothing")
            _verbs(panel, ctx, room)
            return types.Property(panel, view=types.GridView(orientation="vertical", gap=0))
        panel.md("photos with a label of", name="heading", componentsProps=room)
        for c in dataset.taxonomy.classes:
            count = dataset.count({"labels.detections.label": c.name})
            bar = {"borderLeft": f"20px solid {c.color}", "pl": 1, "my": 0.5}
            panel.md(
                f"**{c.name}** {count:,}",
                name=f"class_{c.id}",
                componentsProps={"container": {"sx": bar}},
            )
        panel.md(_left(dataset), name="left", componentsProps=room)
        panel.md(HOW_TO_READ, name="how", componentsProps=room)
        # The grid's own bar hides its buttons behind an arrow as soon as it is narrow.
        for action in ACTIONS:
            _button(panel, action, f"press_{action.name}", prompt=False)
        _verbs(panel, ctx, room)
        return types.Property(panel, view=types.GridView(orientation="vertical", gap=0))


DRAWING = {verb.name for verb in VERBS if verb.draws}


def _listed(ctx) -> dict[str, list] | None:
    """What the legend listed at the last look: whether it was busy, and how far; None before it."""
    return ctx.panel.get_state("listed")


def _now(ctx) -> dict[str, list]:
    """The same, now."""
    return _as_listed(work.recent(store.wrap(ctx.dataset)))


def _as_listed(found: list[work.Work]) -> dict[str, list]:
    return {one.key: [one.busy, one.says] for one in found}


def _tell_news(ctx, before: dict[str, list], now: list[work.Work]) -> None:
    """Says what is done since the last look, and has the App draw it."""
    for one in now:
        # One that was done between two looks is news, too.
        was_busy = one.key not in before or before[one.key][0]
        if one.queued and not one.busy and was_busy:
            ctx.ops.notify(one.says, variant="error" if one.failed else "success")
            renew(ctx, one.name in DRAWING)
    if work.ROUND in before and all(one.key != work.ROUND for one in now):
        renew(ctx, draws=True)


def _verbs(panel: types.Object, ctx, room: dict) -> None:
    """What runs, and a button for each verb."""
    lines = [f"**{one.title}** {one.says}" for one in work.recent(store.wrap(ctx.dataset))]
    # A path has no place to break at, and would push all that stands here out of sight.
    narrow = {"container": {"sx": {**room["container"]["sx"], "overflowWrap": "anywhere"}}}
    panel.md("\n\n".join(lines), name="work", componentsProps=narrow)
    for verb in VERBS:
        _button(panel, verb, verb.name, prompt=True)


def _button(
    panel: types.Object, does: type[Action] | type[Verb], operator: str, prompt: bool
) -> None:
    panel.btn(
        f"do_{does.name}",
        label=does.label,
        icon=does.icon,
        on_click=f"@curate/curate/{operator}",
        prompt=prompt,
        variant="outlined",
    )


def _left(dataset: store.Dataset) -> str:
    """Photos to review, decided and excluded."""
    kept = {"excluded": {"$ne": True}}
    counts = {
        "photos to review": dataset.count({"n_suspect": {"$gt": 0}, **kept}),
        "decided": dataset.count({"review_status": "decided"}),
        "excluded": dataset.count({"excluded": True}),
        "with faults": dataset.count({"n_faults": {"$gt": 0}, **kept}),
    }
    if not counts["with faults"]:  # nobody audited, or nothing was found
        del counts["with faults"]
    lines = [f"**{count:,}** {what}" for what, count in counts.items()]
    return "\n\n".join(lines)
