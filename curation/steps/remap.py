"""``curate remap``: a dataset's labels under another vocabulary."""

from __future__ import annotations

from curation.core import taxonomy
from curation.store import Dataset, edits, labels
from curation.store.labels import Remapped


def remap(dataset: Dataset, name_or_file: str, *, dry_run: bool = False) -> Remapped:
    """Shows labels under a taxonomy. Source labels and decisions stay as they are.

    Args:
        name_or_file: a built-in taxonomy by name, or a ``.toml`` file
        dry_run: say what would be done, and do nothing

    Raises:
        TaxonomyError: it is wrong, or does not speak of some labels
    """
    if not dry_run and dataset.has_taxonomy:
        edits.refresh(dataset)  # edits in FiftyOne name classes that are still the active ones
    return labels.remap(dataset, *taxonomy.read_text(name_or_file), dry_run=dry_run)
