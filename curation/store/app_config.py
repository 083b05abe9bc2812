"""What the App draws on the first look: fields, colors, sidebar, layout.

A label is filled and a prediction is an outline, both in the color of their
class: two fills over each other would mix into a third class's color, and a
click would pick the prediction that lies on top. What the model sees and
nobody labelled is filled white.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.core.taxonomy import Class
from curation.store import fields, saved
from curation.store.dataset import Dataset
from curation.store.fields import GROUND_TRUTH, LABELS, ON_IMAGES
from curation.store.lazy import fo

WORKSPACE = "review"
PANEL_WORKSPACE = "suspects one by one"
OPACITY = 0.6
_WHITE = "#ffffff"
_GREY = "#9aa0a6"

_FIFTYONES_OWN = ("id", "filepath", "created_at", "last_modified_at")
"""Fields of every sample, about its file."""


def configure(dataset: Dataset) -> None:
    """Sets what the App draws, from the taxonomy and the last run of the dataset. Repeatable."""
    with dataset.locked():
        dataset.samples.reload()  # the fields, too: another process may have added some
        _configure(dataset)


def _configure(dataset: Dataset) -> None:
    # Suspects are those of the flagged run: its outlines belong to them.
    run = dataset.flagged or (dataset.runs[-1] if dataset.runs else None)
    results = {k: f"{k}_{run}" for k in ("outline", "missing", "prediction", "confidence")}
    results = {kind: path for kind, path in results.items() if run and dataset.has(path)}
    labels = LABELS if dataset.has(LABELS) else GROUND_TRUTH
    drawn = [labels, *(results[k] for k in ("outline", "missing") if k in results)]
    classes = dataset.taxonomy.classes if dataset.has_taxonomy else ()
    config = dataset.samples.app_config
    config.active_fields = fo.ActiveFields(paths=drawn)
    config.color_scheme = _colors(classes, results)
    config.sidebar_groups = _sidebar(dataset, list(results.values()))
    dataset.samples.save()
    for name, (text, layout) in {
        WORKSPACE: ("the grid, and a legend beside it", _beside_the_grid),
        PANEL_WORKSPACE: ("the review panel, and its progress and the grid behind it", _one_by_one),
    }.items():
        saved.save_workspace(dataset, name, text, layout)
    if classes and dataset.has(LABELS):
        _offer_classes(dataset, [c.name for c in classes])


def _colors(classes: Sequence[Class], results: Mapping[str, str]) -> fo.ColorScheme:
    by_name = [{"value": c.name, "color": c.color} for c in classes]
    by_id = [{"intTarget": c.id, "color": c.color} for c in classes]
    # The swatch beside a field's name is grey: a color there would promise a class.
    shown: list[dict] = [_by_label(LABELS, by_name), {"path": GROUND_TRUTH}]
    if path := results.get("outline"):
        shown.append(_by_label(path, by_name))
    if path := results.get("missing"):
        shown.append(_by_label(path, [{**value, "color": _WHITE} for value in by_name]))
    if path := results.get("prediction"):
        shown.append({"path": path, "maskTargetsColors": by_id})
    return fo.ColorScheme(
        color_by="value",
        opacity=OPACITY,
        fields=[{"fieldColor": _GREY, **field} for field in shown],
        default_mask_targets_colors=by_id,
        default_colorscale={"name": "viridis", "list": None},
    )


def _by_label(path: str, values: list[dict]) -> dict:
    return {"path": path, "colorByAttribute": "label", "valueColors": values}


def _sidebar(dataset: Dataset, results: list[str]) -> list[fo.SidebarGroupDocument]:
    """Groups named for what a curator asks; fields that are not there are left out."""
    schema = dataset.samples.get_field_schema()
    first, file = (
        [field.name for field in ON_IMAGES if field.group == group]
        for group in (fields.IMAGES, fields.FILE)
    )
    file = [*_FIFTYONES_OWN, *file]
    # The App draws in this order, the first on top: outlines over fills.
    top = [path for path in results if path.startswith(("outline_", "missing_"))]
    shown = [*top, LABELS, *(path for path in results if path not in top)]
    source = [GROUND_TRUTH]
    others = [p for p in schema if p not in {*first, *shown, *source, *file, "tags", "metadata"}]
    metadata = [f"metadata.{name}" for name in ("size_bytes", "mime_type", "width", "height")]
    groups = [
        (fields.DRAWN, shown, True),
        (fields.IMAGES, first, True),
        (fields.SOURCE, source, False),
        (fields.RUNS, others, False),
        (fields.FILE, file, False),
        ("tags", ["tags", "_label_tags"], False),
        ("metadata", metadata if "metadata" in schema else [], False),
    ]
    known = {*schema, *metadata, "tags", "_label_tags"}
    return [
        fo.SidebarGroupDocument(name=n, paths=[p for p in paths if p in known], expanded=expanded)
        for n, paths, expanded in groups
        if n in ("tags", "metadata") or any(p in known for p in paths)
    ]


def _offer_classes(dataset: Dataset, names: Sequence[str]) -> None:
    """Makes ``labels`` what FiftyOne's editor edits, and the taxonomy's classes what it offers."""
    schema = dataset.samples.generate_label_schemas(LABELS, scan_samples=False)
    offered = {**schema, "classes": list(names), "component": "dropdown", "attributes": []}
    dataset.samples.update_label_schema(LABELS, offered)
    dataset.samples.active_label_schemas = [LABELS]


def _one_by_one() -> fo.Space:
    """The review panel over the whole width; on tabs the grid, the progress and the legend."""
    grid, panel = fo.Panel(type="Samples", pinned=True), fo.Panel(type="curate_review")
    others = [fo.Panel(type=name) for name in ("curate_dashboard", "curate_legend")]
    return fo.Space(children=[grid, panel, *others], active_child=panel.component_id)


def _beside_the_grid() -> fo.Space:
    """The grid, and the legend to its right."""
    grid, legend = fo.Panel(type="Samples", pinned=True), fo.Panel(type="curate_legend")
    columns = [fo.Space(children=[p], active_child=p.component_id) for p in (grid, legend)]
    return fo.Space(orientation="horizontal", children=columns, sizes=[0.82, 0.18])
