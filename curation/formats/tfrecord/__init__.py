"""TFRecords of images and label maps, for a trainer."""

from curation.formats.tfrecord.writer import read, write

__all__ = ["read", "write"]
