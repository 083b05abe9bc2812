"""Rounds of cleaning: what is on disk of each, what makes it stale, and whether it helped."""
