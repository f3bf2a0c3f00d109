"""Judgments for the tests of comparisons."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from urial.core.store import write_jsonl
from urial.judge.files.reading import SystemRows, read_systems
from urial.judge.files.records import Summary
from urial.judge.files.summary import SummaryOptions, summarize
from urial.records.instruction import Instruction
from urial.records.judge import ImportedIdentity, describe
from urial.records.judgment import AspectScore, Judgment, ScoreStatus
from urial.statistics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(200, 0.95, 0)


def who(name: str) -> ImportedIdentity:
    """A judge of this name."""
    return ImportedIdentity(kind="imported", model=name, mode="mode", template="sha256:" + "0" * 64)


def in_words(name: str) -> str:
    """That judge as people read it."""
    return describe(who(name))


def judgment(name: str, scores: Mapping[Any, Any], **changes: Any) -> Judgment:
    """A judgment of an instruction; a score is a number, or the status of an aspect without one."""
    found = tuple(_score(aspect, value) for aspect, value in scores.items())
    scored = any(item.status == "scored" for item in found)
    status = "scored" if scored else found[0].status if found else "no_completion"
    fields = {
        "instruction_id": name, "system": "a", "status": status, "reason": None if scored else "why not",
        "scores": found, "judge": who("j"), "key": None, "words": 10 if found else None,
    }  # fmt: skip
    return Judgment(**{**fields, **_named(changes)})


def _named(changes: dict[str, Any]) -> dict[str, Any]:
    """The changes, with the judge of this name in place of its name."""
    return {key: who(value) if key == "judge" else value for key, value in changes.items()}


def _score(aspect: Any, value: Any) -> AspectScore:
    if value in get_args(ScoreStatus):
        return AspectScore(aspect=aspect, status=value, score=None, rationale="why not")
    distribution = None
    if value != int(value):
        # The probabilities whose mean a score between two whole ones is.
        low, part = int(value), value - int(value)
        distribution = tuple({low: 1 - part, low + 1: part}.get(score, 0.0) for score in range(1, 6))
    return AspectScore(aspect=aspect, score=value, rationale=f"{aspect} is {value}", distribution=distribution)


def file_of(path: Path, *rows: Judgment, **changes: Any) -> Path:
    """Rows in a file, each with the changes."""
    write_jsonl(path, [row.model_copy(update=_named(changes)) for row in rows])
    return path


def systems_of(folder: Path, **systems: list[Judgment]) -> list[SystemRows]:
    """Systems by name, by way of their files."""
    return read_systems([file_of(folder / f"{name}.jsonl", *rows, system=name) for name, rows in systems.items()])


def summary_of(systems: list[SystemRows], instructions: list[Instruction] | None = None, **options: Any) -> Summary:
    return summarize(systems, instructions, SummaryOptions(**options), BOOTSTRAP)
