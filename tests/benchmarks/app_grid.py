"""How long a curator waits for the App on a large dataset: the grid, the sidebar, a filter.

    python -m tests.benchmarks.app_grid DATASET [--rounds 3] [--json FILE] [--shot FILE]

Real App, real database, headless Chromium with an empty profile and a fresh
server each round. Times count from the moment the address is opened.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from curation import store
from curation.core import console
from curation.store import app
from tests.app import browser

STEPS = {
    "first photo drawn with its labels": "[data-cy=looker] canvas",
    "legend with its counts": "[data-cy=panel-content-curate_legend] :text-matches('[1-9]')",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("dataset")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--shot", type=Path, help="PNG of the last round's screen")
    args = parser.parse_args()
    dataset = store.open(args.dataset)
    rounds = [measure(dataset, args.shot) for _ in range(args.rounds)]
    rows = [
        (
            step,
            *(f"{pick([r[step] for r in rounds]):.1f}" for pick in (statistics.median, min, max)),
        )
        for step in rounds[0]
    ]
    title = f"{args.dataset}: {len(dataset):,} photos, {args.rounds} rounds"
    console.out.print(console.table(("seconds until", "median", "min", "max"), rows, title))
    if args.json:
        args.json.write_text(json.dumps({"photos": len(dataset), "rounds": rounds}, indent=1))


def measure(dataset, shot: Path | None) -> dict[str, float]:
    app.install_plugin()
    port = browser.free_port()
    with app.server(port), sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=browser.CHROMIUM, headless=True, args=browser.FLAGS
        )
        context = chromium.new_context(viewport=browser.SIZE)
        context.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        page = context.new_page()
        page.route("**/fonts.googleapis.com/**", lambda route: route.abort())
        started = time.perf_counter()
        page.goto(app.address(dataset, port))
        seconds = {step: waited(page, selector, started) for step, selector in STEPS.items()}
        if shot:
            page.screenshot(path=shot)
        chromium.close()
    return seconds


def waited(page: Page, selector: str, started: float) -> float:
    page.locator(selector).first.wait_for(timeout=300_000)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
