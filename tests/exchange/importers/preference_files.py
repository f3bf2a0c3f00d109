"""Files of preferences as other tools write them, for the tests of the importer and of what comes after."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from urial.exchange.importers.preferences import ImportedPreferences, PreferenceOptions, import_preferences


def annotation(number: int, preference: object = 2.0, **changes: Any) -> dict[str, Any]:
    """A row of AlpacaEval's annotations.json, version 1; the system's answer is longer by 2 characters."""
    row = {
        "instruction": f"Why {number}?", "output_1": "b" * (10 + number), "generator_1": "base", "dataset": "koala",
        "output_2": "a" * (12 + number), "generator_2": "mine", "annotator": "alpaca_eval_gpt4", "preference": preference,
    }  # fmt: skip
    return {**row, **changes}


def game(number: int, first: str = "model_1", second: str = "model_1", **changes: Any) -> dict[str, Any]:
    """A line of FastChat's pairwise judgments."""
    row = {
        "question_id": number, "model_1": "mine", "model_2": "base", "g1_winner": first, "g2_winner": second,
        "judge": ["gpt-4", "pair-v2"], "g1_user_prompt": "?", "g1_judgment": "[[A]]", "g2_user_prompt": "?",
        "g2_judgment": "[[B]]", "turn": 1, "tstamp": 0.5,
    }  # fmt: skip
    return {**row, **changes}


ASPECTS = ("helpfulness", "factuality", "clarity", "depth", "engagement", "safety")


def aspects(verdict: str = "A", **changes: Any) -> dict[str, Any]:
    """URIAL's parsed_result: one verdict for all six aspects, or those named."""
    return {"rationale": "why", "choices": {**dict.fromkeys(ASPECTS, verdict), **changes}}


def urial_row(number: int, parsed: object = None, *, first: bool = True, **changes: Any) -> dict[str, Any]:
    """A row of URIAL's pairwise results; ``first``: the model was shown as A."""
    parsed = aspects() if parsed is None else parsed
    names = ("mine", "base") if first else ("base", "mine")
    row = {
        "input": f"Why {number}?", "model_output": ["an answer"], "ref_output": "another one", "generator": "mine",
        "ref_generator": "base", "eval_config": {"mode": "pairwise", "gpt": "gpt-x", "max_words": -1},
        "assignment": {"A": names[0], "B": names[1]}, "prompt": "?", "result": json.dumps(parsed), "parsed_result": parsed,
    }  # fmt: skip
    return {**row, **changes}


def just_eval_row(number: int, parsed: object, mode: str = "pairwise_multi", **changes: Any) -> dict[str, Any]:
    """A row of just-eval's pairwise files."""
    row = {
        "id": number, "input": f"Why {number}?", "output_A": "an answer", "output_B": "another", "generator_A": "mine",
        "generator_B": "base", "eval_config": {"mode": mode, "gpt": "gpt-x", "max_words": -1}, "prompt": "?",
        "result": json.dumps(parsed), "parsed_result": parsed,
    }  # fmt: skip
    return {**row, **changes}


def imported(folder: Path, *rows: Mapping[str, Any], **options: Any) -> ImportedPreferences:
    """What becomes of the rows of one file."""
    path = folder / "rows.json"
    path.write_text(json.dumps(list(rows)), "utf-8")
    instructions = options.pop("instructions", None)
    return import_preferences([path], PreferenceOptions(**options), instructions)


def table(path: Path, columns: str, *rows: Sequence[object]) -> Path:
    """A CSV file."""
    lines = [columns, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
