"""What the App draws on the first look: fields, colours, sidebar, layout.

A label is filled and a prediction is an outline, both in the colour of their
class: two fills over each other would mix into a third class's colour, and a
click would pick the prediction that lies on top. What the model sees and
nobody labelled is filled white.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import fiftyone as fo

from curation.store.datasets import GROUND_TRUTH, LABELS, info

WORKSPACE = "review"
OPACITY = 0.6
_WHITE = "#ffffff"
_GREY = "#9aa0a6"


def configure(dataset: fo.Dataset) -> None:
    """Sets what the App draws, from the taxonomy and the last run of the dataset. Repeatable."""
    has = dataset.has_sample_field
    about = info(dataset)
    # Suspects are those of the flagged run: its outlines belong to them.
    run = about.get("flagged") or (about["runs"][-1] if about["runs"] else None)
    results = {k: f"{k}_{run}" for k in ("outline", "missing", "prediction", "confidence")}
    results = {kind: path for kind, path in results.items() if run and has(path)}
    labels = LABELS if has(LABELS) else GROUND_TRUTH
    drawn = [labels, *(results[k] for k in ("outline", "missing") if k in results)]
    classes = about["taxonomy"]["classes"] if about["taxonomy"] else []
    config = dataset.app_config
    config.active_fields = fo.ActiveFields(paths=drawn)
    config.color_scheme = _colors(classes, results)
    config.sidebar_groups = _sidebar(dataset, list(results.values()))
    dataset.save()
    # Never overwritten: FiftyOne deletes the old one first, and a kill in between leaves a
    # reference to it that it complains of ever after.
    if WORKSPACE not in dataset.list_workspaces():
        text = "the grid, and a legend beside it"
        dataset.save_workspace(WORKSPACE, _layout(), description=text)


def _colors(
    classes: Sequence[Mapping[str, int | str]], results: Mapping[str, str]
) -> fo.ColorScheme:
    by_name = [{"value": c["name"], "color": c["color"]} for c in classes]
    by_id = [{"intTarget": c["id"], "color": c["color"]} for c in classes]
    # The swatch beside a field's name is grey: a colour there would promise a class.
    fields: list[dict] = [_by_label(LABELS, by_name), {"path": GROUND_TRUTH}]
    if path := results.get("outline"):
        fields.append(_by_label(path, by_name))
    if path := results.get("missing"):
        fields.append(_by_label(path, [{**value, "color": _WHITE} for value in by_name]))
    if path := results.get("prediction"):
        fields.append({"path": path, "maskTargetsColors": by_id})
    return fo.ColorScheme(
        color_by="value",
        opacity=OPACITY,
        fields=[{"fieldColor": _GREY, **field} for field in fields],
        default_mask_targets_colors=by_id,
        default_colorscale={"name": "viridis", "list": None},
    )


def _by_label(path: str, values: list[dict]) -> dict:
    return {"path": path, "colorByAttribute": "label", "valueColors": values}


def _sidebar(dataset: fo.Dataset, results: list[str]) -> list[fo.SidebarGroupDocument]:
    """Groups named for what a curator asks; fields that are not there are left out."""
    schema = dataset.get_field_schema()
    first = ["error_score", "n_suspect", "faults", "fault_details", "n_faults", "n_errors",
             "review_status", "excluded", "split", "fold", "image_id"]  # fmt: skip
    # The App draws in this order, the first on top: outlines over fills.
    top = [path for path in results if path.startswith(("outline_", "missing_"))]
    shown = [*top, LABELS, *(path for path in results if path not in top)]
    source = [GROUND_TRUTH]
    file = [
        "id",
        "filepath",
        "content_digest",
        "location_digest",
        "updated_by",
        "update_note",
        "photo_hash",
        "labels_digest",
        "labels_basis",
        "scores",
        "created_at",
        "last_modified_at",
    ]
    others = [p for p in schema if p not in {*first, *shown, *source, *file, "tags", "metadata"}]
    metadata = [f"metadata.{name}" for name in ("size_bytes", "mime_type", "width", "height")]
    groups = [
        ("drawn on the photo", shown, True),
        ("which photos", first, True),
        ("as imported", source, False),
        ("other runs", others, False),
        ("file", file, False),
        ("tags", ["tags", "_label_tags"], False),
        ("metadata", metadata if "metadata" in schema else [], False),
    ]
    known = {*schema, *metadata, "tags", "_label_tags"}
    return [
        fo.SidebarGroupDocument(name=n, paths=[p for p in paths if p in known], expanded=expanded)
        for n, paths, expanded in groups
        if n in ("tags", "metadata") or any(p in known for p in paths)
    ]


def _layout() -> fo.Space:
    """The grid, and the legend to its right."""
    grid, legend = fo.Panel(type="Samples", pinned=True), fo.Panel(type="curate_legend")
    columns = [fo.Space(children=[p], active_child=p.component_id) for p in (grid, legend)]
    return fo.Space(orientation="horizontal", children=columns, sizes=[0.82, 0.18])
