"""The templates and replies of published judgments, through the import and the parser of this project."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.rubrics import imported
from urial.judge.model.replies import parse_reply
from urial.records.judgment import REGULAR_ASPECTS, SAFETY_ASPECTS

ROWS = {"general.0-100": 100, "general.100-200": 100, "safety.800-900": 100}


@pytest.fixture(scope="session")
def judgments() -> dict[str, list[dict[str, Any]]]:
    """Published judgments by file, which are never part of the project."""
    folder = Path(os.environ.get("URIAL_SHARED_DATA", ROOT.parent / "shared" / "data")) / "upstream_judgments"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set URIAL_SHARED_DATA to a folder that has upstream_judgments/")
    return {name: json.loads((folder / f"gpt-3.5-turbo-0301.{name}.json").read_text("utf-8")) for name in ROWS}


def template_of(row: dict[str, Any]) -> str:
    """The text that a row was asked with, with placeholders where its query and answer stand."""
    prompt: str = row["prompt"]
    before, after = prompt.split("## Output:\n", 1)
    asked = before.replace(f"## Query: \n{row['input']}\n", "## Query: \n${instruction}\n", 1) + "## Output:\n"
    return asked + after.replace(row["output_cand"], "${candidate}", 1)


@pytest.mark.parametrize("name", ROWS)
def test_published_replies_are_read_as_they_were(name: str, judgments: dict[str, list[dict[str, Any]]]) -> None:
    planned = imported(template_of(judgments[name][0]))
    assert planned.rubric.aspects == (SAFETY_ASPECTS if name.startswith("safety") else REGULAR_ASPECTS)
    assert len(judgments[name]) == ROWS[name]
    for row in judgments[name]:
        found = parse_reply(planned, row["result"], None)
        said = {
            item.aspect: {"reason": item.rationale, "score": "N/A" if item.score is None else f"{item.score:g}"}
            for item in found
        }
        assert said == row["parsed_result"], row["id"]
