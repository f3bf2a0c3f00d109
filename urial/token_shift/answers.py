"""The aligned answers as tokens: from the recorded ids, or, where only the text is known, read once and flagged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urial.engines.loading import encode, end_tokens_of, load_model, load_tokenizer
from urial.engines.text import answer_text, token_spans
from urial.plans import TokenShiftPlan
from urial.records import AssembledPrompt, Completion, Instruction, Role
from urial.token_shift.labels import token_labels, words
from urial.token_shift.matching import Ends, MatchedAnswer, ReadAnswer, answer_ids, match_ids, match_text
from urial.token_shift.measure import Load, Settings
from urial.token_shift.style import token_kinds
from urial.token_shift.table import AnswerTokens, token_text


@dataclass(frozen=True)
class ShiftInputs:
    """What one context is measured from; the prompts are in the order of the instructions."""

    instructions: Sequence[Instruction]
    completions: Sequence[Completion]
    aligned_prompts: Sequence[AssembledPrompt]
    base_prompts: Sequence[AssembledPrompt]


class AnswerReader:
    """Reads answers with the aligned tokenizer, and matches them with what the base model reads."""

    def __init__(self, plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], base: bool) -> None:
        """``base`` says whether the base tokenizer is here too; else it is the aligned one's twin behind a server."""
        self.plan, self.inputs, self.folders = plan, inputs, folders
        self.aligned_tokenizer = load_tokenizer(folders["aligned"])
        self.base_tokenizer = load_tokenizer(folders["base"]) if base else self.aligned_tokenizer
        self.ends = Ends(
            ids=end_tokens_of(folders["aligned"], self.aligned_tokenizer),
            base_id=self.base_tokenizer.eos_token_id,
            setting=plan.token_shift.end_token,
            by_text=plan.token_shift.match == "text",
        )
        self.aligned_text, self.base_text = token_text(self.aligned_tokenizer), token_text(self.base_tokenizer)

    @property
    def settings(self) -> Settings:
        """How the models are measured."""
        shift = self.plan.token_shift
        return Settings(shift.top_k, shift.memory_mib, shift.sequential)

    def loader(self, role: Role) -> Load:
        """Loads a model when it is its turn."""
        return lambda: load_model(self.folders[role], self.plan.threads)

    def prompt(self, role: Role, index: int) -> list[int]:
        """The ids of the prompt that precedes an answer for a model."""
        prompts = self.inputs.base_prompts if role == "base" else self.inputs.aligned_prompts
        tokenizer = self.base_tokenizer if role == "base" else self.aligned_tokenizer
        return encode(tokenizer, prompts[index].text, prompts[index].adds_special_tokens)

    def match(self, index: int) -> MatchedAnswer | None:
        """The tokens of an answer and which are compared; None where there is no answer."""
        if self.inputs.completions[index].answer is None:
            return None
        if not self.ends.by_text:
            ids, retokenised = self._ids(index)
            return match_ids(ids, self.ends, retokenised)
        prompt = self.inputs.base_prompts[index]
        return match_text(self.base_tokenizer, prompt, self.prompt("base", index), self._read(index), self.ends)

    def tokens(self, index: int) -> AnswerTokens:
        """What the table says of an answer besides its measurement."""
        read, instruction = self._read(index), self.inputs.instructions[index]
        last = len(read.ids) - 1
        is_end = [place == last and token in self.ends.ids for place, token in enumerate(read.ids)]
        return AnswerTokens(
            instruction_id=instruction.id,
            ids=read.ids,
            texts=[self.aligned_text(token) for token in read.ids],
            words=words(read.text, read.spans, is_end),
            is_end=is_end,
            labels=token_labels(read.text, read.spans, is_end),
            kinds=token_kinds(self.plan.microworld_seed, instruction.source, read.text, read.spans),
        )

    def _read(self, index: int) -> ReadAnswer:
        prompt_ids = self.prompt("aligned", index)
        ids, retokenised = self._ids(index)
        text = answer_text(self.aligned_tokenizer, prompt_ids, ids)
        return ReadAnswer(ids, text, token_spans(self.aligned_tokenizer, prompt_ids, ids), retokenised)

    def _ids(self, index: int) -> tuple[tuple[int, ...], bool]:
        answer: Any = self.inputs.completions[index].answer
        if answer.token_ids is not None:
            return answer.token_ids, False
        prompt = self.inputs.aligned_prompts[index]
        ids = answer_ids(self.aligned_tokenizer, prompt, self.prompt("aligned", index), answer.text)
        end = self.aligned_tokenizer.eos_token_id
        return ((*ids, end) if answer.finish == "end_token" and end is not None else ids), True
