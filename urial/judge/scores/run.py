"""Judges every completion of one system."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.core.store import require_same_ids
from urial.judge.model.backends import make_backend
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import ModelJudge
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Case, Judge, turn_cases
from urial.judge.server.dry_run import unasked_backend, write_request_file
from urial.records.base import Hash
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Judgment, JudgmentStatus, LaterJudgment, Verdict
from urial.records.plans import JudgePlan, OpenAIPlan, RulesPlan
from urial.run.paths import COMPLETIONS, JUDGE_PLAN
from urial.run.reader import RunReader


def make_judge(plan: JudgePlan, cache: RowCache) -> Judge | None:
    """The planned judge, if the run has one; a judge model keeps its replies in the row cache as they come."""
    planned = plan.judge
    if planned is None:
        return None
    if isinstance(planned, RulesPlan):
        return RulesJudge(planned.microworld_seed)
    backend, ledger = make_backend(planned, cache)
    return ModelJudge(backend, planned, cache, ledger)


def max_characters(plan: JudgePlan) -> int | None:
    """How much of an answer the planned judge is shown; None: all of it."""
    return None if plan.judge is None or isinstance(plan.judge, RulesPlan) else plan.judge.judge.max_characters


def judge_system(run: RunReader, system: str) -> list[Judgment]:
    """The judgments of a system of a run, whose rows are its answers; none where it is left out."""
    plan, completions = run.record(JUDGE_PLAN), run.rows(COMPLETIONS, system)
    if not completions:
        return []
    with RowCache() as cache:
        return judge_completions(make_judge(plan, cache), run.instructions, completions, max_characters(plan))


def judge_completions(
    judge: Judge | None,
    instructions: Sequence[Instruction],
    completions: Sequence[Completion],
    most: int | None = None,
) -> list[Judgment]:
    """One judgment a completion, in their order; without a judge, each says so. Equal cases are judged once.

    ``most`` is how many characters of an answer the judge is shown; None: all of them.
    """
    require_same_ids("completions", [row.instruction_id for row in completions], [row.id for row in instructions])
    cases = [turn_cases(*row, most) for row in zip(instructions, completions, strict=True)]
    if judge is None:
        return [_not_judged(completion, turns[0]) for completion, turns in zip(completions, cases, strict=True)]
    judges = [judge.identity_for(row) for row in instructions]
    keys = [
        [None if case is None else verdict_key(identity, case) for case in turns]
        for identity, turns in zip(judges, cases, strict=True)
    ]
    keyed = (pair for row in zip(keys, cases, strict=True) for pair in zip(*row, strict=True))
    different = {key: case for key, case in keyed if key is not None and case is not None}
    names = list(different)
    try:
        verdicts = {names[index]: verdict for index, verdict in judge.verdicts(list(different.values()))}
    except UrialError as error:
        raise error.about(f"system {completions[0].system!r}") from error
    rows = []
    for identity, completion, own_cases, own_keys in zip(judges, completions, cases, keys, strict=True):
        first, *later = (
            _turn(completion, turn, case, key, None if key is None else verdicts[key])
            for turn, (case, key) in enumerate(zip(own_cases, own_keys, strict=True))
        )
        rows.append(
            Judgment(
                instruction_id=completion.instruction_id,
                system=completion.system,
                judge=identity,
                query=completion.query,
                later_turns=tuple(LaterJudgment(**turn) for turn in later),
                **first,
            )
        )
    return rows


def _turn(
    completion: Completion, turn: int, case: Case | None, key: Hash | None, verdict: Verdict | None
) -> dict[str, Any]:
    """The fields of the judgment of one turn's answer; ``turn`` 0: the first."""
    status: JudgmentStatus = "scored"
    reason = None
    if verdict is None:
        status, reason = "no_completion", _missing(completion, turn)
    elif all(item.status != "scored" for item in verdict.scores):
        status, reason = verdict.scores[0].status, verdict.scores[0].rationale or "the judge gives no reason"
    return {
        "status": status,
        "reason": reason,
        "scores": verdict.scores if verdict else (),
        "key": key,
        "words": case.words if case else None,
        "shown_characters": len(case.text) if case and case.shown_of else None,
        "answer_thinking": case.thinking if case else None,
        "replies": verdict.replies if verdict else (),
    }


def _missing(completion: Completion, turn: int) -> str:
    """Why there is no answer to judge in a turn: the row's own reason, where it has one."""
    answers = [completion, *completion.later_turns]
    if turn < len(answers) and answers[turn].reason:
        return str(answers[turn].reason)
    unanswered = next((number for number, row in enumerate(answers) if row.answer is None), len(answers))
    return f"turn {unanswered + 1} has no answer"


def _not_judged(completion: Completion, case: Case | None) -> Judgment:
    """What stands for a judgment where the run has no judge: the length of the answer, which needs none, is told."""
    return Judgment(
        instruction_id=completion.instruction_id,
        system=completion.system,
        status="not_judged",
        reason="the run has no judge",
        scores=(),
        judge=None,
        key=None,
        words=case.words if case else None,
        answer_thinking=case.thinking if case else None,
    )


def cases_of(
    instructions: Sequence[Instruction], completions: Sequence[Completion], most: int | None = None
) -> list[Case]:
    """What a judge is to see of the answers that there are, of every turn, each case once."""
    cases = (case for row in zip(instructions, completions, strict=True) for case in turn_cases(*row, most))
    return list({content_hash(_what_is_judged(case)): case for case in cases if case is not None}.values())


def write_requests(
    plan: JudgePlan,
    instructions: Sequence[Instruction],
    completions: Sequence[Completion],
    cache: RowCache,
    out: Path,
) -> int:
    """Write the request file that the batch API would be sent, and send nothing; returns the number of requests."""
    if not isinstance(plan.judge, OpenAIPlan):
        raise UrialError(f"judge {plan.name!r} asks no server", fix="name a judge of the kind openai")
    backend = unasked_backend(plan.judge.judge, plan.name, cache)
    judge = ModelJudge(backend, plan.judge, cache, Ledger())
    asked = judge.questions(cases_of(instructions, completions, plan.judge.judge.max_characters))
    return write_request_file(backend, asked, out)


def verdict_key(judge: JudgeIdentity, case: Case) -> Hash:
    """Content address of a verdict: everything that can change it."""
    return content_hash({"row": "verdict", "judge": judge.model_dump(mode="json"), **_what_is_judged(case)})


def _what_is_judged(case: Case) -> dict[str, object]:
    # Of a first answer there is no history, and its key is that of a row which has no other.
    before = {"history": [[turn.answer, turn.shown_of] for turn in case.history]} if case.history else {}
    return {
        "instruction": case.instruction.model_dump(mode="json", include={"turns", "category", "reference", "source"}),
        "answer": case.text,
        "cut_off": case.cut_off,
        "shown_of": case.shown_of,
        **before,
    }
