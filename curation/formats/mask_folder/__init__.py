"""Index masks: a folder of images whose pixel values are class ids, and a list of classes."""

from curation.formats.mask_folder.reader import load
from curation.formats.mask_folder.writer import export, write

__all__ = ["export", "load", "write"]
