"""The notebook in docs/ shows what its cells give; `python -m tests.docs.notebook docs/first-hour.ipynb` writes it anew."""

import json

import pytest

from tests.clones import Clone
from tests.conftest import ROOT
from tests.docs.notebook import read_notebook, run_notebook, texts_of
from tests.docs.pages import blocks

NOTEBOOK = ROOT / "docs/first-hour.ipynb"


def test_its_cells_give_what_it_shows(record_clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = read_notebook(NOTEBOOK)
    monkeypatch.chdir(record_clone.folder)
    shown = [texts_of(cell["outputs"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [texts_of(outputs) for outputs in run_notebook(notebook)] == shown
    assert shown[-1] == ["a figure"]


def test_what_the_page_shows_runs(record_clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(record_clone.folder)
    sources = [block.text.replace('"calm-fox"', "") for block in blocks("docs/python.md") if block.language == "python"]
    for outputs in run_notebook({"cells": [{"cell_type": "code", "source": [source]} for source in sources]}):
        assert "Why is the sky blue?" in texts_of(outputs)[-1]


def test_it_is_small_and_names_no_place_of_a_machine() -> None:
    text = NOTEBOOK.read_text("utf-8")
    assert len(text) < 60_000
    assert str(ROOT) not in text
    assert json.loads(text)["metadata"]["language_info"] == {"name": "python"}
