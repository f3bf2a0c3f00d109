"""Tables, as Markdown for people and CSV for programs."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from urial.core.text import one_line

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A titled table; None is a missing value. The caption is for people alone."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str | None = None

    def markdown(self) -> str:
        """GitHub-flavored Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *[[show(cell) for cell in row] for row in self.rows]]
        body = "\n".join("| " + " | ".join(escape(cell) for cell in line) + " |" for line in lines)
        caption = f"\n{escape(one_line(self.caption))}\n" if self.caption else ""
        return f"### {self.title}\n\n{body}\n{caption}"

    def csv(self) -> str:
        """RFC 4180 with LF line ends; a missing value is an empty field."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([one_line(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows)
        return stream.getvalue()


def show(cell: Cell) -> str:
    """A cell as people read it: two decimals, a dash for what is missing."""
    if cell is None:
        return "–"
    return f"{cell:.2f}" if isinstance(cell, float) else one_line(str(cell))


def escape(cell: str) -> str:
    """A text of one line within Markdown, where it means no markup."""
    # A pipe would break the row; the end token </s> would vanish as a tag, and ** would set what follows in bold.
    return re.sub(r"[\\|<&*_~`]|\](?=\()", r"\\\g<0>", cell)
