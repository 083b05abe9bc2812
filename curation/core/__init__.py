"""The pure bottom: records, masks, taxonomies, splits, files; everything else stands on it."""
