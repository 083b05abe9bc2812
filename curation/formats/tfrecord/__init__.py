"""TFRecords of images and label maps, for a trainer."""

from curation.formats.tfrecord.writer import write

__all__ = ["write"]
