"""What every page of the site has in common: its address in the navigation, its security policy, how text gets into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from urial.core.text import cut, one_line, visible
from urial.records.report import AspectFigures
from urial.report.examples import quoted

# From the file system, 'self' is every local file in Chromium and WebKit, and nothing at all in Firefox, where a file has an
# origin of its own; `file:` says the same to all three, and gives a page on a server nothing, which may load no local file.
# Trusted types turn every way from text to markup into an error, and leave `urial.scriptURL` alone to load data files.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' file:",
        "style-src 'self' file:",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types urial",
    )
)


@dataclass(frozen=True)
class Page:
    """A page of the site, as the navigation shows it."""

    href: str
    label: str
    # Whether a link to it keeps the instruction that is shown.
    keeps_instruction: bool = False


OVERVIEW, SHIFT = Page("index.html", "Overview"), Page("shift.html", "Token shift")
TOKENS, ANSWERS = Page("tokens.html", "Tokens", True), Page("answers.html", "Answers", True)


@dataclass(frozen=True)
class Frame:
    """What the header of every page says."""

    study: str
    # Of the run: the hash of its report.
    identifier: str
    pages: Sequence[Page]
    policy: str = POLICY


def render(page: Page, frame: Frame, **values: object) -> str:
    """A page as HTML from the template of its name."""
    template = environment(Path(__file__).parent / "templates").get_template(f"{page.href}.j2")
    return template.render(frame=frame, current=page.href, **values)


@lru_cache(maxsize=2)
def environment(folder: Path) -> Environment:
    """Jinja for the templates of a folder: all that they show is escaped, and missing values are errors."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        fixed=fixed,
        grouped="{:,}".format,
        percent=lambda share: f"{share * 100:g}\N{NO-BREAK SPACE}%",
        quoted=quoted,
        signed=lambda value, digits=2: f"{value:+,.{digits}f}".replace("-", "−"),
        # As much of an instruction as tells which one it is.
        start=lambda text: one_line(cut(text, 160)[0]),
        spaced=lambda status: status.replace("_", " "),
        words=missing_scores,
    )
    return made


def _shown(value: object) -> object:
    """Every text on a page passes here, so that nothing invisible or missing can slip in; then it is escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return visible(str(value))
    raise TypeError(f"the page cannot show {type(value).__name__}: format it first")


def fixed(value: float, digits: int = 2) -> str:
    """A number with so many digits behind the point."""
    return f"{value:,.{digits}f}"


def missing_scores(figures: AspectFigures) -> str:
    """Why an aspect's figures count fewer scores than instructions, in words."""
    parts = (
        (figures.not_applicable, "not applicable"),
        (figures.invalid, "without a valid verdict"),
        (figures.refused, "refused by the judge"),
        (figures.filtered, "kept back by a content filter"),
        (figures.failed, "without a reply of the judge"),
        (figures.no_completion, "without an answer"),
    )
    return ", ".join(f"{count:,} {text}" for count, text in parts if count) or "none missing"
