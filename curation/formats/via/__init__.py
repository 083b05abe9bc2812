"""VGG Image Annotator: projects, exports and CSV of versions 1 to 3."""

from curation.formats.via.reader import load
from curation.formats.via.rewriter import rewrite
from curation.formats.via.writer import export, write

__all__ = ["export", "load", "rewrite", "write"]
