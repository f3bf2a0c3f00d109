"""Rubrics in the commands of `urial prompts`, where their names are judge/NAME/VERSION."""

import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import TypedDict

import click

from urial.core.tables import Cell
from urial.records.judgment import Aspect
from urial.records.prompt import JUDGE_COLLECTION, PlannedRubric


class RenderOptions(TypedDict):
    """What `urial prompts render` is given for a prompt or a rubric; None: nothing."""

    query: str
    history: Path | None
    answer: str | None
    aspect: Aspect | None


def rubric_row(name: str, folder: Path, index: Container[str]) -> dict[str, Cell]:
    """What the list of rubrics says of one; ``index`` has the names of those that are released."""
    planned = _planned(name, folder)
    return {
        "name": name,
        "aspects": ", ".join(planned.rubric.aspects),
        "form": "all at once" if planned.rubric.definitions is None else "one at a time",
        "hash": planned.hash,
        "released": name in index,
        "description": planned.rubric.description,
    }


def rubric_file(name: str, folder: Path) -> Path | None:
    """The file of a rubric; None: the name is not that of a rubric. It need not be sound."""
    from urial.prompts.authoring.released import rubric_name
    from urial.prompts.rubrics.rubrics import rubric_path

    rubric = rubric_name(name)
    return None if rubric is None else rubric_path(rubric, folder)


def rubric_record(name: str, folder: Path) -> dict[str, object]:
    """A rubric with its hash and the schema of its reply."""
    planned = _planned(name, folder)
    return {
        "file": str(rubric_file(name, folder)),
        "hash": planned.hash,
        **planned.rubric.model_dump(mode="json"),
        "reply_schema": planned.reply_schema,
    }


def judged(name: str, folder: Path, given: RenderOptions) -> str | None:
    """What a judge sees; None: the name is not that of a rubric. Raises UsageError for options that do not belong to it."""
    from urial.prompts.rubrics.rubrics import question

    if rubric_file(name, folder) is None:
        _refuse(given, ("answer", "aspect"), "is for rubrics, judge/NAME/VERSION.")
        return None
    _refuse(given, ("history",), "is for prompts: a judge sees one query.")
    if given["answer"] is None:
        raise click.UsageError("A rubric needs --answer.")
    return question(_planned(name, folder), given["query"], given["answer"], given["aspect"])


def rubric_lines(name: str, folder: Path) -> list[str] | None:
    """What a rubric says, line by line; None: the name is not that of a rubric."""
    if rubric_file(name, folder) is None:
        return None
    planned = _planned(name, folder)
    definitions = planned.rubric.definitions or {}
    return [
        f"aspects: {', '.join(planned.rubric.aspects)}",
        *(f"{aspect}: {line}" for aspect, text in definitions.items() for line in text.split("\n")),
        "",
        *planned.rubric.template.split("\n"),
        *json.dumps(planned.reply_schema, indent=2, ensure_ascii=False).split("\n"),
    ]


def _planned(name: str, folder: Path) -> PlannedRubric:
    from urial.prompts.rubrics.rubrics import load_rubric

    return load_rubric(name.removeprefix(f"{JUDGE_COLLECTION}/"), folder)


def _refuse(given: Mapping[str, object], names: tuple[str, ...], why: str) -> None:
    if wrong := [name for name in names if given[name] is not None]:
        raise click.UsageError(f"--{wrong[0]} {why}")
