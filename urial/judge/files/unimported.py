"""Files of other tools, named where rows of this project are read: the message says how to make these of them."""

import os
from pathlib import Path
from typing import Literal

from urial.core.errors import UrialError
from urial.core.store import first_fields

Rows = Literal["judgments", "preferences"]
# Fields by which other tools' files tell themselves.
OF_PREFERENCES = {"g1_winner", "g2_winner", "generator_1", "output_1", "output_A", "ref_output", "assignment"}


def require_imported(path: Path, rows: Rows) -> None:
    """Raises UrialError for a file that is another tool's, or a table, in place of rows of this project."""
    fields = first_fields(path)
    # What is not there, or cannot be read, is said by who reads it.
    is_lines = path.suffix.lower() not in (".json", ".csv", ".parquet")
    if "instruction_id" in fields or (is_lines and not fields) or not os.path.isfile(path):
        return
    kind = "preferences" if fields & OF_PREFERENCES else rows
    raise UrialError(
        f"no {rows} of this project",
        path=path,
        expected=f"{rows}, one a line, as `urial import {kind}` makes them of other tools' files",
        fix=f"urial import {kind} {path} --out {path.stem}-imported.jsonl"
        + (" --system NAME" if kind == "judgments" else ""),
    )
