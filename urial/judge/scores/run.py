"""Judges every completion of one system."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from urial.api.servers import public_address
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.core.store import atomic_write, require_same_ids
from urial.judge.local.judge import TransformersBackend
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import Asking, ModelJudge
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Case, Judge
from urial.judge.scores.thinking import split_thinking
from urial.judge.server.batch import BatchBackend
from urial.judge.server.capabilities import ServerFacts, recorded_facts
from urial.judge.server.openai_judge import OpenAIBackend
from urial.records.base import Hash
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment, Verdict
from urial.records.plans import JudgePlan, OpenAIPlan, RulesPlan, TransformersPlan


def make_judge(plan: JudgePlan, cache: RowCache) -> Judge:
    """The planned judge; a judge model keeps its replies in the row cache as they come."""
    planned = plan.judge
    if isinstance(planned, RulesPlan):
        return RulesJudge(planned.microworld_seed)
    if isinstance(planned, TransformersPlan):
        # Greedy decoding would say the same again.
        return ModelJudge(TransformersBackend(planned), _asking(planned, 0), cache, Ledger())
    ledger = Ledger(planned.price, planned.judge.budget, planned.judge.batch)
    direct = OpenAIBackend(planned.judge, cache, ledger)
    backend = BatchBackend(direct) if planned.judge.batch else direct
    return ModelJudge(backend, _asking(planned, planned.judge.re_asks), cache, ledger)


def _asking(planned: OpenAIPlan | TransformersPlan, re_asks: int) -> Asking:
    return Asking(planned.rubrics, re_asks, planned.judge.max_characters)


def max_characters(plan: JudgePlan) -> int | None:
    """How much of an answer the planned judge is shown; None: all of it."""
    return None if isinstance(plan.judge, RulesPlan) else plan.judge.judge.max_characters


@dataclass(frozen=True)
class _Shown:
    """One completion as the judge sees it, and what it does not see."""

    completion: Completion
    case: Case | None
    thinking: str | None
    shown_characters: int | None


def judge_completions(
    judge: Judge,
    instructions: Sequence[Instruction],
    completions: Sequence[Completion],
    most: int | None = None,
) -> list[Judgment]:
    """One judgment a completion, in their order. Equal cases are judged once.

    ``most`` is how many characters of an answer the judge is shown; None: all of them.
    """
    require_same_ids("completions", [row.instruction_id for row in completions], [row.id for row in instructions])
    shown = [_show(*row, most) for row in zip(instructions, completions, strict=True)]
    cases = {verdict_key(judge.identity, row.case): row.case for row in shown if row.case is not None}
    keys = list(cases)
    verdicts = {keys[index]: verdict for index, verdict in judge.verdicts(list(cases.values()))}
    return [_judgment(judge.identity, row, verdicts) for row in shown]


def cases_of(
    instructions: Sequence[Instruction], completions: Sequence[Completion], most: int | None = None
) -> list[Case]:
    """What a judge is to see of the completions that there are, each case once."""
    shown = [_show(*row, most) for row in zip(instructions, completions, strict=True)]
    return list({verdict_key("", row.case): row.case for row in shown if row.case is not None}.values())


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
    settings = plan.judge.judge
    facts = recorded_facts(settings, public_address(settings.server), cache)
    if facts is None:
        if settings.reply == "auto":
            raise UrialError(
                f"judge {plan.name!r}: how the form of a reply is asked for is found out by asking the server",
                fix=f"set judges.{plan.name}.reply in params.yaml, for example to json_schema",
            )
        facts = ServerFacts(reply=settings.reply, model=None, tokens_field="max_tokens")
        print("the server was never asked: it is taken to know max_tokens, which reasoning models do not", flush=True)
    backend = OpenAIBackend(settings, cache, Ledger(), facts)
    judge = ModelJudge(backend, _asking(plan.judge, settings.re_asks), cache, Ledger())
    asked = judge.questions(cases_of(instructions, completions, settings.max_characters))
    with atomic_write(out) as stream:
        stream.writelines(BatchBackend(backend).request_lines([item.question for item in asked]))
    return len(asked)


def verdict_key(identity: str, case: Case) -> Hash:
    """Content address of a verdict: everything that can change it."""
    include = {"turns", "category", "reference", "source"}
    return content_hash(
        {
            "row": "verdict",
            "judge": identity,
            "instruction": case.instruction.model_dump(mode="json", include=include),
            "answer": case.text,
            "cut_off": case.cut_off,
            "shown_of": case.shown_of,
        }
    )


def _show(instruction: Instruction, completion: Completion, most: int | None) -> _Shown:
    if completion.answer is None:
        return _Shown(completion, None, None, None)
    thinking, text = split_thinking(completion.answer.text)
    longer = most is not None and len(text) > most
    cut_off = completion.answer.finish == "length"
    case = Case(instruction, text[:most] if longer else text, cut_off, len(text) if longer else None)
    return _Shown(completion, case, thinking, most if longer else None)


def _judgment(identity: str, shown: _Shown, verdicts: dict[Hash, Verdict]) -> Judgment:
    completion = shown.completion
    if shown.case is None or completion.answer is None:
        return Judgment(
            instruction_id=completion.instruction_id,
            system=completion.system,
            status="no_completion",
            reason=completion.reason,
            scores=(),
            judge=identity,
            key=None,
        )
    key = verdict_key(identity, shown.case)
    scores = verdicts[key].scores
    scored = any(item.status == "scored" for item in scores)
    return Judgment(
        instruction_id=completion.instruction_id,
        system=completion.system,
        status="scored" if scored else scores[0].status,
        reason=None if scored else scores[0].rationale or "the judge gives no reason",
        scores=scores,
        judge=identity,
        key=key,
        words=len(split_thinking(completion.answer.text)[1].split()),
        shown_characters=shown.shown_characters,
        answer_thinking=shown.thinking,
        replies=verdicts[key].replies,
    )
