"""Every prompt, assembled again of its instruction; every answer's key, of all that can change it; its text, of its tokens."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from urial.core.errors import shorten
from urial.core.text import counted
from urial.generate.keys import completion_key
from urial.generate.thinking import stop_marks, written_fields
from urial.local_models.decoding.answer_text import StopFinder
from urial.local_models.decoding.batch import finished
from urial.local_models.loading.loading import encode, end_tokens_of
from urial.prompts.versions.assembly import Assembler, too_long
from urial.prompts.versions.rendering import render
from urial.provenance.verify.run import Checked, NotCheckedError, Run, edited, require_same_rows
from urial.records.base import Hash
from urial.records.completion import Answer, AssembledPrompt, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.model import RunWeights
from urial.run.paths import COMPLETIONS, INSTRUCTIONS, MANIFEST, PROMPTS, SYSTEM_PLAN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_prompts_of(run: Run, system: str) -> Checked:
    """The prompts of one system are those that its plan gives its instructions, token counts included where possible."""
    instructions, rows = run.instructions, run.ordered_rows(PROMPTS, system)
    origin = Origin(run, system)
    if origin.assembler is not None:
        summary = f"{counted(len(rows), 'prompt')} assembled again"
    elif origin.renders:
        summary = f"{counted(len(rows), 'text')} rendered again, without their tokens: the tokenizer is not in the run"
    else:
        raise NotCheckedError(f"{len(rows):,} valid rows; the tokenizer that lays them out is not in the run")
    expected = [origin.prompt(*pair, []) for pair in zip(instructions, rows, strict=True)]
    where = f"{SYSTEM_PLAN.path(system)} and {INSTRUCTIONS.path()}"
    require_same_rows(PROMPTS.path(system), expected, rows, "assembled again", where)
    return Checked(summary)


def check_completions_of(run: Run, system: str) -> Checked:
    """The answers of one system: one an instruction, each under the key that its model, prompt and decoding give."""
    return completions_checked(run, system, Origin(run, system))


def completions_checked(run: Run, system: str, origin: "Origin") -> Checked:
    """The same by what the answers follow from."""
    path = COMPLETIONS.path(system)
    rows, prompts = run.ordered_rows(COMPLETIONS, system), run.ordered_rows(PROMPTS, system)
    details = [
        f"line {number}, {detail}"
        for number, row in enumerate(zip(run.instructions, prompts, rows, strict=True), start=1)
        for detail in origin.problems(*row)
    ]
    checked = Checked(f"{len(rows):,} keys{'' if origin.tokenizer is None else ' and texts'} derived again")
    if details:
        more = f"; {len(details) - 1:,} more such" if len(details) > 1 else ""
        checked.problems.append(edited(path, f"{details[0]}{more}", where=PROMPTS.path(system)))
    return checked


class Origin:
    """What one system's prompts and answers follow from."""

    def __init__(self, run: Run, system: str) -> None:
        self.plan = run.record(SYSTEM_PLAN, system)
        self.manifest = run.record(MANIFEST, self.plan.model)
        self.embedded = isinstance(self.manifest.source, RunWeights)
        if self.embedded:
            run.require_sound_model(self.plan.model)
        folder, local = run.model_folder(self.plan.model), self.embedded or not self.plan.files_are_here
        self.assembler = Assembler(self.plan, folder) if local else None
        self.tokenizer = self.assembler.tokenizer if self.assembler else None
        self.context = self.assembler.context if self.assembler else None
        self.ends = frozenset() if self.tokenizer is None else end_tokens_of(folder, self.tokenizer)
        # By a prompt version, which needs no tokenizer; a chat template does, and so does retrieval.
        self.renders = self.plan.prompt is not None and self.plan.prompt.retrieval is None

    def prompt(self, instruction: Instruction, recorded: AssembledPrompt, answers: Sequence[str]) -> AssembledPrompt:
        """The prompt after these answers; what only a tokenizer that is not here could tell is as it is recorded."""
        if self.assembler is not None:
            return self.assembler.prompt(instruction, answers)
        if self.plan.prompt is None or not self.renders:
            return recorded
        history = list(zip(instruction.turns, answers, strict=False))
        rendered = render(self.plan.prompt, instruction.turns[len(answers)], history)
        return AssembledPrompt(
            instruction_id=instruction.id,
            system=self.plan.system,
            text=rendered.text,
            adds_special_tokens=True,
            stop=rendered.stop,
            n_tokens=recorded.n_tokens,
            flag=rendered.flag,
        )

    def problems(self, instruction: Instruction, prompt: AssembledPrompt, row: Completion) -> Iterator[str]:
        """What is wrong with one row, its later turns included."""
        if row.system != self.plan.system:
            yield f"system: {row.system}, and the file is of {self.plan.system}"
        yield from self._attempt(instruction, prompt, row, [])
        if len(row.later_turns) != len(instruction.turns) - 1:
            yield f"later_turns: {len(row.later_turns)}, and the instruction has {len(instruction.turns) - 1}"
            return
        answers = [row.split()[1]] if row.answer else []
        for number, turn in enumerate(row.later_turns):
            where = f"later_turns.{number}."
            # The messages are asked one after the other, each only after an answer to the one before.
            if (turn.prompt is None) != (len(answers) <= number):
                yield f"{where}prompt: {'none' if turn.prompt is None else 'one'}, and {len(answers)} turns before have answers"
            if turn.prompt is None:
                continue
            if len(answers) > number and self.prompt(instruction, turn.prompt, answers) != turn.prompt:
                yield f"{where}prompt: not the one that the earlier turns give"
            yield from self._attempt(instruction, turn.prompt, turn, answers, where)
            answers += [turn.split()[1]] if turn.answer else []

    def reason(self, _instruction: Instruction, prompt: AssembledPrompt, _answers: Sequence[str]) -> str | None:
        """Why the prompt of a turn, behind these answers, leaves no room for one; None where it does, or nobody knows."""
        return too_long(prompt, self.context, self.plan.decoding.max_new_tokens)

    def explains(self, recorded: str | None, derived: str | None) -> bool:
        """Whether why a prompt has no answer can be as it is ``recorded``, where the prompt's length says ``derived``."""
        return recorded == derived

    def key(self, instruction: Instruction, prompt: AssembledPrompt, _answers: Sequence[str]) -> Hash | None:
        """The key of a turn's answer; None where it cannot be derived here."""
        return completion_key(self.manifest, prompt, self.plan, self.plan.decoding.of_tasks(instruction.task))

    def answer_problems(self, _answer: Answer) -> Iterator[str]:
        """What else is wrong with an answer."""
        yield from ()

    def _attempt(
        self,
        instruction: Instruction,
        prompt: AssembledPrompt,
        row: Completion | LaterTurn,
        answers: Sequence[str],
        where: str = "",
    ) -> Iterator[str]:
        reason = self.reason(instruction, prompt, answers)
        written = row.written
        if written is None or row.key is None:
            if self.embedded and not self.explains(row.reason, reason):
                yield f"{where}reason: {shorten(row.reason)}, by the prompt's length {shorten(reason)}"
            return
        key = self.key(instruction, prompt, answers)
        if reason is not None or (key is not None and row.key != key):
            yield f"{where}key: {row.key}, by its model, prompt and decoding {key if reason is None else reason}"
        for problem in self.answer_problems(written):
            yield f"{where}{problem}"
        fields = written_fields(written, row.key, prompt, self.plan.thinking)
        for name in ("status", "reason", "thinking"):
            if getattr(row, name) != fields[name]:
                yield f"{where}{name}: {shorten(getattr(row, name))}, by what was written {shorten(fields[name])}"
        if self.tokenizer is not None:
            text = self._text(self.tokenizer, prompt, written)
            if text != written.text:
                field = "answer" if row.answer else "thought"
                yield f"{where}{field}.text: {shorten(written.text)}, its tokens say {shorten(text)}"

    def _text(self, tokenizer: "PreTrainedTokenizerBase", prompt: AssembledPrompt, answer: Answer) -> str | None:
        """What an answer's tokens say; None where they do not end as the row says, or are not known."""
        ids = answer.token_ids
        if not ids or max(ids) >= len(tokenizer):
            return None
        marks = stop_marks(prompt, self.plan.thinking)
        stop = StopFinder(tokenizer, encode(tokenizer, prompt.text, prompt.adds_special_tokens), prompt.stop, marks)
        derived = finished(stop, ids, self.ends, last=len(ids) == self.plan.decoding.max_new_tokens)
        return derived.text if derived is not None and derived.finish == answer.finish else None
