"""The answers in a log of a harness, joined with the instructions that are named."""

from pathlib import Path

from urial.core.errors import UrialError
from urial.exchange.importers.answer_files import AnswerFile, AnswerOptions, under_ids
from urial.exchange.importers.logs.rows import LogKind, logged_answers


def import_log_answers(path: Path, kind: LogKind, options: AnswerOptions) -> AnswerFile:
    """The answers of a log, under the ids of ``options.instructions`` where these are named.

    Raises UrialError naming file, sample and field, and for an answer to what none of the instructions asks.
    """
    if other := options.columns.keys() - {"query"}:
        raise UrialError(f"--column {min(other)}: not of a log", fix="of lm-eval's documents, name the query alone")
    answers = logged_answers(
        path, kind, str(options.system), options.category or "regular", options.columns.get("query")
    )
    remarks = (f"without an answer: {answers.unanswered:,}",) if answers.unanswered else ()
    own = AnswerFile(answers.completions, answers.instructions, remarks)
    return under_ids(path, options.instructions, own) if options.instructions else own
