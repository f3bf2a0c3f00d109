"""A citation as text for papers: BibTeX, Markdown, LaTeX, and the commands that restore what it cites."""

from urial.core.tables import Table, escape_latex
from urial.core.text import one_line
from urial.provenance.cite.citation import Citation
from urial.statistics.tables import ScoreRow, score_table, shift_table


def as_text(citation: Citation) -> str:
    """Everything: the identifier, each form, and the commands."""
    parts = [
        one_line(citation.identifier),
        f"BibTeX:\n\n{bibtex(citation)}",
        f"Markdown:\n\n{markdown(citation)}",
        f"LaTeX:\n\n{latex(citation)}",
    ]
    if citation.restore:
        commands = "\n".join(citation.restore)
        parts.append(f"To restore this state, in an empty folder where urial and DVC are installed:\n\n{commands}")
    return "\n\n".join(parts)


def bibtex(citation: Citation) -> str:
    """An entry that BibTeX and biblatex both take: @misc, since old styles know no @software."""
    # Braces keep an entity's name, and capitals, as they are.
    authors = [escape_latex(name) if "," in name else f"{{{escape_latex(name)}}}" for name in citation.authors]
    software = {"version": citation.version, "licence": citation.licence}
    described = ", ".join(["Software", *(f"{word} {value}" for word, value in software.items() if value)])
    # A field's braces must match, and a URL needs none.
    url = one_line(citation.url or "").replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
    fields = {
        "author": " and ".join(authors),
        "title": f"{{{escape_latex(citation.title)}}}",
        "year": None if citation.year is None else str(citation.year),
        "howpublished": escape_latex(described),
        "url": url,
        "note": escape_latex(citation.identifier),
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
    return "\n\n".join(table.latex() for table in tables_of(citation))


def tables_of(citation: Citation) -> list[Table]:
    """Scores, and token shift where it was measured."""
    percent = f"{100 * citation.confidence:g}"
    scores = score_table(
        ["system", "prompt"],
        [
            ScoreRow([name, figures.prompt], figures.aspects, figures.average)
            for name, figures in citation.systems.items()
        ],
        caption=f"{citation.identifier}. Means with {percent} % bootstrap intervals; judge: {citation.judge or 'none'}; "
        "scored/total counts aspects, and only scored ones are in a mean.",
    )
    if not citation.token_shift:
        return [scores]
    caption = f"{citation.identifier}. With {percent} % bootstrap intervals over answers."
    rows = (([context], figures) for context, figures in citation.token_shift.items())
    return [scores, shift_table(["base context"], rows, ["positions", "answers"], caption)]


FORMATS = {"text": as_text, "bibtex": bibtex, "markdown": markdown, "latex": latex}
