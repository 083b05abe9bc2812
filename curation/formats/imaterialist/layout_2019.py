"""An export in the layout of 2019: photos with their suffix, attributes in ``ClassId``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from curation.core.taxonomy import Taxonomy
from curation.formats.imaterialist import writer
from curation.formats.photo import Photo
from curation.formats.source import OnFinding


def export(
    folder: Path, photos: Iterable[Photo], taxonomy: Taxonomy, on_finding: OnFinding
) -> None:
    """See :func:`curation.formats.imaterialist.writer.export`."""
    writer.export(folder, photos, taxonomy, on_finding, 2019)
