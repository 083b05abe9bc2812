#!/usr/bin/env bash
# One would guess: dask.distributed and FiftyOne, which know nothing of each other, can be used in
#   one process; pip finds versions of both that fit and `pip check` has no complaint.
# What happens: on Python 3.11 Dask needs the backport importlib_metadata, of which pip takes the
#   newest. Importing it puts its own finder before Python's, so that `importlib.metadata` of the
#   standard library answers with the backport's objects from then on. Since importlib_metadata 8
#   these raise KeyError for a field that a package does not say, where Python's give None. FiftyOne's
#   voxel51-eta asks for such a field while it is imported: FiftyOne cannot be imported once Dask
#   was. Imported the other way round, all is well.
# Why it matters here: whoever spreads work on FiftyOne's data over a Dask cluster has both in one
#   process, and which of the two is imported first is nobody's decision.
# Versions: distributed 2026.8.0, importlib_metadata 10.2.0, voxel51-eta 0.17.0, Python 3.11
# Source: https://importlib-metadata.readthedocs.io/en/latest/history.html (v8.0.0);
#   eta/constants.py (what it asks for); dask's pyproject.toml (importlib_metadata on Python < 3.12)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet distributed==2026.8.0 dask==2026.8.0 importlib_metadata==10.2.0 \
  voxel51-eta==0.17.0 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^(dask|distributed|importlib.metadata|voxel51-eta) '
venv/bin/pip check

cat > look.py <<'PY'
import subprocess
import sys


def ends(program: str) -> str:
    """The last line that a new Python says of it."""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    return (run.stdout + run.stderr).strip().splitlines()[-1]


author = "import eta.constants; print('author:', eta.constants.AUTHOR)"
found = {
    "eta, as FiftyOne imports it": ends(author),
    "eta, then Dask": ends(f"{author}; import distributed"),
    "Dask, then eta": ends(f"import distributed; {author}"),
}
for what, said in found.items():
    print(f"{what:>30}  {said}")
expected = ["author: None", "author: None", "KeyError: 'author'"]
sys.exit(list(found.values()) != expected)
PY
venv/bin/python look.py && echo "as described"
