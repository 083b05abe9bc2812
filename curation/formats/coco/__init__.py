"""COCO and Fashionpedia JSON."""

from curation.formats.coco.reader import load
from curation.formats.coco.writer import write

__all__ = ["load", "write"]
