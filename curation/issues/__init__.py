"""Label errors: what points at them and how they are ranked. Pure functions on arrays."""
