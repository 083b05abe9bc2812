"""The legend beside the grid: which colour is which class, how many there are, what is left."""

from __future__ import annotations

import fiftyone.operators as foo
from fiftyone.operators import types

from curation import store

from .operators import ACTIONS

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
        pass

    def on_change_selected(self, ctx):
        pass

    def render(self, ctx):
        panel = types.Object()
        dataset = store.wrap(ctx.dataset)
        if not dataset.has_taxonomy:
            panel.md("No classes yet: run `curate remap`.", name="nothing")
            return types.Property(panel)
        room = {"container": {"sx": {"px": 1, "pt": 2}}}
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
            panel.btn(
                f"do_{action.name}",
                label=action.label,
                icon=action.icon,
                on_click=f"@curate/curate/{action.name}",
                prompt=action.asks,
                variant="outlined",
            )
        return types.Property(panel, view=types.GridView(orientation="vertical", gap=0))


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
