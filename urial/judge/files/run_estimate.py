"""What judging the systems of a run, or the answers of a file, will take: as far as answers are there, of these."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from urial.core.store import read_jsonl
from urial.judge.files.estimate import Reckoning, SystemEstimate, comparing_estimate, judging_estimate
from urial.judge.preferences.pairs import Pair, Shown, orders_of
from urial.judge.preferences.run import pairs_between
from urial.judge.scores.case import Case
from urial.judge.scores.run import cases_of, max_characters
from urial.plan.left_out import answering_systems, compared_systems
from urial.prompts.rubrics.conversation import EarlierTurn
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.params.file import ParamsFile
from urial.records.plans import JudgePlan, OpenAIPlan, PreferencesPlan
from urial.run.paths import COMPLETIONS


@dataclass
class Estimates:
    """What each system will take to judge, each to compare with the baseline, and each whose answers are begun."""

    systems: dict[str, SystemEstimate] = field(default_factory=dict)
    preferences: dict[str, SystemEstimate] = field(default_factory=dict)
    safety_depth: dict[str, SystemEstimate] = field(default_factory=dict)


def estimates_of_file(
    plan: JudgePlan, completions: Sequence[Completion], instructions: Sequence[Instruction], reckoning: Reckoning
) -> Estimates:
    """What judging answers, each to its instruction, will take, by the systems that gave them."""
    found = Estimates()
    for system in dict.fromkeys(row.system for row in completions):
        own = [pair for pair in zip(instructions, completions, strict=True) if pair[1].system == system]
        cases = cases_of([asked for asked, _ in own], [row for _, row in own], max_characters(plan))
        found.systems[system] = _judging(plan, cases, 0, reckoning)
    return found


def estimates_of_run(
    params: ParamsFile,
    plan: JudgePlan,
    comparing: PreferencesPlan,
    data: Path,
    *,
    instructions: Sequence[Instruction],
    reckoning: Reckoning,
) -> Estimates:
    """What judging and comparing the systems of params.yaml will take, as far as a judge on a server does it."""
    found = Estimates()
    for system in answering_systems(params) if isinstance(plan.judge, OpenAIPlan) else ():
        cases, made_up = _cases(data, system, instructions, reckoning, plan)
        found.systems[system] = _judging(plan, cases, made_up, reckoning)
    for system in compared_systems(params) if isinstance(comparing.judge, OpenAIPlan) else ():
        pairs, made_up = _pairs(data, system, instructions, reckoning, comparing)
        found.preferences[system] = comparing_estimate(comparing, pairs, made_up, reckoning)
    return found


def _judging(plan: JudgePlan, cases: Sequence[Case], made_up: int, reckoning: Reckoning) -> SystemEstimate:
    if not isinstance(plan.judge, OpenAIPlan):
        raise ValueError(f"judge {plan.name!r} asks no server")
    return judging_estimate(plan.judge, cases, made_up, reckoning)


def _cases(
    data: Path, system: str, instructions: Sequence[Instruction], reckoning: Reckoning, plan: JudgePlan
) -> tuple[list[Case], int]:
    """What the judge would see of a system, and how many answers are made up because they are not there yet."""
    if rows := _answers_there(data, system, instructions):
        return cases_of(instructions, rows, max_characters(plan)), 0
    answer = _made_up(reckoning.answer_words)
    histories = ((row, [EarlierTurn(query, answer) for query in row.turns]) for row in instructions)
    cases = [
        Case(row, answer, cut_off=False, history=tuple(turns[:turn]))
        for row, turns in histories
        for turn in range(len(turns))
    ]
    return cases, len(cases)


def _pairs(
    data: Path, system: str, instructions: Sequence[Instruction], reckoning: Reckoning, plan: PreferencesPlan
) -> tuple[list[Pair], int]:
    """What the judge would see of a system and the baseline, and how many answers are made up, likewise."""
    ours = _answers_there(data, system, instructions)
    # Published outputs need not answer every instruction.
    theirs = _answers_there(data, str(plan.baseline), instructions, in_part=True)
    if ours and theirs:
        return pairs_between(plan, instructions, ours, theirs), 0
    # Not one text, which would be a tie without a question.
    text = _made_up(reckoning.answer_words)
    first, second = Shown(text, False), Shown(f"{text}.", False)
    pairs = [
        Pair(row, turn, first, second, orders_of(row, plan.orders), ((first, second),) * turn)
        for row in instructions
        for turn in range(len(row.turns))
    ]
    return pairs, 2 * len(pairs)


def _answers_there(
    data: Path, system: str, instructions: Sequence[Instruction], *, in_part: bool = False
) -> list[Completion] | None:
    """A system's answers to these instructions; None: they are not there, or are those to others."""
    path = data / COMPLETIONS.below(system)
    rows = read_jsonl(path, Completion) if path.is_file() else []
    found, known = [row.instruction_id for row in rows], [row.id for row in instructions]
    return rows if found == known or (in_part and set(found) <= set(known)) else None


def _made_up(words: int) -> str:
    return " ".join(["words"] * words)
