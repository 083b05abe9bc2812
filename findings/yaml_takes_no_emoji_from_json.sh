#!/usr/bin/env bash
# One would guess: YAML 1.2 is a superset of JSON, so what json.dumps makes of a class name can
#   stand in data.yaml, and a YAML reader gives the name back.
# What happens: JSON writes a character beyond 16 bits as two escapes, "\ud83d\udc57". PyYAML makes
#   two characters of them that are none: no file can be written with that name, none printed.
#   libyaml, which Ultralytics takes where PyYAML has it, refuses the whole file.
# Why it matters here: a category that an annotator called with an emoji stops the training, or
#   hours later the table of its results. "\U0001f457", YAML's own escape, is read by both.
# Versions: PyYAML 6.0.3 (libyaml 0.2.5), ultralytics 8.4.190 (ultralytics.utils.YAML), Python 3.11
# Source: https://yaml.org/spec/1.2.2/ (1.2, "every JSON file is also a valid YAML file");
#   yaml/scanner.py (scan_flow_scalar_non_spaces); ultralytics/utils/__init__.py (class YAML)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet pyyaml==6.0.3 ultralytics==8.4.190 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -iE '^(pyyaml|ultralytics) '

export YOLO_CONFIG_DIR="$work" YOLO_VERBOSE=false
cat > look.py <<'PY'
import json
from pathlib import Path

import yaml
from ultralytics.utils import YAML

NAME = "\U0001f457 dress"
print("libyaml:", yaml.__with_libyaml__)


def outcome(read, text):
    try:
        name = read(text)["names"][0]
    except (yaml.YAMLError, ValueError) as error:  # the latter is Ultralytics' own
        problem = "found invalid Unicode character escape code"
        assert problem in str(error), error
        return f"refused, {problem}"
    return "as it was" if name == NAME else f"another name, {ascii(name)}"


def by_ultralytics(text):
    Path("data.yaml").write_text(text)
    return YAML.load("data.yaml")


readers = {
    "json": json.loads,
    "yaml.safe_load": yaml.safe_load,
    "yaml.CSafeLoader": lambda text: yaml.load(text, yaml.CSafeLoader),
    "ultralytics": by_ultralytics,
}
as_json = json.dumps({"names": [NAME]})
as_yaml = as_json.replace("\\ud83d\\udc57", "\\U0001f457")
print(as_json)
found = {name: outcome(read, as_json) for name, read in readers.items()}
for name, what in found.items():
    print(f"  {name}: {what}")
print(as_yaml)
own = {name: outcome(read, as_yaml) for name, read in list(readers.items())[1:]}
for name, what in own.items():
    print(f"  {name}: {what}")

assert found["json"] == "as it was"
assert found["yaml.safe_load"] == r"another name, '\ud83d\udc57 dress'"
assert found["yaml.CSafeLoader"].startswith("refused, ")
assert found["ultralytics"].startswith("refused, ")
assert set(own.values()) == {"as it was"}
try:
    yaml.safe_load(as_json)["names"][0].encode()
    raise AssertionError("it can be written")
except UnicodeEncodeError:
    pass
PY
venv/bin/python look.py
