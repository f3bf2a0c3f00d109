"""Assembles the exact prompt of one system for every instruction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urial.engines.loading import context_length, encode, load_tokenizer
from urial.errors import UrialError, shorten
from urial.plans import SystemPlan
from urial.prompts import render, stop_strings
from urial.records import AssembledPrompt, Instruction


def assemble(plan: SystemPlan, instructions: Sequence[Instruction], model_folder: Path) -> list[AssembledPrompt]:
    """One prompt an instruction, in their order.

    An instruction that spells a special token (``<eos>``, ``<|assistant|>``) is read as that token, as everywhere in
    transformers: an instruction set is trusted as much as a prompt version. Answers are never encoded again.

    Raises UrialError when a prompt leaves no room for the answer, unless the plan says to record such rows.
    """
    tokenizer = load_tokenizer(model_folder)
    context = context_length(model_folder)
    rows = [_assemble_one(plan, instruction, tokenizer) for instruction in instructions]
    if plan.generation.too_long == "error":
        for row in rows:
            if reason := too_long(row, context, plan.decoding.max_new_tokens):
                raise UrialError(
                    f"system {plan.system!r}, instruction {row.instruction_id!r}: {reason}",
                    fix="lower decoding.max_new_tokens, choose a shorter prompt, or set generation.too_long to record",
                )
    return rows


def too_long(prompt: AssembledPrompt, context: int | None, max_new_tokens: int) -> str | None:
    """Why the prompt leaves no room for an answer of ``max_new_tokens``; None when it does."""
    if context is None or prompt.n_tokens + max_new_tokens <= context:
        return None
    return (
        f"the prompt has {prompt.n_tokens:,} tokens and the answer may have {max_new_tokens:,}, "
        f"but the model's context has {context:,}"
    )


def _from_template(tokenizer: Any, messages: list[dict[str, str]], system: str) -> str:
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # a template is a program of the model's author and can fail in any way
        raise UrialError(
            f"system {system!r}: the tokenizer's chat template failed: {shorten(str(error), 200)}",
            fix="use an aligned model whose tokenizer has a working chat template",
        ) from error


def _assemble_one(plan: SystemPlan, instruction: Instruction, tokenizer: Any) -> AssembledPrompt:
    query = instruction.turns[0]
    if plan.prompt is None:
        message = [{"role": "user", "content": query}]
        text = _from_template(tokenizer, message, plan.system)
        stop: tuple[str, ...] = ()
    else:
        text, stop = render(plan.prompt, query), stop_strings(plan.prompt)
    # A chat template writes the special tokens itself; adding them again would double BOS.
    adds_special_tokens = plan.prompt is not None
    return AssembledPrompt(
        instruction_id=instruction.id,
        system=plan.system,
        text=text,
        adds_special_tokens=adds_special_tokens,
        stop=stop,
        n_tokens=len(encode(tokenizer, text, adds_special_tokens)),
    )
