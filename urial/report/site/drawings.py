"""Charts within a page: SVG that has the page's colors, and ids of its own."""

import re

from markupsafe import Markup, escape

from urial.report.charts.every import Picture


def inline_svg(name: str, picture: Picture) -> Markup:
    """A chart for use inside a page, with a label for readers of screens; empty where there is none."""
    # Two charts with the same id would clip and mark each other.
    text = re.sub(r'(\bid="|href="#|url\(#)', lambda match: f"{match[1]}{name}-", (picture.svg or b"").decode())
    label = escape(picture.caption)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704 (charts.drawing escaped it)
