"""What watches the pages in the other tests sees what it should."""

from pathlib import Path

from tests.browser import Tabs, violations

PAGE = "<!DOCTYPE html><html lang=en><title>t</title><meta name=viewport content='width=device-width'><main><h1>h</h1>{}</main></html>"


def written(folder: Path, body: str) -> Path:
    (folder / "index.html").write_text(PAGE.format(body), "utf-8")
    return folder


def test_a_quiet_page_has_no_complaint(tabs: Tabs, tmp_path: Path) -> None:
    page = tabs.open(written(tmp_path, "<p>text</p>"), "index.html#here", width=390)
    assert (page.inner_text("p"), page.evaluate("location.hash"), page.evaluate("innerWidth")) == ("text", "#here", 390)


def test_every_kind_of_complaint_is_heard(tabs: Tabs, tmp_path: Path) -> None:
    scripts = "console.error('ill'); alert('open'); setTimeout(() => { throw new Error('thrown') })"
    page = tabs.open(written(tmp_path, f"<img alt='' src='https://x.test/i'><script>{scripts}</script>"))
    page.wait_for_timeout(50)
    tabs.expect("asked for https://x.test/i", "not loaded", "console: error: ill", "error: thrown", "dialog: open")
    assert [line for line in tabs.complaints if "Failed to load" not in line] == []
    tabs.complaints.clear()


def test_axe_finds_what_nobody_can_read(tabs: Tabs, tmp_path: Path) -> None:
    page = tabs.open(written(tmp_path, "<p style='color:#ddd;background:#fff'>pale</p>"))
    assert [line.split(":")[1].strip() for line in violations(page)] == ["color-contrast"]
