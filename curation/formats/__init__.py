"""One module or folder for each format; :mod:`.registry` knows them all, and loads none."""
