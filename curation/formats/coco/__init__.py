"""COCO and Fashionpedia JSON."""

from curation.formats.coco.reader import load
from curation.formats.coco.writer import export, write

__all__ = ["export", "load", "write"]
