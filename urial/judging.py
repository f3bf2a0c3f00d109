"""Judges every completion of one system, computing only what the row cache does not have."""

from collections.abc import Sequence

from urial.hashing import content_hash
from urial.judges import Judge
from urial.judges.rules import RulesJudge
from urial.plans import JudgePlan
from urial.progress import progress
from urial.records import Answer, Completion, Hash, Instruction, Judgment, Verdict
from urial.rowcache import RowCache
from urial.store import require_same_ids


def make_judge(plan: JudgePlan) -> Judge:
    """The planned judge."""
    return RulesJudge(plan.microworld_seed)


def judge_completions(
    judge: Judge, instructions: Sequence[Instruction], completions: Sequence[Completion], cache: RowCache
) -> list[Judgment]:
    """One judgment a completion, in their order. Finished rows are in the cache at once."""
    require_same_ids("completions", [row.instruction_id for row in completions], [row.id for row in instructions])
    rows = list(zip(instructions, completions, strict=True))
    keyed = {
        verdict_key(judge, instruction, completion.answer): (instruction, completion.answer)
        for instruction, completion in rows
        if completion.answer is not None
    }
    verdicts = cache.get(keyed, Verdict)
    wanted = [key for key in keyed if key not in verdicts]
    system = completions[0].system if completions else "judge"
    print(f"{system}: {len(verdicts)} verdicts from the row cache, {len(wanted)} to compute", flush=True)
    for key in progress(wanted, len(wanted), system):
        verdicts[key] = judge.judge(*keyed[key])
        cache.put(key, verdicts[key])
    return [_judgment(judge, instruction, completion, verdicts) for instruction, completion in rows]


def verdict_key(judge: Judge, instruction: Instruction, answer: Answer) -> Hash:
    """Content address of a verdict: everything that can change it, and nothing else."""
    return content_hash(
        {
            "row": "verdict",
            "judge": judge.identity,
            "instruction": instruction.model_dump(mode="json", include={"turns", "category", "reference", "source"}),
            "answer": answer.text,
            "finish": answer.finish,
        }
    )


def _judgment(
    judge: Judge, instruction: Instruction, completion: Completion, verdicts: dict[Hash, Verdict]
) -> Judgment:
    if completion.answer is None:
        return Judgment(
            instruction_id=completion.instruction_id,
            system=completion.system,
            status="no_completion",
            reason=completion.reason,
            scores=(),
            judge=judge.identity,
            key=None,
        )
    key = verdict_key(judge, instruction, completion.answer)
    scores = verdicts[key].scores
    scored = any(item.score is not None for item in scores)
    return Judgment(
        instruction_id=completion.instruction_id,
        system=completion.system,
        status="scored" if scored else "not_applicable",
        reason=None if scored else scores[0].rationale,
        scores=scores,
        judge=judge.identity,
        key=key,
    )
