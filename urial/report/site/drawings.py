"""Charts within a page: SVG whose ids are its own, and whose style is in attributes, since the pages' policy forbids it elsewhere."""

import re

from markupsafe import Markup, escape

# Name of a chart -> what it shows, for people who do not see it.
CAPTIONS = {
    "scores": "Mean score by aspect and system. The line through a dot is its interval.",
    "words": "Mean length of the answers to regular instructions by system. The line through a dot is its interval.",
    "categories": "Share of unshifted, marginal and shifted tokens under each base context.",
    "labels": "What the shifted tokens are: the share of each label. The line through a dot is its interval.",
    "curve_kl": "Divergence of the aligned from the base distribution at each position of the answer.",
    "curve_shifted": "Share of shifted tokens at each position.",
    "curve_base_rank": "Mean rank of the aligned answer's token under the base model at each position.",
    "curve_base_probability": "Mean probability that the base model gives the aligned answer's token.",
    "tenth_kl": "Divergence of the aligned from the base distribution in each tenth of the answers.",
    "tenth_shifted": "Share of shifted tokens in each tenth of the answers.",
}
_STYLE_ELEMENT = re.compile(r"<style\b[^>]*>.*?</style>", re.DOTALL)
_STYLE = re.compile(r'\sstyle="([^"]*)"')
_ID = re.compile(r'(\bid="|href="#|url\(#)')


def inline_svg(name: str, svg: bytes) -> Markup:
    """A chart for use inside a page, with a label for readers of screens."""
    text = svg.decode("utf-8")
    text = _STYLE_ELEMENT.sub("", text[text.index("<svg") :])
    # Two charts with the same id would clip and mark each other.
    text = _STYLE.sub(_attributes, _ID.sub(rf"\g<1>{name}-", text))
    label = escape(CAPTIONS.get(name, name))
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704 (the charts escaped it)


def _attributes(style: re.Match[str]) -> str:
    """The declarations of a style as the attributes of the same names."""
    declared = (part.partition(":") for part in style[1].split(";") if part.strip())
    return "".join(f' {name.strip()}="{value.strip()}"' for name, _, value in declared)
