"""Files as just-eval and AlpacaEval write them, for the tests of the importers and of what comes after."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from urial.exchange.importers.judgments import MODES
from urial.records.judge import ImportedIdentity


def verdict(mode: str = "score_multi", **scores: Any) -> dict[str, Any]:
    """A verdict that gives each aspect a 4, or the score named."""
    return {name: {"reason": f"why {name}", "score": scores.get(name, "4")} for name in MODES[mode]}


def score_row(number: int, **changes: Any) -> dict[str, Any]:
    """A row of a score file; its reply is the verdict's JSON unless changes say otherwise."""
    mode = changes.pop("mode", "score_multi")
    query, answer = changes.pop("query", f"Why {number}?"), changes.pop("answer", "Because it is so.")
    found = changes.get("parsed_result", verdict(mode))
    row = {
        "id": number,
        "input": query,
        "output_cand": answer,
        "generator_cand": "some-model",
        "eval_config": {"mode": mode, "gpt": changes.pop("gpt", "gpt-x"), "max_words": 5},
        "prompt": f"Judge.\n\n## Query: \n{query}\n \n## Output:\n{answer}\n\n{mode}, please.",
        "result": json.dumps(found),
        "parsed_result": found,
    }
    return {**row, **changes}


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """An array of rows in a JSON file."""
    path.write_text(json.dumps(list(rows)), "utf-8")
    return path


def identity(mode: str = "score_multi", model: str = "gpt-x") -> ImportedIdentity:
    """The judge of the rows made here."""
    template = f"Judge.\n\n## Query: \n${{instruction}}\n \n## Output:\n${{candidate}}\n\n{mode}, please."
    digest = hashlib.sha256(template.encode()).hexdigest()
    return ImportedIdentity(kind="imported", model=model, mode=mode, template=f"sha256:{digest}")


def without(row: Mapping[str, Any], *columns: str) -> dict[str, Any]:
    """The row without some columns."""
    return {name: value for name, value in row.items() if name not in columns}


def upstream(name: str) -> Path:
    """A folder or file of published data, which is never part of the project; without it the test is skipped."""
    path = Path(os.environ.get("URIAL_SHARED_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.exists():
        pytest.skip(f"no {path}: set URIAL_SHARED_DATA to a folder that has {name}")
    return path.resolve()
