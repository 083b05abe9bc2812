"""The progress of a review: what is decided and left, how fast, how often the doubts were right."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from curation import store
from curation.core.taxonomy import Class
from curation.review import statistics
from curation.review.checks import Hits, hits
from curation.review.statistics import Pace, Statistics, Tally
from curation.store import checks, suspects

TO_QUEUE = "@curate/curate/to_queue"

WRONG, RIGHT, LEFT = "#ff6d04", "#8a94a0", "#4d545c"
REVIEWERS = ("#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#f0e442", "#d55e00")
HOURS = 24
"""Hours of work that are shown, the last ones."""
CONFIG = {"displayModeBar": False, "scrollZoom": False}
LOOK = 10_000
"""Milliseconds between two looks at what was decided."""

COUNTS = {"autorangeoptions": {"include": [0, 5]}}
"""An axis of counts: no halves of a decision."""

Plot = tuple[list[dict[str, Any]], dict[str, Any]]
"""Plotly's traces, and a layout."""


class Progress(foo.Panel):
    """Drawn when its tab is opened, and again once somebody decided."""

    @property
    def config(self):
        return foo.PanelConfig(name="curate_dashboard", label="Progress", icon="insights")

    def execute(self, ctx):
        # FiftyOne draws a panel anew after each event: not after a look that found no news.
        if ctx.params.get("__method__") == "on_look" and ctx.panel.get_state("said") == _said(ctx):
            return None
        return super().execute(ctx)

    def on_look(self, ctx):
        ctx.panel.set_state("said", _said(ctx))

    def on_change_dataset(self, ctx):
        """Told by FiftyOne, too, when the tab is opened again."""

    def on_kind(self, ctx):
        self._review(ctx, kind=ctx.params["y"])

    def on_class(self, ctx):
        self._review(ctx, label=ctx.params["y"])

    def on_pair(self, ctx):
        self._review(ctx, label=ctx.params["y"], suggested=ctx.params["x"])

    def _review(self, ctx, **wanted):
        ctx.trigger(TO_QUEUE, params={"dataset": ctx.dataset.name, **wanted})

    def render(self, ctx):
        panel = types.Object()
        dataset = store.wrap(ctx.dataset)
        if not dataset.has_taxonomy:
            panel.md("No classes yet: press Remap … on the tab Legend.", name="nothing")
            return types.Property(panel)
        left = suspects.read(dataset)
        told = statistics.compute(dataset.review(), suspects.kinds(dataset), left)
        classes = dataset.taxonomy.classes
        panel.md(_headline(told), name="headline")
        panel.view("look", types.TimerView(interval=LOOK, on_interval=self.on_look))
        beside = panel.grid("plots", orientation="horizontal", columns=2, gap=2, align_x="stretch")
        for name, title, (traces, layout), clicked in (
            ("kinds", "Suspects, by what is doubted", by_kind(told.by_kind), self.on_kind),
            ("precision", "How often the doubt was right", precision(told.by_kind), self.on_kind),
            ("classes", "Labels, by class: decided, and left (dull)",
             by_class(told.by_class, classes), self.on_class),
            ("pairs", "Relabelled, from which class to which",
             confusion(told.confusion, classes), self.on_pair),
            ("hours", "Decisions an hour", by_hour(told), None),
        ):  # fmt: skip
            beside.plot(
                name, label=title, data=traces, layout=layout, config=CONFIG, on_click=clicked
            )
        beside.md(_reviewers(told.by_reviewer, hits(checks.answers(dataset))), name="reviewers")
        room = types.GridView(orientation="vertical", gap=2, px=2, pt=2, align_x="stretch")
        return types.Property(panel, view=room)


def _said(ctx) -> int:
    """How many decisions there are, undone ones and undos included."""
    return len(store.wrap(ctx.dataset).journal.read())


def by_kind(tallies: Mapping[str, Tally]) -> Plot:
    """What reviewers said of the suspects of each kind, and how many are left."""
    kinds = list(tallies)[::-1]
    traces = [
        _bars("something was wrong", kinds, [tallies[k].wrong for k in kinds], WRONG),
        _bars("nothing was wrong", kinds, [tallies[k].right for k in kinds], RIGHT),
        _bars("left", kinds, [tallies[k].left for k in kinds], LEFT),
    ]
    return traces, _layout(len(kinds), COUNTS, barmode="stack", showlegend=True)


def precision(tallies: Mapping[str, Tally]) -> Plot:
    """In which share of the decided suspects of each kind something was wrong."""
    kinds = [kind for kind, tally in tallies.items() if tally.decided][::-1]
    shares = [100 * tallies[k].precision for k in kinds]
    of = [f"{tallies[k].wrong} of {tallies[k].decided}" for k in kinds]
    bars = _bars("right", kinds, shares, WRONG) | {
        "text": [f"{share:.0f} % ({n})" for share, n in zip(shares, of, strict=True)],
        # Plotly's own choice leaves out the text of a bar of no length.
        "textposition": ["inside" if share > 50 else "outside" for share in shares],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }
    return [bars], _layout(len(kinds), xaxis={"range": [0, 100], "ticksuffix": " %"})


def by_class(tallies: Mapping[str, Tally], classes: tuple[Class, ...]) -> Plot:
    """Labels of each class that were decided on, and its suspects that are left."""
    shown = [c for c in classes if c.name in tallies][::-1]
    names, colors = [c.name for c in shown], [c.color for c in shown]
    decided = _bars("decided", names, [tallies[n].decided for n in names], colors)
    left = _bars("left", names, [tallies[n].left for n in names], colors)
    left["marker"] = {"color": [_dull(color) for color in colors]}
    left["insidetextfont"] = {"color": "#ffffff"}
    del decided["insidetextfont"]  # Plotly's own stands out from each color
    return [decided, left], _layout(len(names), COUNTS, barmode="stack")


def _dull(color: str) -> str:
    """``#rrggbb``, mixed with the grey of what is left: a white number is read on each."""
    mixed = (int(color[i : i + 2], 16) * 0.35 + int(LEFT[i : i + 2], 16) * 0.65 for i in (1, 3, 5))
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def confusion(pairs: Mapping[tuple[str, str], int], classes: tuple[Class, ...]) -> Plot:
    """How often a label of one class was relabelled to another."""
    names = [c.name for c in classes]
    cells = [[pairs.get((given, decided)) for decided in names] for given in names]
    heat = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": cells,
        "text": [["" if n is None else str(n) for n in row] for row in cells],
        "texttemplate": "%{text}",
        "textfont": {"color": "#ffffff"},
        "colorscale": [[0, "#4a2a12"], [1, "#c2500a"]],
        "zmin": 0,
        "showscale": False,
        "hoverongaps": False,
        "hovertemplate": "labelled %{y}, decided %{x}: %{z}<extra></extra>",
    }
    layout = _layout(
        len(names),
        xaxis={"title": {"text": "decided", "standoff": 8}},
        yaxis={"title": {"text": "labelled", "standoff": 8}, "autorange": "reversed"},
    )
    return [heat], layout


def by_hour(told: Statistics) -> Plot:
    """Decisions in the last hours in which there were any, by reviewer."""
    hours = list(told.by_hour)[-HOURS:]
    names = [f"{hour.astimezone():%d %b %H:00}" for hour in hours]
    traces = [
        {
            "type": "bar",
            "name": who,
            "x": names,
            "y": [told.by_hour[hour].get(who, 0) for hour in hours],
            "marker": {"color": REVIEWERS[i % len(REVIEWERS)]},
            "hovertemplate": f"{who}, %{{x}}: %{{y}}<extra></extra>",
        }
        for i, who in enumerate(told.by_reviewer)
    ]
    return traces, _layout(6, yaxis=COUNTS, barmode="stack", showlegend=True)


def _bars(name: str, names: list[str], counts: list[float], color: str | list[str]) -> dict:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": counts,
        "y": names,
        "text": [f"{n:,}" if n else "" for n in counts],
        "textposition": "inside",
        "textangle": 0,
        "insidetextfont": {"color": "#ffffff" if color == LEFT else "#16161a"},
        "marker": {"color": color},
        "hovertemplate": f"%{{y}}, {name}: %{{x}}<extra></extra>",
    }


def _layout(rows: int, xaxis: dict | None = None, yaxis: dict | None = None, **more: Any) -> dict:
    """Room for so many rows; a drag does nothing, since a click leads away."""
    return {
        "height": 120 + 34 * rows,
        "dragmode": False,
        "uniformtext": {"minsize": 11, "mode": "hide"},
        "xaxis": {"fixedrange": True, "nticks": 6, **(xaxis or {})},
        "yaxis": {"fixedrange": True, **(yaxis or {})},
        "margin": {"t": 34, "l": 20, "r": 20, "b": 30},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        **more,
    }


def _headline(told: Statistics) -> str:
    parts = [f"**{told.decided:,}** decided", f"**{told.left:,}** left"]
    if told.pace.an_hour:
        parts.append(f"**{told.pace.an_hour:,.0f}** decisions an hour")
        if told.left:
            hours = told.left / told.pace.an_hour
            time = f"{hours:.0f} h" if hours >= 1.5 else f"{max(1, 60 * hours):.0f} min"
            parts.append(f"about **{time}** left for one reviewer")
    clicked = "Click on a bar or a cell to review what is left of it."
    return " · ".join(parts) + f"\n\n{clicked}"


def _reviewers(paces: Mapping[str, Pace], hits: Mapping[str, Hits]) -> str:
    head = ["reviewer", "decisions", "an hour", "seconds for one", *(["checks right"] * bool(hits))]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for who in (*paces, *(who for who in hits if who not in paces)):
        pace = paces.get(who, Pace(0, None, None))
        an_hour = f"{pace.an_hour:,.0f}" if pace.an_hour else ""
        seconds = f"{pace.seconds:.1f}" if pace.seconds is not None else ""
        name = escape(who).replace("|", "&#124;")  # a person's own words, in a table of markdown
        cells = [name, f"{pace.decisions:,}", an_hour, seconds]
        if hits:
            cells.append(hits[who].sentence if who in hits else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""
