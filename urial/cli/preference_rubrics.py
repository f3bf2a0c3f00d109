"""What `urial prompts` says of the rubrics for preferences, judge/preference/VERSION."""

from pathlib import Path

import click

from urial.core.tables import Cell
from urial.prompts.authoring.released import rubric_name
from urial.prompts.preferences.rubrics import (
    ShownAnswer,
    comparison_question,
    list_preference_rubrics,
    load_preference_rubric,
    preference_rubric_hash,
    read_preference_rubric,
)
from urial.records.preference_rubric import PreferenceRubric


def preference_rubric(name: str, folder: Path) -> PreferenceRubric | None:
    """The rubric for preferences of this name, judge/preference/VERSION; None: it is none's."""
    rubric = rubric_name(name)
    return read_preference_rubric(rubric, folder) if rubric in list_preference_rubrics(folder) else None


def listed(name: str, rubric: PreferenceRubric, released: bool) -> dict[str, Cell]:
    """What the list says of it."""
    return {
        "name": name,
        "aspects": ", ".join(rubric.criteria),
        "form": f"two answers: {', '.join(rubric.replies)}",
        "hash": preference_rubric_hash(rubric),
        "released": released,
        "description": rubric.description,
    }


def as_record(path: Path, rubric: PreferenceRubric) -> dict[str, object]:
    """The record, with its file and hash."""
    return {"file": str(path), "hash": preference_rubric_hash(rubric), **rubric.model_dump(mode="json")}


def lines(rubric: PreferenceRubric) -> list[str]:
    """What it says, line by line."""
    replies = (f"reply, {form}: {line}" for form, text in sorted(rubric.replies.items()) for line in text.split("\n"))
    return [
        f"criteria: {', '.join(rubric.criteria)}",
        *rubric.template.split("\n"),
        *rubric.later_turns.split("\n"),
        *replies,
    ]


def rendered(name: str, query: str, answer: str, other: str | None, folder: Path) -> str:
    """What a judge is asked about two answers, in the first form of verdict that the rubric has."""
    if other is None:
        raise click.UsageError("A rubric for preferences needs --other-answer, too.")
    rubric = str(rubric_name(name))
    planned = load_preference_rubric(rubric, next(iter(read_preference_rubric(rubric, folder).replies)), folder)
    return comparison_question(planned, query, ShownAnswer(answer), ShownAnswer(other))
