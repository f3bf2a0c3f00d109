"""Assembles the exact prompt of one system for every instruction."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from urial.core.errors import UrialError
from urial.core.hashing import canonical_json
from urial.core.text import counted, counted_between
from urial.local_models.loading.chat_templates import require_no_chance
from urial.local_models.loading.loading import (
    chat_text,
    context_length,
    encode,
    load_tokenizer,
    location,
    no_room,
    spelled_special_token,
)
from urial.prompts.versions.library import PROMPTS_DIR
from urial.prompts.versions.rendering import Rendered, render, with_examples
from urial.prompts.versions.retrieval import open_retriever
from urial.records.base import DAY
from urial.records.completion import AssembledPrompt
from urial.records.instruction import Instruction
from urial.records.model import ServerReference
from urial.records.plans import SystemPlan
from urial.records.prompt import Dense

NO_ROOM_FIX = "lower decoding.max_new_tokens, choose a shorter prompt, or set generation.on_context_overflow to record"


def leave_torch_out(plan: SystemPlan, model_folder: Path) -> None:
    """Let transformers run without torch in this process, as it does where torch is not installed.

    Tokenizers and configurations need none, and importing it takes three times as long as all else that assembling does.
    It stays where code of the model's author or a model that retrieves examples may need it, and where it is imported
    already, as after a GGUF file is unpacked.
    """
    dense = plan.prompt and plan.prompt.retrieval and isinstance(plan.prompt.retrieval.retriever, Dense)
    if not plan.files_are_here or dense or location(model_folder)[1]["trust_remote_code"]:
        return
    if "torch" not in sys.modules and "transformers" not in sys.modules:
        # Python's own way to say that a module is not there.
        cast(Any, sys.modules)["torch"] = None
        # transformers would say that there is no torch.
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")


def assemble(
    plan: SystemPlan, instructions: Sequence[Instruction], model_folder: Path, prompts_dir: Path = PROMPTS_DIR
) -> list[AssembledPrompt]:
    """The prompt of each instruction's first turn, in their order.

    An instruction that spells a special token (``<eos>``, ``<|assistant|>``) has it as ordinary characters in a prompt
    version. A chat template lets it be that token, as everywhere in transformers, and the row is flagged. Which texts
    are special tokens and how long a prompt is, of a model on a server, only the server knows.

    Raises UrialError when a prompt leaves no room for the answer, unless the plan says to record such rows.
    """
    assembler = Assembler(plan, model_folder, prompts_dir)
    rows = []
    for instruction in instructions:
        # What a later turn needs at least is known before anything is generated.
        turns = [assembler.prompt(instruction, [""] * turn) for turn in range(len(instruction.turns))]
        for number, prompt in enumerate(turns, start=1):
            assembler.require_room(prompt, number)
        rows.append(turns[0])
    lengths = [row.n_tokens for row in rows if row.n_tokens is not None]
    if lengths:
        context = "of any length" if assembler.context is None else f"of {assembler.context:,} tokens"
        print(
            f"{plan.system}: {counted(len(rows), 'prompt')} of {counted_between(min(lengths), max(lengths), 'token')}, in a context {context}"
        )
    elif isinstance(plan.server, ServerReference):
        print(
            f"{plan.system}: {counted(len(rows), 'prompt')}, whose tokens only the server of {plan.server.model} can count"
        )
    return rows


class Assembler:
    """Makes one system's prompts, with the tokenizer of its model and the pool of its examples, if it has one."""

    def __init__(self, plan: SystemPlan, model_folder: Path, prompts_dir: Path = PROMPTS_DIR) -> None:
        self.plan = plan
        # None: the model is on a server, and its tokenizer is not known.
        self.tokenizer = load_tokenizer(model_folder, plan.date or DAY) if plan.files_are_here else None
        self.context = context_length(model_folder) if plan.files_are_here else None
        template = self.tokenizer.chat_template if self.tokenizer and plan.prompt is None else None
        if isinstance(template, str):
            require_no_chance(template, f"system {plan.system!r}")
        retrieval = plan.prompt.retrieval if plan.prompt else None
        self.retriever = open_retriever(retrieval, prompts_dir / retrieval.pool) if retrieval else None

    def prompt(self, instruction: Instruction, answers: Sequence[str] = ()) -> AssembledPrompt:
        """The prompt of the turn that follows ``answers``, the system's own answers to the earlier turns.

        Examples are retrieved for the first turn, and stay for the later ones.
        """
        history = list(zip(instruction.turns, answers, strict=False))
        query = instruction.turns[len(answers)]
        chosen = self.retriever.choose(instruction.turns[0], instruction.turns[1:]) if self.retriever else None
        if self.plan.prompt is None:
            rendered = self._in_chat([*history, (query, None)])
        else:
            prompt = with_examples(self.plan.prompt, chosen.examples) if chosen else self.plan.prompt
            rendered = render(prompt, query, history)
        # A chat template writes the special tokens itself; adding them again would double BOS.
        adds_special_tokens = self.plan.prompt is not None
        served = self.tokenizer is None
        return AssembledPrompt(
            instruction_id=instruction.id,
            system=self.plan.system,
            text=rendered.text,
            form="messages" if served and self.plan.prompt is None else "text",
            adds_special_tokens=adds_special_tokens,
            stop=rendered.stop,
            n_tokens=None if served else len(encode(self.tokenizer, rendered.text, adds_special_tokens)),
            retrieved=chosen.lines if chosen else (),
            flag=rendered.flag,
        )

    def require_room(self, prompt: AssembledPrompt, turn: int) -> None:
        """Raises UrialError when a turn's prompt leaves no room for its answer, unless the plan records such rows."""
        reason = too_long(prompt, self.context, self.plan.decoding.max_new_tokens)
        if reason and self.plan.generation.on_context_overflow == "error":
            where = f", turn {turn}" if turn > 1 else ""
            raise UrialError(
                f"system {self.plan.system!r}, instruction {prompt.instruction_id!r}{where}: {reason}",
                fix=NO_ROOM_FIX,
            )

    def _in_chat(self, turns: Sequence[tuple[str, str | None]]) -> Rendered:
        """The turns as the chat template lays them out, or, for a server, as messages; the last has no answer yet."""
        messages = [
            {"role": role, "content": text}
            for turn in turns
            for role, text in zip(("user", "assistant"), turn, strict=True)
            if text is not None
        ]
        if self.tokenizer is None:
            return Rendered(canonical_json(messages).decode("utf-8"), (), None)
        try:
            text = chat_text(self.tokenizer, messages, self.plan.thinks)
        except UrialError as error:
            raise error.about(f"system {self.plan.system!r}") from error
        texts = [message["content"] for message in messages]
        special = spelled_special_token(self.tokenizer, [texts[-1], *texts[:-1]])
        return Rendered(text, (), special and f"the query or the history spells the special token {special!r}")


def too_long(prompt: AssembledPrompt, context: int | None, max_new_tokens: int) -> str | None:
    """Why the prompt leaves no room for an answer of ``max_new_tokens``; None when it does, or its length is unknown."""
    return None if prompt.n_tokens is None else no_room(prompt.n_tokens, max_new_tokens, context)
