"""Runs a notebook's cells as Jupyter would, without Jupyter: `python -m tests.docs.notebook FILE` writes their outputs anew."""

import ast
import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any


def read_notebook(path: Path) -> dict[str, Any]:
    """The notebook, in the form nbformat 4."""
    notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    assert notebook["nbformat"] == 4
    return notebook


def run_notebook(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The outputs of each code cell, in order, run in the current folder. An error in a cell is raised."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [_run("".join(cell["source"]), number, names) for number, cell in enumerate(cells, start=1)]


def texts_of(outputs: list[dict[str, Any]]) -> list[str]:
    """What a cell printed and returned as text; of a figure, that there is one."""
    found = []
    for output in outputs:
        data = output.get("data", {})
        found.append("a figure" if "image/svg+xml" in data else "".join(output.get("text", data.get("text/plain", []))))
    return found


def _run(source: str, number: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    import pandas as pd

    tree, printed, value = ast.parse(source), io.StringIO(), None
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(printed), redirect_stderr(io.StringIO()):
        exec(compile(tree, f"<cell {number}>", "exec"), names)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"<cell {number}>", "eval"), names)  # noqa: S307
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        with pd.option_context("display.width", 120, "display.max_columns", 20, "display.max_colwidth", 60):
            outputs.append(
                {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": _shown(value)}
            )
    return outputs


def _shown(value: Any) -> dict[str, Any]:
    if hasattr(value, "_repr_mimebundle_"):
        # A chart: Jupyter would draw its specification by scripts from the network.
        drawn = io.StringIO()
        value.save(drawn, format="svg")
        return {"image/svg+xml": [drawn.getvalue()], "text/plain": ["a figure"]}
    html = {"text/html": _lines(value.to_html())} if hasattr(value, "to_html") else {}
    return {"text/plain": _lines(repr(value)), **html}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def write_outputs(path: Path) -> None:
    """Run the notebook in its own folder, and write what its cells show."""
    notebook = read_notebook(path)
    os.chdir(path.parent)
    for number, (cell, outputs) in enumerate(
        zip((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), run_notebook(notebook), strict=True), 1
    ):
        cell.update(execution_count=number, outputs=outputs)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    write_outputs(Path(sys.argv[1]).absolute())
