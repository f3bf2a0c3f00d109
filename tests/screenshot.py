"""The README's picture: what the token viewer of the run of record saves of one answer. `make screenshot` makes it anew."""

import sys
import tempfile
from pathlib import Path

from tests.browser import Tabs, missing, settled, started
from tests.conftest import ROOT

SITE = ROOT / "data/report/site"
PICTURE = ROOT / "docs/token-viewer.png"
WIDTH, HEIGHT = 1200, 675
# A short answer, whole in the picture, of which zero-shot and URIAL differ where the paper says: in how it begins.
VIEW = "tokens.html#id=microworld-0-fact-025&above=base-zero-shot&below=base-urial&token=0"


def main() -> None:
    """Write the picture."""
    if reason := missing():
        sys.exit(reason)
    if not (SITE / "tokens.html").is_file():
        sys.exit(f"no {SITE}: dvc pull report")
    with started() as browser, tempfile.TemporaryDirectory() as folder:
        tabs, svg = Tabs(browser), Path(folder) / "picture.svg"
        page = tabs.open(SITE, VIEW, width=WIDTH, height=HEIGHT)
        page.wait_for_selector(".ranking .candidate")
        page.keyboard.press("s")
        with page.expect_download() as download:
            page.get_by_role("button", name="SVG", exact=True).click()
        download.value.save_as(svg)
        picture = tabs.open(svg.parent, svg.name, width=WIDTH, height=HEIGHT)
        settled(picture)
        picture.screenshot(path=PICTURE)
        if tabs.complaints:
            sys.exit("\n".join(tabs.complaints))
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
