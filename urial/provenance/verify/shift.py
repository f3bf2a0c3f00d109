"""The token shift's rows against the answers they are of: tokens, words, labels and categories are derived again.

Ranks, probabilities and divergences are a measurement, which needs both models: of these, what the row itself says
of its candidates is compared.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from urial.core.store import parse_record
from urial.core.text import counted
from urial.provenance.verify.run import Checked, Run, edited
from urial.records.base import ROLES
from urial.records.model import EmbeddedModel
from urial.records.token_shift import ShiftCoverage, TokenShift, category
from urial.run.differences import rows_difference, shown
from urial.run.paths import COMPLETIONS, COVERAGE, MANIFEST, PROMPTS, TOKEN_SHIFT, TOKEN_SHIFT_PLAN
from urial.token_shift.measure.answers import AnswerReader
from urial.token_shift.measure.inputs import ShiftInputs

if TYPE_CHECKING:
    import pyarrow as pa

DERIVED = (
    "instruction_id", "position", "token_id", "token", "word_index", "word", "is_end", "label", "kind", "part", "move",
)  # fmt: skip


def check_shift_of(run: Run, context: str) -> Checked:
    """The rows of one base context are of the very tokens that the aligned model emitted, in their order."""
    plan, table, coverage = run.record(TOKEN_SHIFT_PLAN), run.table(context), run.ordered_rows(COVERAGE, context)
    measurement = next(row for row in run.plan.measurements if row.name == context)
    path, inputs = TOKEN_SHIFT.path(context), ShiftInputs.read(run, measurement)
    for number, row in enumerate(table.to_pylist()):
        record = parse_record(json.dumps(row).encode("utf-8"), TokenShift, path, row=number)
        if detail := _disagreement(record, by_text=plan.token_shift.align_by == "text"):
            raise edited(path, detail).but(row=number)
    # Else something would have to be fetched to read text as tokens.
    if not all(isinstance(run.record(MANIFEST, role).source, EmbeddedModel) for role in ROLES):
        _check_ids(table, coverage, inputs, path)
        return Checked(f"{counted(len(table), 'position')}: tokens compared with the answers")
    folders = {"base": run.model_folder("base"), "aligned": run.model_folder("aligned")}
    reader = AnswerReader(plan, inputs, folders, base=True)
    matched = reader.matched()
    expected = reader.coverage(matched)
    if detail := rows_difference(expected, coverage, "read again"):
        raise edited(COVERAGE.path(context), detail)
    rows: dict[str, list[object]] = {name: [] for name in DERIVED}
    for index, answer in enumerate(matched):
        if answer is not None and expected[index].status == "measured":
            for name, values in reader.rows(index, [place for place, _ in answer.pairs]).items():
                rows[name] += values
    _compare(table, rows, path, "read again")
    return Checked(f"{counted(len(table), 'position')}: tokens, words and labels read again")


def _disagreement(row: TokenShift, *, by_text: bool) -> str | None:
    """Where a row's category, ranks and candidates do not agree.

    ``by_text``, the base model's candidates have ids of its own tokenizer, among which the row's own is another token.
    """
    if row.category != category(row.base_rank):
        return f"category: {row.category}, and base_rank is {row.base_rank}"
    for role in ("base", "aligned"):
        rank, logprob = getattr(row, f"{role}_rank"), getattr(row, f"{role}_logprob")
        tops, ids = getattr(row, f"{role}_top_logprobs"), getattr(row, f"{role}_top_ids")
        if rank is None or logprob is None:
            continue
        above = sum(value > logprob for value in tops)
        if by_text and role == "base":
            if rank <= len(tops) and tops[rank - 1] != logprob:
                return f"{role}_logprob: {logprob}, and among the candidates it is {tops[rank - 1]}"
            place, ids = None, ()
        else:
            place = ids.index(row.token_id) + 1 if row.token_id in ids else None
        if rank <= above or (place is not None and rank > place):
            return f"{role}_rank: {rank}, and {above} of its candidates are more probable"
        if place is not None and tops[place - 1] != logprob:
            return f"{role}_logprob: {logprob}, and among the candidates it is {tops[place - 1]}"
        if place is None and ids and rank <= len(ids) - (getattr(row, f"{role}_ties") or 0):
            return f"{role}_rank: {rank}, and it is none of the first {len(ids)} candidates"
    return None


def _check_ids(table: "pa.Table", coverage: Sequence[ShiftCoverage], inputs: ShiftInputs, path: str) -> None:
    """Every row is of the answer that its coverage counts, with the token at its position where tokens are known."""
    counted = [row.instruction_id for row in coverage for _ in range(row.positions)]
    _compare(table, {"instruction_id": counted}, path, "the coverage beside it has")
    answers = {row.instruction_id: row.written.token_ids for row in inputs.completions if row and row.written}
    # Tokens that were made of a text stand nowhere else, and an end token can be another one's.
    made = {row.instruction_id for row in coverage if row.retokenized}
    emitted = []
    for row in table.select(["instruction_id", "position", "token_id", "is_end"]).to_pylist():
        ids, position = answers.get(row["instruction_id"]), row["position"]
        unknown = row["instruction_id"] in made or (row["is_end"] and inputs.measurement.is_given)
        if ids is None or row["token_id"] is None or unknown:
            emitted.append(row["token_id"])
        else:
            emitted.append(ids[position] if position < len(ids) else None)
    _compare(table, {"token_id": emitted}, path, "the answer has")


def _compare(table: "pa.Table", rows: Mapping[str, Sequence[object]], path: str, said: str) -> None:
    count = len(next(iter(rows.values())))
    if count != len(table):
        raise edited(path, f"{counted(len(table), 'row')}, {said} {count:,}")
    names = sorted(rows)
    for number, row in enumerate(table.select(names).to_pylist()):
        if wrong := next((name for name in names if row[name] != rows[name][number]), None):
            detail = f"{wrong}: {said} {shown(rows[wrong][number])}, found {shown(row[wrong])}"
            raise edited(path, detail, where=f"{COMPLETIONS.folder} and {PROMPTS.folder}").but(row=number)
