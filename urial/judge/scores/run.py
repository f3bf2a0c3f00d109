"""Judges every completion of one system."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from urial.api.servers import public_address
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.core.store import atomic_write, require_same_ids
from urial.judge.local.judge import TransformersBackend
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import JudgeSettings, ModelJudge
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Case, Judge
from urial.judge.scores.thinking import split_thinking
from urial.judge.server.batch import BatchBackend
from urial.judge.server.capabilities import ServerCapabilities, recorded_capabilities
from urial.judge.server.openai_judge import OpenAIBackend
from urial.records.base import Hash
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import JudgeIdentity, Judgment, ScoreStatus, Verdict
from urial.records.plans import JudgePlan, OpenAIPlan, RulesPlan, TransformersPlan


def make_judge(plan: JudgePlan, cache: RowCache) -> Judge:
    """The planned judge; a judge model keeps its replies in the row cache as they come."""
    planned = plan.judge
    if isinstance(planned, RulesPlan):
        return RulesJudge(planned.microworld_seed)
    settings = judge_settings(planned)
    if isinstance(planned, TransformersPlan):
        return ModelJudge(TransformersBackend(planned), settings, cache, Ledger())
    ledger = Ledger(planned.price, planned.judge.budget, planned.judge.batch)
    direct = OpenAIBackend(planned.judge, cache, ledger)
    return ModelJudge(BatchBackend(direct) if planned.judge.batch else direct, settings, cache, ledger)


def judge_settings(planned: OpenAIPlan | TransformersPlan) -> JudgeSettings:
    """What the planned judge model is asked, and how often."""
    # Greedy decoding would say the same again.
    max_reasks = planned.judge.max_reasks if isinstance(planned, OpenAIPlan) else 0
    return JudgeSettings(planned.rubrics, max_reasks, planned.judge.max_characters)


def max_characters(plan: JudgePlan) -> int | None:
    """How much of an answer the planned judge is shown; None: all of it."""
    return None if isinstance(plan.judge, RulesPlan) else plan.judge.judge.max_characters


@dataclass(frozen=True)
class _JudgedAnswer:
    """One completion as the judge sees it, and what it does not see."""

    completion: Completion
    # None: there is no answer.
    case: Case | None = None
    thinking: str | None = None
    shown_characters: int | None = None
    words: int | None = None


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
    answers = [_judged_answer(*row, most) for row in zip(instructions, completions, strict=True)]
    identity = judge.identity
    cases = {verdict_key(identity, row.case): row.case for row in answers if row.case is not None}
    keys = list(cases)
    verdicts = {keys[index]: verdict for index, verdict in judge.verdicts(list(cases.values()))}
    return [_judgment(identity, row, verdicts) for row in answers]


def cases_of(
    instructions: Sequence[Instruction], completions: Sequence[Completion], most: int | None = None
) -> list[Case]:
    """What a judge is to see of the completions that there are, each case once."""
    answers = [_judged_answer(*row, most) for row in zip(instructions, completions, strict=True)]
    cases = [row.case for row in answers if row.case is not None]
    return list({content_hash(_what_is_judged(case)): case for case in cases}.values())


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
    capabilities = recorded_capabilities(settings, public_address(settings.server), cache)
    if capabilities is None:
        if settings.response_format == "auto":
            raise UrialError(
                f"judge {plan.name!r}: how the form of a reply is asked for is found out by asking the server",
                fix=f"set judges.{plan.name}.response_format in params.yaml, for example to json_schema",
            )
        form = settings.response_format
        capabilities = ServerCapabilities(response_format=form, model=None, tokens_field="max_tokens")
        print("the server was never asked: it is taken to know max_tokens, which reasoning models do not", flush=True)
    backend = OpenAIBackend(settings, cache, Ledger(), capabilities)
    judge = ModelJudge(backend, judge_settings(plan.judge), cache, Ledger())
    asked = judge.questions(cases_of(instructions, completions, settings.max_characters))
    with atomic_write(out) as stream:
        stream.writelines(BatchBackend(backend).request_lines([item.question for item in asked]))
    return len(asked)


def verdict_key(judge: JudgeIdentity, case: Case) -> Hash:
    """Content address of a verdict: everything that can change it."""
    return content_hash({"row": "verdict", "judge": judge.model_dump(mode="json"), **_what_is_judged(case)})


def _what_is_judged(case: Case) -> dict[str, object]:
    return {
        "instruction": case.instruction.model_dump(mode="json", include={"turns", "category", "reference", "source"}),
        "answer": case.text,
        "cut_off": case.cut_off,
        "shown_of": case.shown_of,
    }


def _judged_answer(instruction: Instruction, completion: Completion, most: int | None) -> _JudgedAnswer:
    if completion.answer is None:
        return _JudgedAnswer(completion)
    thinking, text = split_thinking(completion.answer.text)
    longer = most is not None and len(text) > most
    case = Case(
        instruction,
        text=text[:most] if longer else text,
        cut_off=completion.answer.finish == "length",
        shown_of=len(text) if longer else None,
    )
    return _JudgedAnswer(completion, case, thinking, most if longer else None, words=len(text.split()))


def _judgment(judge: JudgeIdentity, judged: _JudgedAnswer, verdicts: dict[Hash, Verdict]) -> Judgment:
    key = None if judged.case is None else verdict_key(judge, judged.case)
    verdict = None if key is None else verdicts[key]
    status: Literal[ScoreStatus, "no_completion"]
    if verdict is None:
        status, reason = "no_completion", judged.completion.reason
    elif any(item.status == "scored" for item in verdict.scores):
        status, reason = "scored", None
    else:
        status, reason = verdict.scores[0].status, verdict.scores[0].rationale or "the judge gives no reason"
    return Judgment(
        instruction_id=judged.completion.instruction_id,
        system=judged.completion.system,
        status=status,
        reason=reason,
        scores=verdict.scores if verdict else (),
        judge=judge,
        key=key,
        words=judged.words,
        shown_characters=judged.shown_characters,
        answer_thinking=judged.thinking,
        replies=verdict.replies if verdict else (),
    )
