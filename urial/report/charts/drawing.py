"""Specifications as pictures, by vl-convert: without a network, a browser or any font but those that it brings."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from urial.core.errors import UrialError
from urial.report.charts.style import INK

# That of the installed Altair; vl-convert has a few.
VEGA_LITE = "6.4"
# Pixels of a PNG for each of the figure's own.
PNG_SCALE = 3
# What Vega writes without ever showing it.
_UNSEEN = re.compile(
    r'<path class="(?:foreground|background)"[^>]*?(?: display="none"| d="M0,0h0v0h0Z" pointer-events="none")/>'
)
# Names of one kind of resource, each with the number of its object. In another order they take as many bytes, so that what
# follows them stays where the PDF says.
_RESOURCES = re.compile(rb"(/(?:ColorSpace|ExtGState|Font|Pattern|Shading|XObject) <<\n)((?: +/\w+ \d+ 0 R\n)+)")
# Marks have roles, most without a name; the page names the figure as a whole.
_TAG, _ROLE = re.compile(r"<[a-z][^<>]*>"), re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')


def svg(specification: Mapping[str, Any]) -> bytes:
    """The figure as SVG: its text is text and has the page's color, its ground the id ``background``."""
    # Whose figure it is, is not drawn.
    return _svg(json.dumps({name: value for name, value in specification.items() if name != "usermeta"}))


# A report that is written again in a process has most figures of the last one, and each takes a thirtieth of a second.
@lru_cache(maxsize=64)
def _svg(specification: str) -> bytes:
    import vl_convert

    text = _UNSEEN.sub("", str(_drawn(vl_convert.vegalite_to_svg, json.loads(specification))))
    text = _TAG.sub(lambda tag: _ROLE.sub("", tag[0]), text)
    return text.replace(INK, "currentColor").replace("<rect ", '<rect id="background" ', 1).encode()


def pdf(specification: Mapping[str, Any]) -> bytes:
    """The figure as PDF. Its resources are sorted: svg2pdf names them in an order that is another one each time."""
    import vl_convert

    drawn = bytes(_drawn(vl_convert.vegalite_to_pdf, specification))
    return _RESOURCES.sub(lambda found: found[1] + b"".join(sorted(found[2].splitlines(keepends=True))), drawn)


def png(specification: Mapping[str, Any]) -> bytes:
    """The figure as PNG on white."""
    import vl_convert

    return bytes(_drawn(vl_convert.vegalite_to_png, specification, scale=PNG_SCALE))


def _drawn(convert: Any, specification: Mapping[str, Any], **options: object) -> Any:
    # No address is allowed: a specification that was edited to load something is refused instead of asking a host.
    try:
        return convert(specification, vl_version=VEGA_LITE, allowed_base_urls=[], **options)
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise UrialError(
            f"vl-convert cannot draw the specification: {reason}",
            expected="one that the stage report wrote, which loads nothing",
        ) from error
