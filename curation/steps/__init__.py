"""One file a verb, to be called from the command line, a notebook or a cluster."""
