"""CVAT for images 1.1: an XML file of photos, and of shapes with labels on each."""

from curation.formats.cvat.reader import RowRuns, load
from curation.formats.cvat.writer import export, write

__all__ = ["RowRuns", "export", "load", "write"]
