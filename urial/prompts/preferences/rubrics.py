"""Rubrics for preferences: what a judge is asked about two answers, all judged texts within fences of one marker."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean
from urial.core.hashing import content_hash
from urial.core.yaml_files import parse_yaml_record
from urial.prompts.rubrics.fences import cut_note, fenced_text, filled, marker_of
from urial.prompts.rubrics.rubrics import rubric_names
from urial.records.base import Hash
from urial.records.judge import VERDICT_TOKENS
from urial.records.preference import VerdictForm
from urial.records.preference_rubric import PlannedPreferenceRubric, PreferenceRubric
from urial.records.prompt import JUDGE_COLLECTION, PREFERENCE_RUBRICS, PROMPTS_DIR

# What a judge calls the answer that it is shown first, and the other.
FIRST, SECOND = VERDICT_TOKENS


@dataclass(frozen=True)
class ShownAnswer:
    """An answer as far as a judge is shown it."""

    text: str
    # The whole answer's length in characters where the judge is shown less of it.
    shown_of: int | None = None


@dataclass(frozen=True)
class EarlierAnswers:
    """A message before the one that was answered, and what both answered to it, in the order shown."""

    message: str
    first: ShownAnswer
    second: ShownAnswer


def list_preference_rubrics(folder: Path = PROMPTS_DIR) -> list[str]:
    """preference/VERSION of every rubric for preferences below ``folder``/judge, sorted."""
    return [name for name in rubric_names(folder) if name.startswith(f"{PREFERENCE_RUBRICS}/")]


def read_preference_rubric(name: str, folder: Path = PROMPTS_DIR) -> PreferenceRubric:
    """The rubric preference/VERSION. Raises UrialError with the nearest known name, or naming file and field."""
    known = list_preference_rubrics(folder)
    if name not in known:
        raise UrialError(
            f"unknown rubric for preferences {name!r}",
            where=str(folder / JUDGE_COLLECTION / PREFERENCE_RUBRICS),
            fix=did_you_mean(name, known),
        )
    return parse_yaml_record(folder / JUDGE_COLLECTION / f"{name}.yaml", PreferenceRubric)


def load_preference_rubric(name: str, verdict: VerdictForm, folder: Path = PROMPTS_DIR) -> PlannedPreferenceRubric:
    """The rubric for a form of verdict. Raises UrialError as above, and where it asks for no such verdict."""
    rubric = read_preference_rubric(name, folder)
    if verdict not in rubric.replies:
        others = (
            other
            for other in list_preference_rubrics(folder)
            if verdict in read_preference_rubric(other, folder).replies
        )
        raise UrialError(
            f"the rubric {name} asks for no verdict of the form {verdict}",
            expected=f"the form {' or '.join(rubric.replies)}",
            fix=f"set preferences.verdict to it, or preferences.rubric to {next(others, 'another')}",
        )
    return PlannedPreferenceRubric(name=name, hash=preference_rubric_hash(rubric), verdict=verdict, rubric=rubric)


def preference_rubric_hash(rubric: PreferenceRubric) -> Hash:
    """Content hash of a rubric."""
    return content_hash({"preference_rubric": rubric.model_dump(mode="json")})


def comparison_question(
    planned: PlannedPreferenceRubric,
    message: str,
    first: ShownAnswer,
    second: ShownAnswer,
    earlier: Sequence[EarlierAnswers] = (),
) -> str:
    """What a judge is asked about two answers to ``message``, the last of a conversation."""
    rubric = planned.rubric
    before = [text for turn in earlier for text in (turn.message, turn.first.text, turn.second.text)]
    marker = marker_of(planned.hash, (message, first.text, second.text, *before))
    values = {"marker": marker, "reply": rubric.replies[planned.verdict].rstrip("\n"), "conversation": ""}
    if earlier:
        turns = "\n\n".join(
            text
            for number, turn in enumerate(earlier, start=1)
            for text in (
                fenced_text(f"query-{number}", turn.message, marker),
                _fenced_answer(f"{FIRST}-{number}", turn.first, marker),
                _fenced_answer(f"{SECOND}-{number}", turn.second, marker),
            )
        )
        values["conversation"] = filled(rubric.later_turns, values, {"turns": turns})
    fenced = {
        "instruction": fenced_text("query", message, marker),
        "answer_a": _fenced_answer(FIRST, first, marker),
        "answer_b": _fenced_answer(SECOND, second, marker),
    }
    return filled(rubric.template, values, fenced)


def _fenced_answer(name: str, answer: ShownAnswer, marker: str) -> str:
    fenced = fenced_text(f"answer-{name}", answer.text, marker)
    return fenced if answer.shown_of is None else fenced + cut_note(answer.text, answer.shown_of)
