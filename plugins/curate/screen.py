"""Redraws what an operator changed. Without it the App goes on drawing the old labels."""

from __future__ import annotations

import fiftyone.core.json as foj
from bson import ObjectId
from fiftyone import ViewField as F

from .picked import patch_field

SHOW = "@curate/curate/show"


def redraw(ctx, image_ids: set[str]) -> None:
    """Sends the changed photos (or patches) to ``show.js``, then asks for new counts.

    What was picked is let go: the next button must not decide on it again.
    """
    samples = ctx.dataset.match(F("image_id").is_in(sorted(image_ids)))
    if field := patch_field(ctx):
        samples = _renewed_patches(ctx.view, samples, field)
    documents = [[s.id, foj.stringify(s.to_mongo_dict(include_id=True))] for s in samples]
    ctx.trigger(SHOW, params={"samples": documents})
    ctx.ops.reload_samples()
    ctx.ops.clear_selected_labels()
    ctx.ops.clear_selected_samples()


def _renewed_patches(view, samples, field: str):
    """The patches of some photos, with the labels as they are now.

    FiftyOne keeps patches as copies. Making all of them anew takes as long as
    there are labels; so only these are rewritten. A deleted label leaves an
    empty patch until the view is opened again.
    """
    copies = view._patches_dataset  # no public name; writing through the view writes the source
    images = [ObjectId(i) for i in samples.values("id")]
    patches = copies.match(F("_sample_id").is_in(images))
    labels = {d.id: d for s in samples if s[field] for d in s[field].detections}
    # A patch has the id of its label.
    copies.set_values(field, {i: labels.get(i) for i in patches.values("id")}, key_field="id")
    return patches
