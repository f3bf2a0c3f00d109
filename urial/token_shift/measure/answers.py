"""The aligned answers as tokens: from the recorded ids, or, where only the text is known, read once and flagged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from urial.core.errors import UrialError, shorten
from urial.core.text import shared_length
from urial.local_models.decoding.answer_text import answer_text, token_spans
from urial.local_models.loading.loading import encode, end_tokens_of, load_model, load_tokenizer, text_config
from urial.records.base import Role
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage
from urial.run.paths import COMPLETIONS, PROMPTS
from urial.run.reader import RunReader
from urial.token_shift.measure.chunks import Settings
from urial.token_shift.measure.matching import (
    EndTokenMap,
    MatchedAnswer,
    ReadAnswer,
    answer_ids,
    match_ids,
    match_text,
    require_known_ids,
)
from urial.token_shift.measure.measure import LocalModel
from urial.token_shift.measure.states import TeacherForced, bytes_per_token
from urial.token_shift.measure.table import AnswerTokens, answer_tokens, token_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Ids = tuple[int, ...]
_NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_OTHER_ANSWERS = "measure answers that this aligned model gave, with the tokenizer that belongs to it"


@dataclass(frozen=True)
class ShiftInputs:
    """What is measured under one base system; the prompts are in the order of the instructions."""

    instructions: Sequence[Instruction]
    completions: Sequence[Completion]
    aligned_prompts: Sequence[AssembledPrompt]
    base_prompts: Sequence[AssembledPrompt]

    @classmethod
    def read(cls, run: RunReader, answers: str, base_system: str) -> "ShiftInputs":
        """Of a run: ``answers`` is the system whose answers are measured. Raises UrialError for an invalid row."""
        return cls(
            instructions=run.instructions,
            completions=run.ordered_rows(COMPLETIONS, answers),
            aligned_prompts=run.ordered_rows(PROMPTS, answers),
            base_prompts=run.ordered_rows(PROMPTS, base_system),
        )

    def covered(self, index: int, answer: MatchedAnswer, vocabulary: int | None, unmatched: int) -> ShiftCoverage:
        """The row of a measured answer; ``vocabulary`` and ``unmatched`` as in the record."""
        return ShiftCoverage(
            instruction_id=self.instructions[index].id,
            context=self.base_prompts[index].system,
            status="measured",
            reason=None,
            positions=len(answer.pairs),
            unmatched=unmatched,
            retokenized=answer.retokenized,
            end=answer.end,
            vocabulary=vocabulary,
        )

    def unmeasured(self, index: int, status: str, reason: str) -> ShiftCoverage:
        """The row of an answer that was not measured, or of an instruction without one, which is the first reason."""
        completion = self.completions[index]
        if completion.answer is None:
            status, reason = "no_answer", completion.reason or "no answer"
        row = {"instruction_id": completion.instruction_id, "context": self.base_prompts[index].system}
        counts = {"positions": 0, "unmatched": 0, "retokenized": False, "end": "none", "vocabulary": None}
        return ShiftCoverage.model_validate({**row, "status": status, "reason": reason, **counts})


class AnswerReader:
    """Reads answers with the aligned tokenizer, and matches them with what the base model reads."""

    def __init__(self, plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], base: bool) -> None:
        """``base`` says whether the base tokenizer is here too; else it is the aligned one's twin on a server."""
        self.plan, self.inputs, self.folders = plan, inputs, folders
        self.aligned_tokenizer = load_tokenizer(folders["aligned"])
        self.base_tokenizer = load_tokenizer(folders["base"]) if base else self.aligned_tokenizer
        self.by_text = plan.token_shift.align_by == "text"
        self.end_tokens = EndTokenMap(
            ids=end_tokens_of(folders["aligned"], self.aligned_tokenizer),
            base_id=self.base_tokenizer.eos_token_id,
            eos=plan.token_shift.eos,
            by_text=self.by_text,
        )
        self.texts = {"base": token_text(self.base_tokenizer), "aligned": token_text(self.aligned_tokenizer)}
        # What is needed several times; measuring holds all of it anyway.
        self._prompts: dict[tuple[Role, int], Ids] = {}
        self._answers: dict[int, tuple[Ids, bool]] = {}

    @property
    def settings(self) -> Settings:
        """How the models are measured."""
        shift = self.plan.token_shift
        return Settings(shift.top_k, shift.memory_mib, shift.sequential)

    def model(self, role: Role) -> LocalModel:
        """A model of the pair, which is loaded when it is its turn."""
        folder, threads = self.folders[role], self.plan.threads
        source, config = read_manifest(folder).source, text_config(folder)
        if isinstance(source, ServerModel):
            raise TypeError("a model on a server is not measured here")
        loading = source.loading

        def load() -> "PreTrainedModel":
            model = load_model(folder, threads)
            require_vocabulary(model, role, int(config.vocab_size))
            return model

        # What dtype auto takes is in most configurations; where it is not, the largest format is assumed.
        number_bytes = _NUMBER_BYTES.get(loading.dtype) or int(getattr(getattr(config, "dtype", None), "itemsize", 4))
        identity: dict[str, JsonValue] = {
            "files": dict(source.files),
            "dtype": loading.dtype,
            "quantization": loading.quantization,
            "threads": threads,
        }
        return LocalModel(load, bytes_per_token(config, number_bytes), identity)

    def vocabulary(self, role: Role) -> int:
        """The tokens over which a model's distributions are: of a base model that is compared by ids, the shared ones."""
        if role == "base" and not self.by_text:
            return min(vocabulary_size(self.folders["base"]), self._aligned_vocabulary)
        return self._aligned_vocabulary if role == "aligned" else vocabulary_size(self.folders["base"])

    @cached_property
    def _aligned_vocabulary(self) -> int:
        # A configuration takes longer to read than an answer.
        return vocabulary_size(self.folders["aligned"])

    def prompt(self, role: Role, index: int) -> Ids:
        """The ids of the prompt that precedes an answer for a model."""
        if (role, index) not in self._prompts:
            prompt = (self.inputs.base_prompts if role == "base" else self.inputs.aligned_prompts)[index]
            tokenizer = self.base_tokenizer if role == "base" else self.aligned_tokenizer
            self._prompts[role, index] = tuple(encode(tokenizer, prompt.text, prompt.adds_special_tokens))
        return self._prompts[role, index]

    def teacher_forced(self, role: Role, answers: Mapping[int, MatchedAnswer]) -> list[TeacherForced]:
        """Each answer after its prompt for a model. Raises UrialError for a token that the model does not have."""
        self.require_known(role, answers)
        return [TeacherForced(self.prompt(role, index), answer.ids_for(role)) for index, answer in answers.items()]

    def require_known(self, role: Role, answers: Mapping[int, MatchedAnswer]) -> None:
        """Raises UrialError for a token of the answers that is not among those that a model's distributions are over."""
        size, shared = self.vocabulary(role), role == "base" and not self.by_text
        owner = "both models have" if shared else f"the {role} model has"
        fix = f"set token_shift.align_by to text (--align-by text), or {_OTHER_ANSWERS}" if shared else _OTHER_ANSWERS
        for index, answer in answers.items():
            require_known_ids(self.inputs.instructions[index].id, answer.ids_for(role), size, owner, fix)

    def matched(self) -> dict[int, MatchedAnswer]:
        """The answers by the index of their instruction: their tokens, and which of them are compared."""
        indices = range(len(self.inputs.instructions))
        return {index: answer for index in indices if (answer := self.match(index)) is not None}

    def match(self, index: int) -> MatchedAnswer | None:
        """The tokens of an answer and which are compared; None where there is no answer."""
        if self.inputs.completions[index].answer is None:
            return None
        if not self.by_text:
            ids, retokenized = self._ids(index)
            return match_ids(ids, self.end_tokens, retokenized)
        prompt = self.inputs.base_prompts[index]
        return match_text(self.base_tokenizer, prompt, self.prompt("base", index), self._read(index), self.end_tokens)

    def tokens(self, index: int) -> AnswerTokens:
        """What the table says of an answer besides its measurement."""
        answer = self._read(index)
        last = len(answer.ids) - 1
        is_end = [place == last and token in self.end_tokens.ids for place, token in enumerate(answer.ids)]
        texts = [self.texts["aligned"](token) for token in answer.ids]
        seed = self.plan.microworld_seed
        return answer_tokens(self.inputs.instructions[index], seed, answer.ids, texts, answer, is_end=is_end)

    def _read(self, index: int) -> ReadAnswer:
        prompt_ids = self.prompt("aligned", index)
        ids, retokenized = self._ids(index)
        text = answer_text(self.aligned_tokenizer, prompt_ids, ids)
        spans = token_spans(self.aligned_tokenizer, prompt_ids, ids)
        return ReadAnswer(self.aligned_tokenizer, ids, text, spans, retokenized)

    def _ids(self, index: int) -> tuple[Ids, bool]:
        """The tokens of an answer, and whether they were made from its text."""
        if index not in self._answers:
            answer = self.inputs.completions[index].answer
            if answer is None:
                raise TypeError("only an answer has tokens")
            known = answer.token_ids is not None
            if answer.token_ids is not None:
                self._require_text(index, answer.text, answer.token_ids)
            self._answers[index] = (answer.token_ids or (), False) if known else (self._encoded(index, answer), True)
        return self._answers[index]

    def _require_text(self, index: int, text: str, ids: Ids) -> None:
        """Raises UrialError for ids that are not the answer's text: they are of another tokenizer, or of another answer."""
        name = self.inputs.instructions[index].id
        require_known_ids(name, ids, self._aligned_vocabulary, "the aligned model has", _OTHER_ANSWERS)
        # Blanks at the ends, which some servers leave out of the text, say nothing of the tokenizer.
        text = text.strip()
        decoded = answer_text(self.aligned_tokenizer, self.prompt("aligned", index), ids).strip()
        if decoded.startswith(text):
            return
        same = shared_length(decoded, text)
        raise UrialError(
            f"instruction {name!r}: from character {same:,} on, the answer's token ids are {shorten(decoded[same:])} to the "
            f"aligned tokenizer, but its text is {shorten(text[same:])}",
            expected="the tokenizer that the answer was generated with",
            fix=_OTHER_ANSWERS,
        )

    def _encoded(self, index: int, answer: Answer) -> Ids:
        prompt, end = self.inputs.aligned_prompts[index], self.aligned_tokenizer.eos_token_id
        ids = answer_ids(self.aligned_tokenizer, prompt, self.prompt("aligned", index), answer.text)
        return (*ids, end) if answer.finish == "end_token" and end is not None else ids


def vocabulary_size(folder: Path) -> int:
    """Tokens of a model that is not loaded, by its configuration; require_vocabulary sees to it that its head has them."""
    return int(text_config(folder).vocab_size)


def require_vocabulary(model: "PreTrainedModel", role: Role, expected: int) -> None:
    """Raises UrialError unless the head of a loaded model has the tokens that were counted before it was loaded."""
    size = len(model.get_output_embeddings().weight)
    if size != expected:
        raise UrialError(
            f"{role} model: its output head has {size:,} tokens, but its configuration says {expected:,}",
            fix="correct vocab_size in the model's config.json; no number was written",
        )
