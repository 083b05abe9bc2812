"""Label Studio: its own JSON export, with brush masks, bitmasks, polygons, boxes and ellipses."""

from curation.formats.label_studio.reader import load

__all__ = ["load"]
