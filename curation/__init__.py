"""curate: find and fix the wrong labels in fashion-segmentation data."""
