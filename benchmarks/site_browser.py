"""How fast a site is in a browser: headless Chromium opens its token viewer and its answer browser from the file system.

- first view: from the address until a token, or an answer, is there
- next answer: from the key j until the next one is drawn, step by step; most are in the file that is loaded, some in the next
- memory: of the process that has the tab, after all steps and a search through all texts

python -m benchmarks.site_browser data/report/site      # of the run, after `dvc pull`; benchmarks.site opens a large one
"""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

# Page -> what is there once an answer is drawn, and is another node for another answer.
DRAWN = {"tokens.html": ".token.current", "answers.html": "#columns > *"}
# What must hold of 10,000 answers of 300 tokens under two contexts, in seconds and MiB.
MOST_FIRST, MOST_NEXT, MOST_MIB = 2.0, 0.1, 500.0
NEXT = """(drawn) => new Promise((resolve) => {
  const before = document.querySelector(drawn), start = performance.now();
  const look = () => before.isConnected || !document.querySelector(drawn)
    ? requestAnimationFrame(look) : resolve((performance.now() - start) / 1000);
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
  requestAnimationFrame(look);
})"""
SEARCH = "urial.load('search').then((data) => data.text.filter((text) => text.includes('the')).length)"


def measure(site: Path, steps: int) -> list[dict[str, Any]]:
    """Both pages, each in a browser of its own."""
    with sync_playwright() as playwright:
        rows = []
        for name, drawn in DRAWN.items():
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            rows.append({"page": name, **_visit(browser, (site / name).absolute().as_uri(), drawn, steps)})
            browser.close()
        return rows


def _visit(browser: Browser, address: str, drawn: str, steps: int) -> dict[str, Any]:
    page = browser.new_page(viewport={"width": 1200, "height": 675})
    # Chromium itself has started, and what it keeps of an address is gone with it.
    page.goto("about:blank")
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(drawn)
    first = time.perf_counter() - start
    nexts = sorted(page.evaluate(NEXT, drawn) for _ in range(steps))
    page.evaluate(SEARCH)
    return {"first": first, "next": nexts[steps // 2], "slowest next": nexts[-1], "MiB": _memory(browser, page)}


def _memory(browser: Browser, page: Page) -> float:
    """What the largest process of a tab has in memory of its own (Linux): what browsers share is not counted."""
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return max(_own_mib(int(process["id"])) for process in processes if process["type"] == "renderer")


def _own_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def problems(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What does not hold."""
    limits = (("first", MOST_FIRST), ("slowest next", MOST_NEXT), ("MiB", MOST_MIB))
    return [
        f"{row['page']}: {name} {row[name]:.2f}, more than {most}"
        for row in rows
        for name, most in limits
        if row[name] > most
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path, nargs="?", default=Path("data/report/site"))
    parser.add_argument("--steps", type=int, default=50, help="answers that are gone through")
    options = parser.parse_args()
    rows = measure(options.site, options.steps)
    failed = problems(rows)
    print(*map(json.dumps, rows), *failed, sep="\n")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
