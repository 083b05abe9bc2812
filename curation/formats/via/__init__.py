"""VGG Image Annotator: projects, exports and CSV of versions 1 to 3."""

from curation.formats.via.reader import load, write

__all__ = ["load", "write"]
