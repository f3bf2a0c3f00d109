"""Reference answers out of FastChat's reference_answer/MODEL.jsonl, with the published questions that they answer."""

from pathlib import Path

from urial.core.errors import UrialError
from urial.exchange.importers.fastchat_answers import import_fastchat_answers
from urial.records.references import ReferenceAnswers

# What completions need for a name, and reference answers do not.
_SYSTEM = "reference"


def import_references(path: Path, questions: Path, author: str, *, corrected: bool) -> list[ReferenceAnswers]:
    """One record a question, known by its messages. Raises UrialError naming file, row and column."""
    found = import_fastchat_answers(path, _SYSTEM, questions)
    rows = []
    for instruction, completion in zip(found.instructions, found.completions, strict=True):
        answers = [row.split()[1] for row in (completion, *completion.later_turns) if row.answer]
        if empty := next((turn for turn, text in enumerate(answers, start=1) if not text.strip()), None):
            raise UrialError(
                f"the reference answer to {instruction.id!r} in turn {empty} is empty",
                path=path,
                expected="an answer to each message",
            )
        rows.append(
            ReferenceAnswers(turns=instruction.turns, answers=tuple(answers), author=author, corrected=corrected)
        )
    return rows
