"""Pages in a real browser, as those of a site: see tests/report/site/conftest.py."""

from tests.report.site.conftest import chromium, tabs

__all__ = ["chromium", "tabs"]
