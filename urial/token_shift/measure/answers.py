"""The aligned answers as tokens: from the recorded ids, or, where only the text is known, read once and flagged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.core.text import shared_length
from urial.local_models.decoding.answer_text import answer_text, token_spans
from urial.local_models.loading.loading import encode, end_tokens_of, load_model, load_tokenizer
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Role
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.plans import TokenShiftPlan
from urial.run.paths import COMPLETIONS, PROMPTS
from urial.run.reader import RunReader
from urial.token_shift.measure.chunks import Settings
from urial.token_shift.measure.labels import token_labels, words
from urial.token_shift.measure.matching import Ends, MatchedAnswer, ReadAnswer, answer_ids, match_ids, match_text
from urial.token_shift.measure.measure import Load
from urial.token_shift.measure.states import Forced
from urial.token_shift.measure.style import token_kinds
from urial.token_shift.measure.table import AnswerTokens, token_text
from urial.token_shift.measure.vocabulary import require_known_ids, require_vocabulary, vocabulary

Ids = tuple[int, ...]
_OTHER_ANSWERS = "measure answers that this aligned model gave, with the tokenizer that belongs to it"


@dataclass(frozen=True)
class ShiftInputs:
    """What one context is measured from; the prompts are in the order of the instructions."""

    instructions: Sequence[Instruction]
    completions: Sequence[Completion]
    aligned_prompts: Sequence[AssembledPrompt]
    base_prompts: Sequence[AssembledPrompt]

    @classmethod
    def read(cls, run: RunReader, answers: str, base_system: str) -> "ShiftInputs":
        """Of a run: ``answers`` is the system whose answers are measured. Raises UrialError for a row that is none."""
        return cls(
            instructions=run.instructions,
            completions=run.ordered_rows(COMPLETIONS, answers),
            aligned_prompts=run.ordered_rows(PROMPTS, answers),
            base_prompts=run.ordered_rows(PROMPTS, base_system),
        )


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
            setting=plan.token_shift.eos,
            by_text=plan.token_shift.align_by == "text",
        )
        self.aligned_text, self.base_text = token_text(self.aligned_tokenizer), token_text(self.base_tokenizer)
        # What is asked for several times; measuring holds all of it anyway.
        self._prompts: dict[tuple[Role, int], Ids] = {}
        self._answers: dict[int, tuple[Ids, bool]] = {}

    @property
    def settings(self) -> Settings:
        """How the models are measured."""
        shift = self.plan.token_shift
        return Settings(shift.top_k, shift.memory_mib, shift.sequential)

    def loader(self, role: Role) -> Load:
        """Loads a model when it is its turn."""

        def load() -> Any:
            model = load_model(self.folders[role], self.plan.threads)
            require_vocabulary(model, role, vocabulary(self.folders[role]))
            return model

        return load

    def vocabulary(self, role: Role) -> int:
        """The tokens over which a model's distributions are: of a base model that is compared by ids, the shared ones."""
        return min(vocabulary(self.folders[name]) for name in (("base", "aligned") if self._shares(role) else (role,)))

    @cached_property
    def _aligned_size(self) -> int:
        # A configuration takes longer to read than an answer.
        return vocabulary(self.folders["aligned"])

    def _shares(self, role: Role) -> bool:
        return role == "base" and not self.ends.by_text

    def prompt(self, role: Role, index: int) -> Ids:
        """The ids of the prompt that precedes an answer for a model."""
        if (role, index) not in self._prompts:
            prompt = (self.inputs.base_prompts if role == "base" else self.inputs.aligned_prompts)[index]
            tokenizer = self.base_tokenizer if role == "base" else self.aligned_tokenizer
            self._prompts[role, index] = tuple(encode(tokenizer, prompt.text, prompt.adds_special_tokens))
        return self._prompts[role, index]

    def forced(self, role: Role, answers: Mapping[int, MatchedAnswer]) -> list[Forced]:
        """Each answer behind its prompt for a model. Raises UrialError for a token that the model has not."""
        self.require_known(role, answers)
        return [Forced(self.prompt(role, index), _ids_for(role, answer)) for index, answer in answers.items()]

    def require_known(self, role: Role, answers: Mapping[int, MatchedAnswer]) -> None:
        """Raises UrialError for a token of the answers that is not among those that a model's distributions are over."""
        size, shares = self.vocabulary(role), self._shares(role)
        owner = "both models have" if shares else f"the {role} model has"
        fix = f"set token_shift.align_by to text (--align-by text), or {_OTHER_ANSWERS}" if shares else _OTHER_ANSWERS
        for index, answer in answers.items():
            require_known_ids(self.inputs.instructions[index].id, _ids_for(role, answer), size, owner, fix)

    def match(self, index: int) -> MatchedAnswer | None:
        """The tokens of an answer and which are compared; None where there is no answer."""
        if self.inputs.completions[index].answer is None:
            return None
        if not self.ends.by_text:
            ids, retokenized = self._ids(index)
            return match_ids(ids, self.ends, retokenized)
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
        ids, retokenized = self._ids(index)
        text = answer_text(self.aligned_tokenizer, prompt_ids, ids)
        spans = token_spans(self.aligned_tokenizer, prompt_ids, ids)
        return ReadAnswer(self.aligned_tokenizer, ids, text, spans, retokenized)

    def _ids(self, index: int) -> tuple[Ids, bool]:
        """The tokens of an answer, and whether they were made of its text."""
        if index not in self._answers:
            answer: Any = self.inputs.completions[index].answer
            known = answer.token_ids is not None
            if known:
                self._require_text(index, answer)
            self._answers[index] = (answer.token_ids, False) if known else (self._ids_of_text(index, answer), True)
        return self._answers[index]

    def _require_text(self, index: int, answer: Any) -> None:
        """Raises UrialError for ids that are not the answer's text: they are of another tokenizer, or of another answer."""
        name = self.inputs.instructions[index].id
        require_known_ids(name, answer.token_ids, self._aligned_size, "the aligned model has", _OTHER_ANSWERS)
        # Blanks at the ends, which some servers leave out of the text, say nothing of the tokenizer.
        text = answer.text.strip()
        found = answer_text(self.aligned_tokenizer, self.prompt("aligned", index), answer.token_ids).strip()
        if not found.startswith(text):
            same = shared_length(found, text)
            raise UrialError(
                f"instruction {name!r}: from character {same:,} on, the answer's token ids are {shorten(found[same:])} to the "
                f"aligned tokenizer, but its text is {shorten(text[same:])}",
                expected="the tokenizer that the answer was generated with",
                fix=_OTHER_ANSWERS,
            )

    def _ids_of_text(self, index: int, answer: Answer) -> Ids:
        prompt, end = self.inputs.aligned_prompts[index], self.aligned_tokenizer.eos_token_id
        ids = answer_ids(self.aligned_tokenizer, prompt, self.prompt("aligned", index), answer.text)
        return (*ids, end) if answer.finish == "end_token" and end is not None else ids


def _ids_for(role: Role, answer: MatchedAnswer) -> Ids:
    """The tokens whose prediction by a model is looked at."""
    return answer.base_ids if role == "base" else answer.kept
