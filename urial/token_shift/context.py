"""Measures the aligned answers under one base context and says which answers could not be measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urial.engines.loading import context_length, encode, end_tokens, load_model, load_tokenizer, read_manifest
from urial.engines.text import answer_text, token_spans
from urial.plans import TokenShiftPlan
from urial.progress import progress
from urial.records import AssembledPrompt, Completion, Instruction, ShiftCoverage
from urial.store import require_same_ids
from urial.token_shift.measure import ForcedAnswer, ShiftMeter, require_same_tokens
from urial.token_shift.style import token_kinds
from urial.token_shift.table import AnswerTokens, in_groups, shift_table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ShiftInputs:
    """What one context is measured from; the prompts are in the order of the instructions."""

    instructions: Sequence[Instruction]
    completions: Sequence[Completion]
    aligned_prompts: Sequence[AssembledPrompt]
    base_prompts: Sequence[AssembledPrompt]


def measure_context(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path]
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """Row groups of the measurement, and one coverage row an instruction. ``folders`` has base and aligned.

    Where one of the two is behind a server, nothing can be measured, and every answer's coverage says so.
    """
    ids = [row.id for row in inputs.instructions]
    for name in ("completions", "aligned_prompts", "base_prompts"):
        require_same_ids(name.replace("_", " "), [row.instruction_id for row in getattr(inputs, name)], ids)
    served = _served(folders)
    context = context_length(folders["base"]) if served is None else None
    coverage = [_covered(*rows, served, context) for rows in zip(inputs.completions, inputs.base_prompts, strict=True)]
    measured = [index for index, row in enumerate(coverage) if row.status == "measured"]
    return in_groups(_tables(plan, inputs, measured, folders)) if served is None else iter(()), coverage


def _served(folders: Mapping[str, Path]) -> str | None:
    """Why the pair cannot be measured; None when both models are loaded here."""
    for role in ("base", "aligned"):
        if read_manifest(folders[role]).server is not None:
            return f"the {role} model is behind a server, which gives neither token ids nor full distributions"
    return None


def _covered(completion: Completion, prompt: AssembledPrompt, served: str | None, context: int | None) -> ShiftCoverage:
    status, reason, positions = "measured", None, len(_token_ids(completion))
    if completion.answer is None:
        status, reason = "no_answer", completion.reason
    elif served is not None or completion.answer.token_ids is None:
        status, reason, positions = "served", served or "the answer came without token ids", 0
    elif context is not None and prompt.n_tokens is not None and prompt.n_tokens + positions > context:
        total = prompt.n_tokens + positions
        status, positions = "too_long", 0
        reason = f"base prompt and answer have {total:,} tokens, but the base model's context has {context:,}"
    return ShiftCoverage.model_validate(
        {
            "instruction_id": completion.instruction_id,
            "context": prompt.system,
            "status": status,
            "reason": reason,
            "positions": positions,
        }
    )


def _tables(
    plan: TokenShiftPlan, inputs: ShiftInputs, measured: Sequence[int], folders: Mapping[str, Path]
) -> Iterator["pa.Table"]:
    """One table an answer, in the order of the instructions."""
    base_tokenizer, aligned_tokenizer = load_tokenizer(folders["base"]), load_tokenizer(folders["aligned"])
    answers = [_forced(inputs, index, base_tokenizer, aligned_tokenizer) for index in measured]
    require_same_tokens(base_tokenizer, aligned_tokenizer, {token for answer in answers for token in answer.ids})
    base, aligned = (load_model(folders[role], plan.threads) for role in ("base", "aligned"))
    meter = ShiftMeter(base, aligned, plan.token_shift.top_k, plan.token_shift.memory_mib)
    context = inputs.base_prompts[0].system if inputs.base_prompts else "token_shift"
    arrays = dict(progress(meter.measure(answers), len(answers), context))
    end_ids = end_tokens(aligned, aligned_tokenizer)
    for number, index in enumerate(measured):
        answer = answers[number]
        kinds = _kinds(plan, inputs.instructions[index], aligned_tokenizer, answer)
        tokens = AnswerTokens(inputs.instructions[index].id, answer.ids, end_ids, kinds)
        yield shift_table(tokens, arrays.pop(number), aligned_tokenizer)


def _forced(inputs: ShiftInputs, index: int, base_tokenizer: Any, aligned_tokenizer: Any) -> ForcedAnswer:
    base, aligned = inputs.base_prompts[index], inputs.aligned_prompts[index]
    return ForcedAnswer(
        base_prompt=encode(base_tokenizer, base.text, base.adds_special_tokens),
        aligned_prompt=encode(aligned_tokenizer, aligned.text, aligned.adds_special_tokens),
        ids=_token_ids(inputs.completions[index]),
    )


def _token_ids(completion: Completion) -> tuple[int, ...]:
    return (completion.answer and completion.answer.token_ids) or ()


def _kinds(
    plan: TokenShiftPlan, instruction: Instruction, tokenizer: Any, answer: ForcedAnswer
) -> Sequence[str | None]:
    if plan.microworld_seed is None:
        return [None] * len(answer.ids)  # without decoding every answer token by token
    text = answer_text(tokenizer, answer.aligned_prompt, answer.ids)
    spans = token_spans(tokenizer, answer.aligned_prompt, answer.ids)
    return token_kinds(plan.microworld_seed, instruction.source, text, spans)
