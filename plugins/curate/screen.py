"""Redraws what an operator changed. Without it the App goes on drawing the old labels."""

from __future__ import annotations

import json
from typing import Any

import fiftyone.core.json as foj
from fiftyone import ViewField as F
from fiftyone.core.state import build_color_scheme

from .picked import patch_field

SHOW = "@curate/curate/show"
RENEW = "@curate/curate/renew"


def renew(ctx, draws: bool = False) -> None:
    """Has the App read the dataset anew, and take its colours and the groups of its sidebar: those
    it keeps from when it was opened.

    Args:
        draws: whether it draws the fields that the dataset names, too
    """
    ctx.dataset.reload()
    config = ctx.dataset.app_config
    scheme = json.loads(build_color_scheme(dataset=ctx.dataset).to_json())
    scheme.pop("_id", None)
    groups = [{"name": g.name, "paths": list(g.paths)} for g in config.sidebar_groups or ()]
    ctx.ops.reload_dataset()
    ctx.trigger(RENEW, params={"scheme": scheme, "groups": groups})
    if draws and config.active_fields:
        ctx.ops.set_active_fields(list(config.active_fields.paths))


def open_tile(ctx) -> dict[str, Any] | None:
    """The document of the tile that is open, as FiftyOne copied it; None where a photo is, or
    where the tile was decided on and left the view."""
    if not patch_field(ctx) or not ctx.current_sample:
        return None
    tiles = list(ctx.view.select(ctx.current_sample))
    return tiles[0].to_mongo_dict(include_id=True) if tiles else None


def redraw(ctx, image_ids: set[str], tile: dict[str, Any] | None) -> None:
    """Sends the changed photos to ``show.js``, or the open tile; then asks for new counts.

    The grid asks for its photos and tiles itself. What was picked is let go: the next button must
    not decide on it again.

    Args:
        tile: that was open before the decision; one whose label was deleted is drawn empty
    """
    tile = tile or open_tile(ctx)  # an undo brings it back into the view
    samples = ctx.dataset.match(F("image_id").is_in(sorted(image_ids)))
    documents = [sample.to_mongo_dict(include_id=True) for sample in samples]
    if tile:
        field = patch_field(ctx)
        labels = [d for photo in documents for d in (photo[field] or {}).get("detections", ())]
        tile[field] = next((d for d in labels if d["_id"] == tile["_id"]), None)
        documents = [tile]
    shown = [[str(document["_id"]), foj.stringify(document)] for document in documents]
    ctx.trigger(SHOW, params={"samples": shown})
    if patch_field(ctx) and not ctx.current_sample:
        ctx.ops.reload_dataset()  # reload_samples leaves tiles in the grid that are no more
    else:
        ctx.ops.reload_samples()
    ctx.ops.clear_selected_labels()
    ctx.ops.clear_selected_samples()
