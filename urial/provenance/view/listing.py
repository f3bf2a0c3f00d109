"""What is shown of several runs together: the page that lists them, and links from each page of one to that of another."""

from collections.abc import Sequence

from markupsafe import Markup

from urial.core.text import visible
from urial.provenance.view.sites import Site

# Where a page of a site has its buttons; the links to other runs stand before them.
PLACE = b'<div id="tools"></div>'
_PAGE = Markup(
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
    '<link rel="icon" href="data:,">\n<title>Runs</title>\n<link rel="stylesheet" href="{style}">\n</head>\n<body>\n'
    '<main id="runs">\n<h1>Runs</h1>\n<div class="scroll" tabindex="0" role="region" aria-label="Runs">\n<table>\n'
    '<thead><tr><th scope="col">run</th><th scope="col">study</th><th scope="col">judge</th><th scope="col">state</th>'
    '<th scope="col">report</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n</main>\n</body>\n</html>\n'
)
_ROW = Markup(
    '<tr><th scope="row"><a href="/{slug}/">{name}</a></th><td>{study}</td><td>{judge}</td><td>{state}</td>'
    "<td><code>{identifier}</code></td></tr>\n"
)
_SWITCHER = Markup('<nav aria-label="Runs">\n<ul>\n{links}<li><a href="/">all runs</a></li>\n</ul>\n</nav>\n')
_LINK = Markup('<li><a href="/{slug}/{page}"{mark}>{name}</a></li>\n')
_HERE, _THERE = Markup(' aria-current="true"'), Markup(" data-keeps-instruction")


def listing_page(sites: Sequence[Site], style: str) -> bytes:
    """The page that lists the runs."""
    rows = [
        _ROW.format(
            slug=site.slug,
            name=visible(site.name),
            study=_said(site, "study"),
            judge=_said(site, "judge"),
            state=visible(site.state),
            identifier=_said(site, "identifier"),
        )
        for site in sites
    ]
    return _PAGE.format(style=style, rows=Markup().join(rows)).encode("utf-8")


def _said(site: Site, name: str) -> str:
    value = site.run.get(name)
    return visible(value) if isinstance(value, str) and value else "–"


def switcher(page: bytes, site: Site, name: str, sites: Sequence[Site]) -> bytes:
    """A page with links to the same page of the other runs, where they have it; one of an earlier form as it is.

    What the page keeps of its state in links, it keeps in these.
    """
    links = [
        _LINK.format(
            slug=other.slug,
            page=name if (other.folder / name).is_file() else "",
            name=visible(other.name),
            mark=_HERE if other is site else _THERE,
        )
        for other in sites
    ]
    return page.replace(PLACE, _SWITCHER.format(links=Markup().join(links)).encode("utf-8") + PLACE, 1)
