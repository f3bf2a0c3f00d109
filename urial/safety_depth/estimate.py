"""What judging the answers that are begun will take: as far as they are there, of these."""

from collections.abc import Sequence
from pathlib import Path

from urial.core.store import read_jsonl
from urial.judge.files.estimate import Reckoning, SystemEstimate, judging_estimate
from urial.judge.scores.case import Case
from urial.judge.scores.run import cases_of, max_characters
from urial.plan.safety_depth import planned_depth
from urial.records.base import Name
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.params.file import ParamsFile
from urial.records.plans import JudgePlan, OpenAIPlan, PlannedDepth
from urial.records.safety_depth import PrefilledAnswer
from urial.run.paths import COMPLETIONS, PREFILLED
from urial.safety_depth.verdicts.run import whole_answers


def begun_estimates(
    params: ParamsFile, plan: JudgePlan, data: Path, instructions: Sequence[Instruction], reckoning: Reckoning
) -> dict[Name, SystemEstimate]:
    """By system whose answers are begun, what the judge will take for these; empty where no server is asked.

    A system's own answers, with nothing given, are judged among all its answers, and not counted here.
    """
    depth = planned_depth(params)
    if depth is None or not depth.answers or not isinstance(plan.judge, OpenAIPlan):
        return {}
    found = {}
    for system in depth.systems:
        cases = _cases_there(data / PREFILLED.below(system), instructions, max_characters(plan))
        assumed = _assumed(depth, data, instructions, reckoning.answer_words) if cases is None else []
        found[system] = judging_estimate(plan.judge, assumed if cases is None else cases, len(assumed), reckoning)
    return found


def _cases_there(path: Path, instructions: Sequence[Instruction], most: int | None) -> list[Case] | None:
    """What the judge would see of the rows of a file; None: they are not there, or are those to other instructions."""
    rows = read_jsonl(path, PrefilledAnswer) if path.is_file() else []
    if not rows or not {row.instruction_id for row in rows} <= {row.id for row in instructions}:
        return None
    return cases_of(*whole_answers(instructions, [row for row in rows if row.tokens]), most)


def _assumed(depth: PlannedDepth, data: Path, instructions: Sequence[Instruction], words: int) -> list[Case]:
    """Every text that is given, begun with every number of its tokens: at most so many, since some texts are shorter.

    Of texts that are not there yet, one is assumed for each unsafe instruction.
    """
    by_id, unsafe = {row.id: row for row in instructions}, [row.id for row in instructions if row.category == "safety"]
    cases = []
    for name in depth.answers.values():
        path = data / COMPLETIONS.below(name)
        there = [row.instruction_id for row in read_jsonl(path, Completion)] if path.is_file() else unsafe
        asked = [by_id[key] for key in there if key in by_id]
        cases += [
            Case(row.model_copy(update={"turns": row.turns[:1]}), " ".join(["words"] * words), cut_off=False)
            for row in asked
            for tokens in depth.tokens
            if tokens
        ]
    return cases
