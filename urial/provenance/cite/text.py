"""A citation as text for papers: BibTeX, Markdown, LaTeX, and the commands that restore what it cites."""

from collections.abc import Callable, Sequence

from urial.core.store import indented
from urial.core.tables import Cell, Table, show
from urial.core.text import one_line, visible
from urial.provenance.cite.citation import Citation
from urial.records.judgment import ASPECTS
from urial.records.report import Estimate, ShiftFigures
from urial.statistics.tables import interval

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "–": "--", "…": r"\ldots{}", **{character: f"\\{character}" for character in "#$%&_"},
}  # fmt: skip


def as_text(citation: Citation) -> str:
    """Everything: the identifier, each form, and the commands."""
    parts = [one_line(citation.identifier), f"BibTeX:\n\n{bibtex(citation)}", f"Markdown:\n\n{markdown(citation)}"]
    parts.append(f"LaTeX:\n\n{latex(citation)}")
    if citation.restore:
        parts.append(
            f"To restore this state, in an empty folder where urial and DVC are installed:\n\n{commands(citation)}"
        )
    return "\n\n".join(parts)


def as_json(citation: Citation) -> str:
    """The record."""
    return indented(citation.model_dump(mode="json"))


def commands(citation: Citation) -> str:
    """The commands that restore the state, one a line."""
    return "\n".join(citation.restore)


def bibtex(citation: Citation) -> str:
    """An entry that BibTeX and biblatex both take: @misc, since old styles know no @software."""
    # Braces keep an entity's name, and capitals, as they are.
    authors = " and ".join(tex(name) if "," in name else f"{{{tex(name)}}}" for name in citation.authors)
    software = ", ".join(
        f"{word} {found}" for word, found in (("version", citation.version), ("licence", citation.licence)) if found
    )
    fields = {
        "author": authors,
        "title": f"{{{tex(citation.title)}}}",
        "year": None if citation.year is None else str(citation.year),
        "howpublished": tex(", ".join(filter(None, ("Software", software)))),
        "url": citation.url and _url(citation.url),
        "note": tex(citation.identifier),
    }
    lines = [f"  {name:<12} = {{{value}}}," for name, value in fields.items() if value]
    key = f"urial-{citation.commit[:12] if citation.commit else citation.data[7:19]}"
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def markdown(citation: Citation) -> str:
    """The numbers as tables, under the identifier."""
    tables = "\n".join(table.markdown() for table in tables_of(citation))
    return f"`{one_line(citation.identifier)}`\n\n{tables}".rstrip("\n")


def latex(citation: Citation) -> str:
    """The numbers as tables across both columns; no package is needed."""
    return "\n\n".join(_tabular(table) for table in tables_of(citation))


def tables_of(citation: Citation) -> list[Table]:
    """Scores, and token shift where it was measured."""
    percent = f"{100 * citation.confidence:g}"
    tables = [_scores(citation, percent)]
    return [*tables, _shift(citation, percent)] if citation.token_shift else tables


def _scores(citation: Citation, percent: str) -> Table:
    rows: list[Sequence[Cell]] = []
    for name, system in citation.systems.items():
        found = [getattr(system, aspect) for aspect in ASPECTS]
        counts = f"{sum(item.scored for item in found)}/{sum(item.total for item in found)}"
        rows.append([name, system.prompt, *map(interval, found), interval(system.average), counts])
    caption = (
        f"{citation.identifier}. Means with {percent} % bootstrap intervals; judge: {citation.judge or 'none'}; scored/total "
        "counts aspects, and only scored ones are in a mean."
    )
    return Table("Scores (1-5)", ["system", "prompt", *ASPECTS, "average", "scored/total"], rows, caption)


def _shift(citation: Citation, percent: str) -> Table:
    columns = ["base context", "unshifted %", "marginal %", "shifted %", "KL (nats)", "positions", "answers"]
    rows = [_shift_row(name, shift) for name, shift in citation.token_shift.items()]
    caption = f"{citation.identifier}. With {percent} % bootstrap intervals over answers."
    return Table("Token distribution shift", columns, rows, caption)


def _shift_row(name: str, shift: ShiftFigures) -> Sequence[Cell]:
    shares: list[Estimate] = [shift.unshifted, shift.marginal, shift.shifted]
    # Where KL is not exact at every position, its mean is over fewer of them.
    known = "" if shift.kl.positions in (0, shift.positions) else f" over {shift.kl.positions:,} positions"
    return [
        name,
        *(interval(share, 100) for share in shares),
        interval(shift.kl) + known,
        shift.positions,
        shift.measured,
    ]


def _tabular(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(tex, cells)) + r" \\"

    rows = [line([show(cell) for cell in row]) for row in table.rows]
    caption = tex(f"{table.title}. {table.caption or ''}".rstrip())
    body = [
        r"\begin{table*}", r"\centering", r"\scriptsize", r"\setlength{\tabcolsep}{3pt}", rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}", r"\hline", line(table.columns), r"\hline", *rows, r"\hline",
        r"\end{tabular}", r"\end{table*}",
    ]  # fmt: skip
    return "\n".join(body)


def tex(text: str) -> str:
    r"""The text in LaTeX and in a field of BibTeX: no markup, no character that a terminal obeys, braces that match.

    >>> print(tex("50% of {a_b}"))
    50\% of \textbraceleft{}a\_b\textbraceright{}
    """
    return "".join(_LATEX.get(character, character) for character in one_line(text))


def _url(url: str) -> str:
    # A field's braces must match, and a URL needs none.
    return one_line(url).replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")


FORMATS: dict[str, Callable[[Citation], str]] = {
    "text": as_text, "bibtex": bibtex, "markdown": markdown, "latex": latex, "json": as_json,
}  # fmt: skip


def caveat_lines(citation: Citation) -> list[str]:
    """What to print beside a citation."""
    return [visible(f"Warning: {caveat.text}") for caveat in citation.caveats]
