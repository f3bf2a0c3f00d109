"""Every answer's key, computed again from all that can change it; and its text, from its tokens."""

from collections.abc import Iterator, Sequence
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.generate.run import completion_key
from urial.local_models.decoding.answer_text import StopFinder, answer_text
from urial.local_models.loading.loading import context_length, encode, end_tokens_of
from urial.prompts.versions.assembly import Assembler, too_long
from urial.provenance.verify.prompts import without_tokens
from urial.provenance.verify.run import Checked, Run
from urial.records.completion import Answer, AssembledPrompt, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.model import EmbeddedModel
from urial.run.paths import COMPLETIONS, MANIFEST, PROMPTS, SYSTEM_PLAN
from urial.run.remedies import CHECKOUT


def check_completions_of(run: Run, system: str) -> Checked:
    """The answers of one system: one an instruction, each under the key that its model, prompt and decoding give."""
    reader = _Reader(run, system)
    path = COMPLETIONS.path(system)
    rows, prompts = run.ordered_rows(COMPLETIONS, system), run.ordered_rows(PROMPTS, system)
    details = []
    for number, row in enumerate(zip(run.instructions, prompts, rows, strict=True), start=1):
        details += [f"line {number}, {detail}" for detail in reader.problems(*row)]
    more = f"; {len(details) - 1:,} more such" if len(details) > 1 else ""
    problems = [
        UrialError(f"{detail}{more}", path=path, where=PROMPTS.path(system), fix=CHECKOUT.format(path))
        for detail in details[:1]
    ]
    read = " and texts" if reader.tokenizer is not None else ""
    return Checked(f"{len(rows):,} keys{read} derived again", problems)


class _Reader:
    """What one system's answers follow from."""

    def __init__(self, run: Run, system: str) -> None:
        self.plan = run.record(SYSTEM_PLAN, system)
        folder = run.model_folder(self.plan.model)
        self.manifest = run.record(MANIFEST, self.plan.model)
        self.embedded = isinstance(self.manifest.source, EmbeddedModel)
        self.tokenizer: Any = None
        self.assembler: Assembler | None = None
        self.context: int | None = None
        self.ends: frozenset[int] = frozenset()
        if self.embedded:
            run.require_sound_model(self.plan.model)
        if self.embedded or self.plan.server is not None:
            self.assembler = Assembler(self.plan, folder)
        if self.embedded and self.assembler is not None:
            self.tokenizer, self.context = self.assembler.tokenizer, context_length(folder)
            self.ends = end_tokens_of(folder, self.tokenizer)

    def problems(self, instruction: Instruction, prompt: AssembledPrompt, row: Completion) -> Iterator[str]:
        """What is wrong with one row, its later turns included."""
        if row.system != self.plan.system:
            yield f"system: {row.system}, and the file is of {self.plan.system}"
        yield from self._attempt(prompt, row, "")
        if len(row.later_turns) != len(instruction.turns) - 1:
            yield f"later_turns: {len(row.later_turns)}, and the instruction has {len(instruction.turns) - 1}"
            return
        answers = [row.answer.text] if row.answer else []
        for number, turn in enumerate(row.later_turns):
            where = f"later_turns.{number}."
            # The messages are asked one after the other, each only after an answer to the one before.
            if (turn.prompt is None) != (len(answers) <= number):
                yield f"{where}prompt: {'none' if turn.prompt is None else 'one'}, and {len(answers)} turns before have answers"
            if turn.prompt is None:
                continue
            if len(answers) > number and self._prompt(instruction, turn.prompt, answers) != turn.prompt:
                yield f"{where}prompt: not the one that the earlier turns give"
            yield from self._attempt(turn.prompt, turn, where)
            answers += [turn.answer.text] if turn.answer else []

    def _prompt(self, instruction: Instruction, recorded: AssembledPrompt, answers: Sequence[str]) -> AssembledPrompt:
        """The prompt after these answers; the recorded one where only a tokenizer that is not here could tell."""
        if self.assembler is not None:
            return self.assembler.prompt(instruction, answers)
        if self.plan.prompt is not None and self.plan.prompt.retrieval is None:
            return without_tokens(self.plan, instruction, recorded, answers)
        return recorded

    def _attempt(self, prompt: AssembledPrompt, row: Completion | LaterTurn, where: str) -> Iterator[str]:
        reason = too_long(prompt, self.context, self.plan.decoding.max_new_tokens)
        if row.answer is None:
            if self.embedded and row.reason != reason:
                yield f"{where}reason: {shorten(row.reason)}, by the prompt's length {shorten(reason)}"
            return
        key = completion_key(self.manifest, prompt, self.plan)
        if reason is not None or row.key != key:
            yield f"{where}key: {row.key}, by its model, prompt and decoding {key if reason is None else reason}"
        if self.tokenizer is not None:
            text = self._text(prompt, row.answer)
            if text != row.answer.text:
                yield f"{where}answer.text: {shorten(row.answer.text)}, its tokens say {shorten(text)}"

    def _text(self, prompt: AssembledPrompt, answer: Answer) -> str | None:
        """What an answer's tokens say; None where they do not end as the row says, or are not known."""
        ids = answer.token_ids
        if not ids or max(ids) >= len(self.tokenizer) or (ids[-1] in self.ends) != (answer.finish == "end_token"):
            return None
        prompt_ids = encode(self.tokenizer, prompt.text, prompt.adds_special_tokens)
        if answer.finish == "end_token":
            return answer_text(self.tokenizer, prompt_ids, ids[:-1])
        stopped = StopFinder(self.tokenizer, prompt_ids, prompt.stop).find(ids)
        if answer.finish == "stop_string":
            return stopped
        whole = stopped is None and len(ids) == self.plan.decoding.max_new_tokens
        return answer_text(self.tokenizer, prompt_ids, ids) if whole else None
