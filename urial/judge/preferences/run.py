"""Compares every answer of one system with the baseline's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.core.store import require_same_ids
from urial.judge.model.backends import make_backend
from urial.judge.model.cost import Ledger
from urial.judge.preferences.model_judge import PreferenceModelJudge
from urial.judge.preferences.pairs import Pair, PreferenceJudgeLike, compared_content, comparison_key, pairs_of, turn_of
from urial.judge.preferences.rules import RulesPreferences
from urial.judge.server.dry_run import unasked_backend, write_request_file
from urial.records.base import Hash
from urial.records.completion import Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.judge import LocalFormat
from urial.records.plans import OpenAIPlan, PreferencesPlan, RulesPlan
from urial.records.preference import Comparison, LaterPreference, Preference, PreferenceStatus, result_of


def make_preference_judge(plan: PreferencesPlan, cache: RowCache) -> PreferenceJudgeLike | None:
    """The planned judge, if there is one; a judge model keeps its replies in the row cache as they come."""
    if plan.judge is None:
        return None
    if isinstance(plan.judge, RulesPlan) or plan.rubric is None:
        return RulesPreferences(plan.judge.microworld_seed if isinstance(plan.judge, RulesPlan) else None)
    backend, ledger = make_backend(plan.judge, cache, local_format(plan))
    return PreferenceModelJudge(backend, plan.judge, plan.rubric, cache, ledger)


def local_format(plan: PreferencesPlan) -> LocalFormat:
    """How a judge in this process replies."""
    return "verdict_tokens" if plan.rubric is not None and plan.rubric.verdict == "tokens" else "json_schema"


def max_characters(plan: PreferencesPlan) -> int | None:
    """How much of an answer the planned judge is shown; None: all of it."""
    return None if plan.judge is None or isinstance(plan.judge, RulesPlan) else plan.judge.judge.max_characters


def compare_completions(
    judge: PreferenceJudgeLike | None,
    plan: PreferencesPlan,
    instructions: Sequence[Instruction],
    completions: Sequence[Completion],
    baseline: Sequence[Completion],
) -> list[Preference]:
    """One preference an instruction, in their order, of the answers of two systems to the same instructions.

    Equal pairs are compared once. An instruction that the baseline has no row of has no preference. Without a judge, each row
    says so.
    """
    require_same_ids("completions", [row.instruction_id for row in completions], [row.id for row in instructions])
    most = max_characters(plan)
    others = {row.instruction_id: row for row in baseline}
    rows = [
        _Row(instruction, completion, others.get(instruction.id), plan, most)
        for instruction, completion in zip(instructions, completions, strict=True)
    ]
    compared: dict[Hash, tuple[Comparison, ...]] = {}
    if judge is not None:
        pairs = {comparison_key(judge.identity, pair): pair for row in rows for pair in row.pairs if pair is not None}
        names = list(pairs)
        try:
            compared = {names[index]: found for index, found in judge.comparisons(list(pairs.values()))}
        except UrialError as error:
            raise error.about(f"system {completions[0].system!r}" if completions else "") from error
    return [row.preference(judge, compared) for row in rows]


def pairs_between(
    plan: PreferencesPlan,
    instructions: Sequence[Instruction],
    completions: Sequence[Completion],
    baseline: Sequence[Completion],
) -> list[Pair]:
    """What there is to compare, each pair once."""
    others = {row.instruction_id: row for row in baseline}
    pairs = (
        pair
        for instruction, completion in zip(instructions, completions, strict=True)
        if instruction.id in others
        for pair in pairs_of(instruction, completion, others[instruction.id], plan.orders, max_characters(plan))
        if pair is not None
    )
    return list({content_hash(compared_content(pair)): pair for pair in pairs}.values())


def write_requests(plan: PreferencesPlan, pairs: Sequence[Pair], cache: RowCache, out: Path) -> int:
    """Write the request file that the batch API would be sent, and send nothing; returns the number of requests."""
    if not isinstance(plan.judge, OpenAIPlan) or plan.rubric is None:
        raise UrialError(f"judge {plan.name!r} asks no server", fix="name a judge of the kind openai")
    backend = unasked_backend(plan.judge.judge, plan.name, cache)
    judge = PreferenceModelJudge(backend, plan.judge, plan.rubric, cache, Ledger())
    return write_request_file(backend, judge.questions(pairs), out)


class _Row:
    """One instruction, what both sides answered, and the preference that follows."""

    def __init__(
        self,
        instruction: Instruction,
        completion: Completion,
        baseline: Completion | None,
        plan: PreferencesPlan,
        most: int | None,
    ) -> None:
        self.instruction, self.completion, self.baseline, self.plan = instruction, completion, baseline, plan
        self.pairs: list[Pair | None] = (
            [None] if baseline is None else pairs_of(instruction, completion, baseline, plan.orders, most)
        )

    def preference(self, judge: PreferenceJudgeLike | None, compared: dict[Hash, tuple[Comparison, ...]]) -> Preference:
        first, *later = (self._turn(turn, judge, compared) for turn in range(len(self.pairs)))
        return Preference(
            instruction_id=self.instruction.id,
            system=self.completion.system,
            baseline=str(self.plan.baseline),
            judge=None if judge is None else judge.identity,
            later_turns=tuple(LaterPreference(**fields) for fields in later),
            query=self.completion.query,
            **first,
        )

    def _turn(
        self, turn: int, judge: PreferenceJudgeLike | None, compared: dict[Hash, tuple[Comparison, ...]]
    ) -> dict[str, Any]:
        """The fields of a comparison of the answers to one message."""
        sides = turn_of(self.completion, turn), None if self.baseline is None else turn_of(self.baseline, turn)
        lengths = [None if side is None or side.answer is None else len(side.split()[1]) for side in sides]
        fields: dict[str, Any] = {
            "status": "compared", "reason": None, "comparisons": (), "results": (), "key": None,
            "characters": lengths[0], "baseline_characters": lengths[1],
        }  # fmt: skip
        pair = self.pairs[turn]
        if judge is None:
            return {**fields, "status": "not_judged", "reason": "the run has no judge"}
        if pair is None:
            return {**fields, **_missing(sides[0], sides[1])}
        key = comparison_key(judge.identity, pair)
        comparisons = compared[key]
        criteria = [choice.criterion for choice in comparisons[0].choices]
        results = tuple(result_of(name, comparisons) for name in criteria)
        return {**fields, "comparisons": comparisons, "results": results, "key": key}


def _missing(system: Completion | LaterTurn | None, baseline: Completion | LaterTurn | None) -> dict[str, Any]:
    """Why there is nothing to compare: the system's answer is missing, or the baseline's."""
    sides: list[tuple[PreferenceStatus, Completion | LaterTurn | None]]
    sides = [("no_completion", system), ("no_baseline", baseline)]
    status, side = next((pair for pair in sides if pair[1] is None or pair[1].answer is None), ("no_completion", None))
    reason = None if side is None else side.reason
    return {"status": status, "reason": reason or "there is no such answer, or none to the message before"}
