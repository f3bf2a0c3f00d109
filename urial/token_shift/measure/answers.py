"""Answers as tokens: from the recorded ids, or, where these are not known or not the text's, read once and flagged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urial.core.errors import UrialError, shorten
from urial.core.text import shared_length
from urial.local_models.decoding import prepared
from urial.local_models.decoding.answer_text import answer_ids, answer_text
from urial.local_models.loading import loading
from urial.records.base import Role
from urial.records.completion import Finish
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage
from urial.token_shift.measure import matching
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.inputs import ShiftInputs
from urial.token_shift.measure.matching import EndTokenMap, Ids, MatchedAnswer, ReadAnswer
from urial.token_shift.measure.measure import LocalModel
from urial.token_shift.measure.states import TeacherForced, bytes_per_token
from urial.token_shift.measure.table import ROLES, answer_rows, token_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_OTHER_ANSWERS = "measure answers that this aligned model gave, with the tokenizer that belongs to it"


class AnswerReader:
    """Reads answers with the aligned tokenizer, and matches them with what the base model reads."""

    def __init__(self, plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], base: bool) -> None:
        """``base`` says whether the base tokenizer is here too; else it is the aligned one's twin on a server."""
        self.plan, self.inputs, self.folders = plan, inputs, folders
        aligned = loading.load_tokenizer(folders["aligned"])
        self.tokenizers: dict[Role, PreTrainedTokenizerBase] = {
            "base": loading.load_tokenizer(folders["base"]) if base else aligned,
            "aligned": aligned,
        }
        self.by_text = plan.token_shift.align_by == "text"
        ends, base_end = loading.end_tokens_of(folders["aligned"], aligned), self.tokenizers["base"].eos_token_id
        # What ends a given answer can be the base model's own, where both tokenizers read it as the same.
        given_end = base_end if inputs.measurement.is_given and self._same_token(base_end) else None
        self.end_tokens = EndTokenMap(
            ids=ends if given_end is None else ends | {given_end},
            base_id=base_end,
            # A text that a server reads has no end token.
            eos="drop" if self.by_text and not base else plan.token_shift.eos,
            by_text=self.by_text,
        )
        self.texts = {role: token_text(tokenizer) for role, tokenizer in self.tokenizers.items()}
        # Over how many tokens a model's distributions are, by its configuration, which `model` compares with its head.
        roles: tuple[Role, ...] = ROLES if base else ("aligned",)
        self.vocabulary = {role: int(loading.text_config(folders[role]).vocab_size) for role in roles}
        if base and not self.by_text:
            self.vocabulary["base"] = min(self.vocabulary.values())
        shift = plan.token_shift
        self.settings = Settings(shift.top_k, shift.memory_mib, shift.sequential)
        # What is needed several times; measuring holds all of it anyway.
        self._prompts: dict[tuple[Role, int], Ids] = {}
        self._answers: dict[int, tuple[Ids, bool]] = {}

    def model(self, role: Role) -> LocalModel:
        """A model of the pair, which is loaded when it is its turn."""
        import torch

        folder, threads = self.folders[role], self.plan.threads
        source, config = read_manifest(folder).model, loading.text_config(folder)
        if isinstance(source, ServerModel):
            raise TypeError("a model on a server is not measured here")
        weights = source.loading

        def load() -> "PreTrainedModel":
            model = prepared.prepared_model(folder, threads)
            require_vocabulary(model, role, int(config.vocab_size))
            return model

        # What dtype auto takes is in most configurations; where it is not, the largest format is assumed.
        number_bytes = _NUMBER_BYTES.get(weights.dtype) or int(getattr(getattr(config, "dtype", None), "itemsize", 4))
        numbers = {
            "dtype": weights.dtype,
            "quantization": weights.quantization,
            "threads": threads or torch.get_num_threads(),
        }
        return LocalModel(load, bytes_per_token(config, number_bytes), {"files": dict(source.files), **numbers})

    def prompt(self, role: Role, index: int) -> Ids:
        """The ids of the prompt that precedes an answer for a model."""
        if (role, index) not in self._prompts:
            prompt = self.inputs.prompts(role)[index]
            self._prompts[role, index] = tuple(
                loading.encode(self.tokenizers[role], prompt.text, prompt.adds_special_tokens)
            )
        return self._prompts[role, index]

    def teacher_forced(self, role: Role, answers: Mapping[int, MatchedAnswer]) -> list[TeacherForced]:
        """Each answer after its prompt for a model.

        Raises UrialError for a token of the answers that is not among those that the model's distributions are over.
        """
        shared = role == "base" and not self.by_text
        owner = "both models have" if shared else f"the {role} model has"
        fix = f"set token_shift.align_by to text (--align-by text), or {_OTHER_ANSWERS}" if shared else _OTHER_ANSWERS
        for index, answer in answers.items():
            name, ids = self.inputs.instructions[index].id, answer.ids_for(role)
            matching.require_known_ids(name, ids, self.vocabulary[role], owner, fix)
        return [TeacherForced(self.prompt(role, index), answer.ids_for(role)) for index, answer in answers.items()]

    def matched(self) -> list[MatchedAnswer | None]:
        """The tokens of each instruction's answer, and which of them are compared; None where there is no answer."""
        answers: list[MatchedAnswer | None] = []
        for index, completion in enumerate(self.inputs.completions):
            if completion is None or completion.written is None:
                answers.append(None)
            elif self.by_text:
                tokenizer, prompt_ids, aligned = self.tokenizers["base"], self.prompt("base", index), self.read(index)
                ids = answer_ids(tokenizer, self.inputs.base_prompts[index], prompt_ids, aligned.text)
                base = ReadAnswer.of(tokenizer, prompt_ids, ids, retokenized=True)
                answers.append(matching.match_text(base, aligned, self.end_tokens))
            else:
                ids, retokenized = self._ids(index)
                answers.append(matching.match_ids(ids, self.end_tokens, retokenized))
        return answers

    def coverage(self, matched: Sequence[MatchedAnswer | None]) -> list[ShiftCoverage]:
        """What becomes of every answer of a pair that is here, in the order of the instructions."""
        windows = {role: loading.context_length(self.folders[role]) for role in ROLES}
        vocabulary = None if self.by_text else self.vocabulary["base"]
        rows = []
        for index, answer in enumerate(matched):
            if answer is None:
                rows.append(self.inputs.unmeasured(index, "no_answer", "no answer"))
                continue
            reason = None
            for role in ROLES:
                size, window = self.inputs.prompts(role)[index].n_tokens, windows[role]
                total = (size or 0) + len(answer.ids_for(role))
                if size is not None and window is not None and total > window and reason is None:
                    reason = (
                        f"{role} prompt and answer have {total:,} tokens, but the {role} model's context has {window:,}"
                    )
            if reason is None:
                rows.append(self.inputs.covered(index, answer, vocabulary, answer.unmatched))
            else:
                rows.append(self.inputs.unmeasured(index, "too_long", reason))
        return rows

    def rows(self, index: int, positions: Sequence[int]) -> dict[str, list[Any]]:
        """What the table says of some positions of an answer besides their measurement."""
        answer = self.read(index)
        last = len(answer.ids) - 1
        tokens = [
            (token, self.texts["aligned"](token), place == last and token in self.end_tokens.ids)
            for place, token in enumerate(answer.ids)
        ]
        instruction, seed = self.inputs.instructions[index], self.plan.microworld_seed
        marked = self.inputs.marked(index, answer.text)
        return answer_rows(instruction, seed, marked, answer.spans, tokens, positions=positions)

    def read(self, index: int) -> ReadAnswer:
        """An answer as the aligned tokenizer reads it."""
        return ReadAnswer.of(self.tokenizers["aligned"], self.prompt("aligned", index), *self._ids(index))

    def _ids(self, index: int) -> tuple[Ids, bool]:
        """The tokens of an answer, and whether they were made from its text.

        Raises UrialError for recorded ids that are not the answer's text: of another tokenizer, or of another answer.
        """
        if index in self._answers:
            return self._answers[index]
        answer, tokenizer = self.inputs.written(index), self.tokenizers["aligned"]
        if answer is None:
            raise TypeError("only an answer has tokens")
        name, ids, prompt_ids = self.inputs.instructions[index].id, answer.token_ids, self.prompt("aligned", index)
        given = self.inputs.measurement.is_given
        if given and ids is not None:
            # Of another tokenizer, they are not this text.
            ids = matching.ids_of_text(tokenizer, prompt_ids, ids, answer.text, self.vocabulary["aligned"])
        if ids is None:
            made = answer_ids(tokenizer, self.inputs.aligned_prompts[index], prompt_ids, answer.text)
            self._answers[index] = self._ended(made, answer.finish), True
            return self._answers[index]
        if given:
            self._answers[index] = self._ended(ids, answer.finish), False
            return self._answers[index]
        matching.require_known_ids(name, ids, self.vocabulary["aligned"], "the aligned model has", _OTHER_ANSWERS)
        # Blanks at the ends, which some servers leave out of the text, say nothing of the tokenizer.
        text, decoded = answer.text.strip(), answer_text(tokenizer, prompt_ids, ids).strip()
        if not decoded.startswith(text):
            same = shared_length(decoded, text)
            raise UrialError(
                f"instruction {name!r}: from character {same:,} on, the answer's token ids are {shorten(decoded[same:])} to "
                f"the aligned tokenizer, but its text is {shorten(text[same:])}",
                expected="the tokenizer that the answer was generated with",
                fix=_OTHER_ANSWERS,
            )
        self._answers[index] = ids, False
        return ids, False

    def _ended(self, ids: Ids, finish: Finish) -> Ids:
        """The tokens of a text with the end token that is measured behind them, where its writer ended it.

        What stands for another model's end token is the aligned model's own, as for its answers.
        """
        end, last = self.tokenizers["aligned"].eos_token_id, ids[-1] if ids else None
        if last in self.end_tokens.ids:
            # As it was emitted, or compared in each other's place.
            exchanged = last == self.end_tokens.base_id and (self.by_text or self.end_tokens.eos == "base")
            return (*ids[:-1], end) if exchanged and end is not None else ids
        return (*ids, end) if finish == "end_token" and end is not None else ids

    def _same_token(self, token_id: int | None) -> bool:
        """Whether both tokenizers read an id as the same token."""
        if token_id is None:
            return False
        base, aligned = (self.tokenizers[role].convert_ids_to_tokens(token_id) for role in ROLES)
        return base is not None and base == aligned


def require_vocabulary(model: "PreTrainedModel", role: Role, expected: int) -> None:
    """Raises UrialError unless the head of a loaded model has the tokens that were counted before it was loaded."""
    size = len(model.get_output_embeddings().weight)
    if size != expected:
        raise UrialError(
            f"{role} model: its output head has {size:,} tokens, but its configuration says {expected:,}",
            fix="correct vocab_size in the model's config.json; no number was written",
        )
