"""How fast a curator gets through suspects: in the review panel, and with the photo view's buttons.

    python -m tests.benchmarks.review_speed [--photos 800 20000] [--decisions 30] [--more 270]
        [--batch 50] [--json FILE]

Drawn photos, of which at most 800 have a suspect; the real App on a real database, headless
Chromium. The old way: open the photo that the view "suspects, worst first" has next, click into
the suspect, press a button, wait for its toast. The new way: one key. Both keep labels, in one run.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from playwright.sync_api import Page, TimeoutError, sync_playwright

from curation import steps, store
from curation.core import console
from curation.issues.issue import SUSPECT
from curation.store import app, decisions, queue
from curation.store.app_config import PANEL_WORKSPACE
from curation.store.decisions import Request
from curation.store.results import SUSPECTS
from tests.app import browser
from tests.app.dataset import build

SUSPECT_PHOTOS = 800
READY = "[data-review=one] .kind"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photos", type=int, nargs="+", default=[800, 20_000])
    parser.add_argument("--decisions", type=int, default=30)
    parser.add_argument("--more", type=int, default=270, help="after those, for the memory")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = {}
    for photos in args.photos:
        name = f"review-speed-{photos}"
        store.delete(name)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        try:
            dataset = build(name, folder, photos, min(photos, SUSPECT_PHOTOS))
            found[photos] = measure(dataset, args.decisions, args.more, args.batch)
        finally:
            store.delete(name)
            shutil.rmtree(folder)
            shutil.rmtree(dataset.folder, ignore_errors=True)
    first = next(iter(found.values()))
    rows = [(what, *(f"{of[what]:,.1f}" for of in found.values())) for what in first]
    console.out.print(console.table(("", *(f"{n:,} photos" for n in found)), rows))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


def measure(dataset: store.Dataset, decisions: int, more: int, batch: int) -> dict[str, float]:
    with page_on(dataset, PANEL_WORKSPACE, None) as page:
        page.locator(READY).wait_for(timeout=120_000)
        started = time.perf_counter()
        keep(page, decisions)
        panel = time.perf_counter() - started
        shown, saved = (page.evaluate(f"window.curateReview.{n}") for n in ("shown", "saved"))
        before = heap(page)
        keep(page, more)
        grown = heap(page) - before
        whole = wall(page, batch)
    console.say(f"{len(dataset):,} photos, panel: {panel:.0f} s for {decisions} decisions")
    with page_on(dataset, "review", SUSPECTS) as page:
        started = time.perf_counter()
        hits = with_buttons(page, dataset, decisions)
        old = time.perf_counter() - started
    back = undone(dataset, decisions)
    per_minute = [60 * decisions / seconds for seconds in (old, panel)]
    return {
        "key to next suspect drawn, ms, median": statistics.median(shown),
        "key to next suspect drawn, ms, p95": p95(shown),
        "key to saved, ms, median": statistics.median(saved),
        "key to saved, ms, p95": p95(saved),
        f"a batch of {batch} saved, ms": whole,
        "an undo answered, a sample drawn, ms, median": statistics.median(back),
        f"memory of the page after {more} more decisions, MiB more": grown,
        "photo view: inputs a decision": 3,
        "panel: inputs a decision": 1,
        f"photo view: of {decisions} clicks, those on the suspect": hits,
        "photo view: decisions a minute": per_minute[0],
        "panel: decisions a minute, each saved before the next": per_minute[1],
        "ratio": per_minute[1] / per_minute[0],
    }


def undone(dataset: store.Dataset, times: int) -> list[float]:
    """Milliseconds in which the server answers an undo, while a sample is in the queue."""
    steps.estimate(dataset)
    asked = {q.name: q() for q in app.load_plugin().QUESTIONS}
    took = []
    for suspect in queue.read(dataset, "bench")[:times]:
        decisions.decide(dataset, [Request("exclude", suspect.image_id)], "bench")
        about = SimpleNamespace(dataset=dataset.samples, params={"reviewer": "bench"})
        started = time.perf_counter()
        told = asked["review_undo"].execute(about)
        took.append(1000 * (time.perf_counter() - started))
        if not told["undone"]:
            raise SystemExit(f"nothing was taken back: {told}")
    return took


def p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


@contextmanager
def page_on(dataset: store.Dataset, workspace: str, view: str | None) -> Iterator[Page]:
    app.install_plugin()
    port = browser.free_port()
    with app.server(port), sync_playwright() as play:
        flags = [*browser.FLAGS, "--enable-precise-memory-info", "--js-flags=--expose-gc"]
        chromium = play.chromium.launch(executable_path=browser.CHROMIUM, headless=True, args=flags)
        context = chromium.new_context(viewport=browser.SIZE)
        context.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        context.add_init_script("localStorage['curate-reviewer'] = 'bench'")
        page = context.new_page()
        page.route("**/fonts.googleapis.com/**", lambda route: route.abort())
        page.goto(app.address(dataset, port, view, workspace))
        yield page
        chromium.close()


def keep(page: Page, times: int) -> None:
    """One key a decision; each is saved before the next, as when a person looks in between."""
    for _ in range(times):
        page.locator("[data-action=delete]:enabled").wait_for()  # who does not see it waits
        done = page.evaluate("window.curateReview.saved.length")
        kind = page.locator("[data-review] .kind").inner_text()
        page.keyboard.press("d" if kind.startswith("missing") else "k")
        page.wait_for_function(f"window.curateReview.saved.length > {done}")
        page.wait_for_function(
            "window.curateReview.shown.length >= window.curateReview.saved.length"
        )


def wall(page: Page, batch: int) -> float:
    """Milliseconds from the key to a batch of like suspects saved."""
    page.get_by_label("kind").select_option("source label")
    page.locator(READY).wait_for()
    page.keyboard.press("w")
    crops = page.locator("[data-review=wall] [data-crop]")
    crops.first.wait_for()
    for i in range(crops.count()):
        crops.nth(i).scroll_into_view_if_needed()  # what was not seen is not decided on
        if i >= batch:
            crops.nth(i).click()
    painted = page.locator("[data-crop] [data-painted]")
    while painted.count() < crops.count():
        time.sleep(0.05)
    done = page.evaluate("window.curateReview.saved.length")
    page.keyboard.press("k")
    page.wait_for_function(f"window.curateReview.saved.length > {done}", timeout=60_000)
    return page.evaluate("window.curateReview.saved.at(-1)")


def heap(page: Page) -> float:
    """MiB that JavaScript holds on to."""
    page.evaluate("gc()")
    return page.evaluate("performance.memory.usedJSHeapSize") / 2**20


def with_buttons(page: Page, dataset: store.Dataset, times: int) -> int:
    """The label most in doubt of each photo, found by eye (here: known), clicked and kept.

    Returns:
        how often it was that label: where labels overlap, a click may pick another
    """
    page.locator("[data-cy=looker] canvas").first.wait_for(timeout=300_000)
    dataset.samples.reload()
    photos = list(dataset.samples.load_saved_view(SUSPECTS).limit(2 * times + 2))
    page.locator("[data-cy=looker]").first.click(position={"x": 60, "y": 150})
    page.locator("#modal canvas").first.wait_for()
    kept = hits = 0
    for photo in photos:
        if kept < times and (label := doubted(photo)):
            hits += press_keep(page, photo, label)
            kept += 1
        page.keyboard.press("ArrowRight")
    return hits


def press_keep(page: Page, photo, label) -> bool:
    """Until it is done: a click that comes before the photo is drawn hits nothing."""
    toast = page.get_by_text(re.compile(rf"Kept .+ in {photo.image_id}\.")).first
    for _ in range(20):
        page.locator("#modal [data-cy=modal-looker-container] canvas").first.wait_for()
        size = photo.metadata.width, photo.metadata.height
        browser.click_in_image(page, *inside(label), *size)
        page.locator("#modal").get_by_text("Keep", exact=True).click()
        try:
            toast.wait_for(timeout=4000)  # a second click would let the label go again
            return f"Kept {label.label} " in toast.inner_text()
        except TimeoutError:
            pass
    raise SystemExit(f"{photo.image_id}: its label could not be picked")


def doubted(sample):
    """The label most in doubt; None where none is."""
    left = (d for d in sample.labels.detections if not d.review_status)
    doubts = [d for d in left if (d.error_score or 0) >= SUSPECT]
    return max(doubts, key=lambda d: d.error_score, default=None)


def inside(detection) -> tuple[float, float]:
    """The point deepest in a mask, relative to the photo."""
    padded = np.pad(detection.mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    row, column = np.unravel_index(depth.argmax(), padded.shape)
    left, top, width, height = detection.bounding_box
    rows, columns = detection.mask.shape
    return left + (column - 0.5) / columns * width, top + (row - 0.5) / rows * height


if __name__ == "__main__":
    main()
