"""A run as data frames, for those who go on in Python: a row an answer, score, preference or measured position."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from urial.records.completion import AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.preference import Preference
from urial.records.report import Report
from urial.run import paths
from urial.run.reader import RunReader

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
INSTRUCTIONS = ("instruction_id", "query", "turns", "category", "task", "topic", "difficulty", "reference", "source")
ANSWERS = ("system", "instruction_id", "turn", "status", "reason", "prompt", "answer", "finish", "tokens")
JUDGMENTS = ("system", "instruction_id", "turn", "status", "reason", "words")
SCORES = ("system", "instruction_id", "turn", "aspect", "status", "score", "scale", "rationale")
PREFERENCES = (
    "system", "baseline", "instruction_id", "turn", "criterion", "status", "reason", "outcome", "preference",
)  # fmt: skip
# What can be missing of them; pandas takes no mean of a column of None.
NUMBERS = ("tokens", "words", "score", "scale", "preference", "vocabulary", "win_rate", "low", "high")


@dataclass(frozen=True)
class LoadedRun:
    """What `urial.load_run` gives. Turns count from 1; what is missing has a status and a reason, and no number."""

    report: Report
    """The figures with their intervals, such as ``report.systems["base-urial"].helpfulness.mean``: schemas/report.json."""
    instructions: "pd.DataFrame"
    """A row an instruction: ``query`` is its first message, ``turns`` are all."""
    answers: "pd.DataFrame"
    """A row a system, instruction and turn: ``prompt`` is all that the model saw, ``tokens`` how many it wrote."""
    judgments: "pd.DataFrame"
    """A row an answer, judged or not: ``words`` is its length."""
    scores: "pd.DataFrame"
    """A row an answer and aspect: ``score`` is from 1 to ``scale``, and missing unless ``status`` is scored;
    ``rationale`` is why it is what it is, or why there is none."""
    preferences: "pd.DataFrame"
    """A row an answer and criterion: ``preference`` for the system, 0 to 1, is the mean of both orders."""
    positions: "pd.DataFrame"
    """A row a ``base_system`` and token of an aligned answer: ranks from 1, natural-log probabilities, divergences in nats;
    the other columns are those of schemas/token-shift.json."""
    given_positions: "pd.DataFrame"
    """The same of given answers: a row a ``measurement`` and token, with whose ``answers`` they are; columns as above."""


class Shift(NamedTuple):
    """What `urial.measure_shift` gives."""

    positions: "pd.DataFrame"
    """A row a token of the answers: ``base_rank`` and ``aligned_rank`` from 1, natural-log probabilities, divergences in nats,
    ``category`` unshifted, marginal or shifted; the columns are those of schemas/token-shift.json."""
    coverage: "pd.DataFrame"
    """A row an answer: ``status`` measured, or why not (``reason``), and how many ``positions`` it has."""


def read_frames(data: Path) -> LoadedRun:
    """The run whose outputs lie in this folder. Raises UrialError for a file that is not here, or is not valid."""
    run = RunReader(data)
    systems = run.plan.systems
    judgments = [row for system in systems for row in run.rows(paths.JUDGMENTS, system)]
    preferences = [row for system in run.plan.compared for row in run.rows(paths.PREFERENCES, system)]
    return LoadedRun(
        report=run.record(paths.REPORT),
        instructions=frame(map(_instruction, run.instructions), INSTRUCTIONS),
        answers=frame((row for system in systems for row in _answers_of(run, system)), ANSWERS),
        judgments=frame(judgment_rows(judgments), JUDGMENTS),
        scores=frame(score_rows(judgments), SCORES),
        preferences=frame(preference_rows(preferences), PREFERENCES),
        positions=_positions(run, "base_system", dict.fromkeys(run.plan.base_systems)),
        given_positions=_positions(run, "measurement", {row.name: row.answers for row in run.plan.given}),
    )


def frame(rows: Iterable[Row], columns: Sequence[str]) -> "pd.DataFrame":
    """Rows as a data frame, which has its columns even where there is no row. Numbers are numbers where all are missing, too."""
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=list(columns))
    without = [name for name in NUMBERS if name in table and table[name].isna().all()]
    return table.astype(dict.fromkeys(without, "float64"))


def _instruction(row: Instruction) -> Row:
    return {"instruction_id": row.id, "query": row.turns[0], **row.model_dump(exclude={"id"})}


def _answers_of(run: RunReader, system: str) -> Iterator[Row]:
    rows = zip(run.ordered_rows(paths.PROMPTS, system), run.ordered_rows(paths.COMPLETIONS, system), strict=True)
    for prompt, completion in rows:
        yield from answer_rows(prompt, completion)


def answer_rows(prompt: AssembledPrompt, completion: Completion) -> Iterator[Row]:
    """A row a turn."""
    turns = [(prompt, completion), *((later.prompt, later) for later in completion.later_turns)]
    for turn, (seen, answered) in enumerate(turns, start=1):
        answer = answered.answer
        yield {
            "system": completion.system,
            "instruction_id": completion.instruction_id,
            "turn": turn,
            "status": answered.status,
            "reason": answered.reason,
            "prompt": seen and seen.text,
            "answer": answer and answer.text,
            "finish": answer and answer.finish,
            "tokens": None if answer is None or answer.token_ids is None else len(answer.token_ids),
        }


def judgment_rows(judgments: Iterable[Judgment]) -> Iterator[Row]:
    """A row an answer."""
    for row in judgments:
        for turn, judged in enumerate([row, *row.later_turns], start=1):
            yield {**_of(row, turn), "status": judged.status, "reason": judged.reason, "words": judged.words}


def score_rows(judgments: Iterable[Judgment]) -> Iterator[Row]:
    """A row an answer and aspect; of what has no score at all, one without an aspect."""
    for row in judgments:
        for turn, judged in enumerate([row, *row.later_turns], start=1):
            for score in judged.scores:
                yield {**_of(row, turn), **score.model_dump(exclude={"distribution"}), "scale": score.scale}
            if not judged.scores:
                yield {**_of(row, turn), "status": judged.status, "rationale": judged.reason}


def preference_rows(preferences: Iterable[Preference]) -> Iterator[Row]:
    """A row an answer and criterion; of what was not compared, one without a criterion."""
    for row in preferences:
        for turn, compared in enumerate([row, *row.later_turns], start=1):
            known = {**_of(row, turn), "baseline": row.baseline, "status": compared.status, "reason": compared.reason}
            yield from ({**known, **result.model_dump()} for result in compared.results)
            if not compared.results:
                yield known


def _of(row: Judgment | Preference, turn: int) -> Row:
    return {"system": row.system, "instruction_id": row.instruction_id, "turn": turn}


def _positions(run: RunReader, named: str, answers: Mapping[str, str | None]) -> "pd.DataFrame":
    """The rows of some measurements, whose name is in the first column, and whose answers they are in the next where given."""
    import pandas as pd

    from urial.records.token_shift import shift_schema

    if not answers:
        return frame((), (named, *(["answers"] if named == "measurement" else []), *shift_schema().names))
    measured = {name: run.table(name).to_pandas() for name in answers}
    positions: pd.DataFrame = pd.concat(measured, names=[named]).reset_index(named)
    if named == "measurement":
        positions.insert(1, "answers", positions[named].map(answers))
    return positions.reset_index(drop=True)
