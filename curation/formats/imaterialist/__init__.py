"""iMaterialist (Fashion) 2019 and 2020: a CSV with one row for each instance."""

from curation.formats.imaterialist.labels import CATEGORIES, DEFAULT_LABELS, Labels, read_labels
from curation.formats.imaterialist.reader import COLUMNS, load
from curation.formats.imaterialist.rewriter import rewrite
from curation.formats.imaterialist.writer import export, write

__all__ = [
    "CATEGORIES",
    "COLUMNS",
    "DEFAULT_LABELS",
    "Labels",
    "export",
    "load",
    "read_labels",
    "rewrite",
    "write",
]
