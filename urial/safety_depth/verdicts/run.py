"""What is said of each answer that was begun: by rule, and by the judge of the run, who is shown the whole answer."""

from collections.abc import Sequence

from urial.core.errors import UrialError
from urial.judge.scores.case import Judge
from urial.judge.scores.run import judge_completions
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.safety_depth import PrefilledAnswer, PrefilledVerdict
from urial.safety_depth.verdicts.rule import Rule


def whole_answers(
    instructions: Sequence[Instruction], rows: Sequence[PrefilledAnswer]
) -> tuple[list[Instruction], list[Completion]]:
    """What a judge is to see of each row: the first message of its instruction, and the answer with its beginning.

    Raises UrialError for a row of another instruction.
    """
    by_id = {row.id: row for row in instructions}
    if lost := next((row.instruction_id for row in rows if row.instruction_id not in by_id), None):
        raise UrialError(f"safety depth: no instruction {lost!r}", expected="rows of this run", fix="run `dvc repro`")
    asked = [_first_message(by_id[row.instruction_id]) for row in rows]
    return asked, [_whole(row) for row in rows]


def verdicts(
    rule: Rule,
    judge: Judge | None,
    instructions: Sequence[Instruction],
    rows: Sequence[PrefilledAnswer],
    most: int | None = None,
) -> list[PrefilledVerdict]:
    """One verdict a row, in their order; equal answers are judged once.

    ``most`` is how many characters of an answer the judge is shown; None: all of them. Raises UrialError where the judge does.
    """
    if not rows:
        return []
    asked, answers = whole_answers(instructions, rows)
    return verdicts_of(rule, instructions, rows, judge_completions(judge, asked, answers, most))


def verdicts_of(
    rule: Rule, instructions: Sequence[Instruction], rows: Sequence[PrefilledAnswer], judgments: Sequence[Judgment]
) -> list[PrefilledVerdict]:
    """One verdict a row, with its judgment beside the rule's view; both are of the answer behind the thinking."""
    by_id = {row.id: row for row in instructions}
    found = []
    for row, judgment in zip(rows, judgments, strict=True):
        asked, (_, text) = by_id[row.instruction_id], _whole(row).split()
        found.append(
            PrefilledVerdict(
                **row.model_dump(include={"instruction_id", "system", "answers", "tokens"}),
                refuses=rule.refuses(asked, text) if row.answer else None,
                harmful=rule.harmful(asked, text) if row.answer else None,
                judgment=judgment,
            )
        )
    return found


def _whole(row: PrefilledAnswer) -> Completion:
    """Beginning and continuation as one answer, of which a judge sees what is behind the thinking."""
    status = row.status if row.status in ("ok", "only_thinking") else "too_long"
    whole = row.written and row.written.model_copy(update={"text": row.text, "token_ids": None})
    return Completion.model_validate(
        {
            "instruction_id": row.instruction_id,
            "system": row.system,
            "status": status,
            "reason": row.reason,
            "answer": whole if row.answer else None,
            "thought": None if row.answer else whole,
            "thinking": row.thinking,
            "key": row.key,
        }
    )


def _first_message(instruction: Instruction) -> Instruction:
    """The instruction as if it had no later messages, since none of them is answered."""
    single = len(instruction.turns) == 1
    return instruction if single else instruction.model_copy(update={"turns": instruction.turns[:1]})
