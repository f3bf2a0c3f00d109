"""What became of an answer, as a row."""

from urial.records.token_shift import ShiftCoverage
from urial.token_shift.measure.answers import ShiftInputs
from urial.token_shift.measure.matching import MatchedAnswer


def covered(
    inputs: ShiftInputs, index: int, answer: MatchedAnswer, vocabulary: int | None, unmatched: int
) -> ShiftCoverage:
    """A measured answer; ``vocabulary`` and ``unmatched`` as in the record."""
    return ShiftCoverage(
        instruction_id=inputs.instructions[index].id,
        context=inputs.base_prompts[index].system,
        status="measured",
        reason=None,
        positions=len(answer.pairs),
        unmatched=unmatched,
        retokenized=answer.retokenized,
        end=answer.end,
        vocabulary=vocabulary,
    )


def unmeasured(inputs: ShiftInputs, index: int, status: str, reason: str) -> ShiftCoverage:
    """An answer that was not measured, or an instruction that has none, which comes before any other reason."""
    completion = inputs.completions[index]
    if completion.answer is None:
        status, reason = "no_answer", completion.reason or "no answer"
    return ShiftCoverage.model_validate(
        {
            "instruction_id": completion.instruction_id,
            "context": inputs.base_prompts[index].system,
            "status": status,
            "reason": reason,
            "positions": 0,
            "unmatched": 0,
            "retokenized": False,
            "end": "none",
            "vocabulary": None,
        }
    )
