"""What one measurement reads: answers, whoever gave them, and the prompts that precede them for each model."""

from collections.abc import Sequence
from dataclasses import dataclass

from urial.core.store import require_same_ids
from urial.core.thinking import ThinkingSpan
from urial.records.base import Role
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.token_shift import ShiftCoverage, ShiftMeasurement
from urial.run.paths import COMPLETIONS, PROMPTS
from urial.run.reader import RunReader
from urial.token_shift.measure.matching import MatchedAnswer
from urial.token_shift.measure.parts import MarkedText

NOT_AMONG = "the given answers have none to this instruction"


@dataclass(frozen=True)
class ShiftInputs:
    """What is measured; all of it is in the order of the instructions."""

    instructions: Sequence[Instruction]
    # None: of an instruction that the given answers do not have.
    completions: Sequence[Completion | None]
    aligned_prompts: Sequence[AssembledPrompt]
    base_prompts: Sequence[AssembledPrompt]
    measurement: ShiftMeasurement

    @classmethod
    def read(cls, run: RunReader, measurement: ShiftMeasurement) -> "ShiftInputs":
        """Of a run. Raises UrialError for an invalid row, and for answers to instructions that are none of the run's."""
        if measurement.is_given:
            completions: Sequence[Completion | None] = run.some_rows(COMPLETIONS, measurement.answers)
        else:
            completions = run.ordered_rows(COMPLETIONS, measurement.answers)
        return cls(
            instructions=run.instructions,
            completions=completions,
            aligned_prompts=run.ordered_rows(PROMPTS, measurement.aligned_system),
            base_prompts=run.ordered_rows(PROMPTS, measurement.base_system),
            measurement=measurement,
        )

    def require_complete(self) -> None:
        """Raises UrialError unless there is one row of everything for each instruction, in their order."""
        ids = [row.id for row in self.instructions]
        found = [ids[index] if row is None else row.instruction_id for index, row in enumerate(self.completions)]
        require_same_ids("completions", found, ids)
        require_same_ids("aligned prompts", [row.instruction_id for row in self.aligned_prompts], ids)
        require_same_ids("base prompts", [row.instruction_id for row in self.base_prompts], ids)

    def prompts(self, role: Role) -> Sequence[AssembledPrompt]:
        """Those that precede the answers for a model."""
        return self.base_prompts if role == "base" else self.aligned_prompts

    def written(self, index: int) -> Answer | None:
        """What is measured: an answer, or the thinking that its writer did not come out of; None: there is neither."""
        completion = self.completions[index]
        return None if completion is None else completion.written

    def marked(self, index: int, text: str) -> MarkedText:
        """An answer's ``text`` as a tokenizer reads it, which can have more behind, with where its thinking is."""
        completion = self.completions[index]
        span = None if completion is None else completion.span
        if span is not None and not span.closed:
            # A stop string that ended the thinking is in its tokens.
            span = ThinkingSpan(min(span.start, len(text)), len(text), len(text))
        return MarkedText(text, span)

    def covered(self, index: int, answer: MatchedAnswer, vocabulary: int | None, unmatched: int) -> ShiftCoverage:
        """The row of a measured answer; ``vocabulary`` and ``unmatched`` as in the record."""
        return ShiftCoverage(
            instruction_id=self.instructions[index].id,
            context=self.measurement.name,
            answers=self._answers,
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
        if completion is None:
            status, reason = "no_answer", NOT_AMONG
        elif completion.written is None:
            status, reason = "no_answer", completion.reason or "no answer"
        row = {
            "instruction_id": self.instructions[index].id,
            "context": self.measurement.name,
            "answers": self._answers,
            "status": status,
        }
        counts = {"positions": 0, "unmatched": 0, "retokenized": False, "end": "none", "vocabulary": None}
        return ShiftCoverage.model_validate({**row, "reason": reason, **counts})

    @property
    def _answers(self) -> str | None:
        return self.measurement.answers if self.measurement.is_given else None
