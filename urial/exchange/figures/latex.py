"""Tables for a paper that uses the package booktabs."""

from collections.abc import Sequence

from urial.core.tables import Cell, Table, escape_latex, show

# From so many columns on, a table is as wide as the page.
WIDE = 7


def booktabs(table: Table, name: str, mark: str) -> str:
    r"""The table with its caption and the label ``tab:NAME``, under a comment; numbers stand to the right.

    It needs ``\usepackage{booktabs}``.
    """
    environment = "table*" if len(table.columns) >= WIDE else "table"
    numbers = [all(_is_number(row[column]) for row in table.rows) for column in range(len(table.columns))]
    lines = [_line(row) for row in (table.columns, *table.rows)]
    caption = escape_latex(f"{table.title}. {table.caption or ''}".rstrip())
    parts = [
        f"% {mark}", r"% \usepackage{booktabs}", rf"\begin{{{environment}}}", r"\centering", r"\small",
        rf"\caption{{{caption}}}", rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{''.join('r' if number else 'l' for number in numbers)}}}",
        r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}", rf"\end{{{environment}}}",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _line(row: Sequence[Cell]) -> str:
    return " & ".join(escape_latex(show(cell)) for cell in row) + r" \\"


def _is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, int | float)
