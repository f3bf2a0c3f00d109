"""Tables, written once for all readers: a terminal, Markdown, CSV, LaTeX.

Cells can hold what a model or a stranger wrote. Every writer shows it with ``one_line`` and in the escapes of its own format, so
that no cell ends its row, hides or reorders another one, or acts on a terminal. Cells of the report's page have parts of their own;
its tables are written by one macro of report/site/templates.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from urial.core.text import one_line, width

Cell = str | int | float | None

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "–": "--", "…": r"\ldots{}", **{character: f"\\{character}" for character in "#$%&_"},
}  # fmt: skip
_MARKUP = re.compile(r"(?P<word>(?<=[0-9A-Za-z])_+(?=[0-9A-Za-z]))|[\\|<&*_~`]|\](?=\()")
# How a formula begins, also in the wide letters of East Asia. A sign alone is none, nor a difference with its interval.
_COMPUTED = re.compile(r"\s*(?:[=@＝＠]|[+\-＋－](?![\d.,]+ \[)).")


@dataclass(frozen=True)
class Table:
    """A titled table; None is a missing value. The caption is for people only."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str | None = None

    def terminal(self) -> str:
        """Columns as wide as their widest cell, without title and caption; the last one runs free."""
        lines = self._shown()
        widths = [max(width(line[column]) for line in lines) for column in range(len(self.columns) - 1)]
        padded = [
            [cell + " " * (room - width(cell)) for cell, room in zip(line, widths, strict=False)] for line in lines
        ]
        return "".join("  ".join([*cells, line[-1]]) + "\n" for cells, line in zip(padded, lines, strict=True))

    def markdown(self, aligned: bool = False) -> str:
        """GitHub-flavored Markdown; ``aligned``: cells as wide as their column, for whoever reads it as it is."""
        columns, *rows = [[escape(cell) for cell in line] for line in self._shown()]
        lines = [columns, ["---"] * len(columns), *rows]
        if aligned:
            widths = [max(map(width, cells)) for cells in zip(*lines, strict=True)]
            lines = [
                [cell + " " * (room - width(cell)) for cell, room in zip(line, widths, strict=True)] for line in lines
            ]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        caption = f"\n{escape(one_line(self.caption))}\n" if self.caption else ""
        return f"### {escape(one_line(self.title))}\n\n{body}\n{caption}"

    def csv(self) -> str:
        """RFC 4180 with LF line ends; a missing value is an empty field.

        A text that a spreadsheet would compute has an apostrophe in front: `'=1+1`.
        """
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        rows = [self.columns, *self.rows]
        writer.writerows([_not_computed(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
        return stream.getvalue()

    def latex(self) -> str:
        """A table across both columns of a page; no package is needed."""
        columns, *rows = (" & ".join(map(escape_latex, line)) + r" \\" for line in self._shown())
        caption = escape_latex(f"{self.title}. {self.caption or ''}".rstrip())
        body = [
            r"\begin{table*}", r"\centering", r"\scriptsize", r"\setlength{\tabcolsep}{3pt}", rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{{'l' * len(self.columns)}}}", r"\hline", columns, r"\hline", *rows, r"\hline",
            r"\end{tabular}", r"\end{table*}",
        ]  # fmt: skip
        return "\n".join(body)

    def _shown(self) -> list[list[str]]:
        """Header and rows as people read them."""
        return [[show(cell) for cell in row] for row in (self.columns, *self.rows)]


def table_of(rows: Sequence[Mapping[str, Cell]], title: str = "") -> Table:
    """A table of rows that all have the same keys, which name the columns."""
    return Table(title, list(rows[0]) if rows else [], [list(row.values()) for row in rows])


def show(cell: Cell) -> str:
    """A cell as people read it: two decimals, zero without a sign, a dash for what is missing."""
    if cell is None:
        return "–"
    return f"{cell:z.2f}" if isinstance(cell, float) else one_line(str(cell))


def _not_computed(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if _COMPUTED.match(line) else line


def escape(text: str) -> str:
    """A text of one line within Markdown, where it means no markup."""
    # A pipe would break the row; the end token </s> would vanish as a tag, and ** would set what follows in bold. Low lines
    # within a word mean nothing: there a terminal would only show the sign more.
    return _MARKUP.sub(lambda found: found["word"] or f"\\{found[0]}", text)


def escape_latex(text: str) -> str:
    r"""The text in LaTeX and in a field of BibTeX: no markup, no character that a terminal obeys, braces that match.

    >>> print(escape_latex("50% of {a_b}"))
    50\% of \textbraceleft{}a\_b\textbraceright{}
    """
    return "".join(_LATEX.get(character, character) for character in one_line(text))
