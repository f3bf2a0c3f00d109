"""data/tokens: every token of the measured answers, and what each measurement makes of it, some answers a file."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from urial.core.text import visible
from urial.records.instruction import Instruction
from urial.records.token_shift import LABELS, MOVES, PARTS, ShiftCoverage
from urial.report.site.columns import Parts, any_of, differs, joined, lists, named, places, rounded, texts, whole, words
from urial.report.site.data_files import as_json, json_list, json_object
from urial.report.site.token_rows import ContextRows, ShardRows
from urial.statistics.bootstrap import Integers
from urial.token_shift.figures.positions import KINDS, Truths, indices


def tokens_json(rows: ShardRows, instructions: Sequence[Instruction]) -> str:
    """The file of some answers; ``instructions`` are theirs."""
    tables = [rows.shared, *(context.table for context in rows.contexts.values())]
    known, columns = words([named(whole(table["token"]), whole(table["token_id"])) for table in tables])
    shared, *own = [_token_columns(table, column) for table, column in zip(tables, columns, strict=True)]
    parts = {name: lists(texts(column), rows.ends) for name, column in shared.items()}
    contexts = {
        name: {**_measured(context), **_differing(shared, theirs, context)}
        for (name, context), theirs in zip(rows.contexts.items(), own, strict=True)
    }
    marked = _marked(rows)
    position, ends = rows.shared["position"].to_numpy(), places(whole(rows.shared["is_end"]).to_numpy(False), rows.ends)
    answers = []
    for index, (start, end) in enumerate(pairwise(rows.ends)):
        by_context = {name: _context(rows, name, contexts[name], index) for name in rows.contexts}
        fields = {
            "position": _unless_all(position[start:end]),
            **{name: of_answers[index] for name, of_answers in (parts | marked).items()},
            "end": as_json(ends[index]),
            "contexts": json_object(by_context),
        }
        answers.append(json_object(fields))
    first = as_json([visible(instruction.turns[0]) for instruction in instructions])
    return json_object({"first": str(rows.first), "words": known, "instructions": first, "answers": json_list(answers)})


def _token_columns(table: pa.Table, tokens: pa.Array) -> dict[str, pa.Array]:
    """What does not depend on the base context."""
    return {
        "token": tokens,
        "id": whole(table["token_id"]),
        "label": pa.array(indices(table["label"], LABELS)),
        "kind": pa.array(indices(table["kind"], KINDS)),
        "aligned_rank": whole(table["aligned_rank"]),
        "aligned_logprob": rounded(table["aligned_logprob"]),
    }


def _marked(rows: ShardRows) -> dict[str, Parts]:
    """Parts of thinking and moves of reasoning, of the answers that have any."""
    columns = {"part": indices(rows.shared["part"], PARTS), "move": indices(rows.shared["move"], MOVES)}
    usual = {"part": (-1, PARTS.index("answer")), "move": (-1,)}
    marked: dict[str, Parts] = {}
    for name, column in columns.items():
        has = any_of(~np.isin(column, usual[name]), rows.ends)
        if any(has):
            of_answers = lists(texts(pa.array(column)), rows.ends)
            marked[name] = [part if found else None for part, found in zip(of_answers, has, strict=True)]
    return marked


def _differing(shared: Mapping[str, pa.Array], own: Mapping[str, pa.Array], context: ContextRows) -> dict[str, Parts]:
    """The columns of which a context has other values: two passes of one model can differ in the last bits."""
    differing: dict[str, Parts] = {}
    for name, column in own.items():
        same = shared[name] if context.is_whole else shared[name].take(pa.array(context.place))
        if (rows := differs(same, column)).any():
            parts, is_other = lists(texts(column), context.ends), any_of(rows, context.ends)
            differing[name] = [part if other else None for part, other in zip(parts, is_other, strict=True)]
    return differing


def _measured(context: ContextRows) -> dict[str, Parts]:
    """What was measured under a base context, by answer."""
    table, ends = context.table, context.ends
    of_answers = partial(lists, ends=ends)
    letters = pc.utf8_slice_codeunits(whole(table["category"]), 0, 1)
    bounds = any_of(whole(table["kl_lower_bound"]).is_valid().to_numpy(False), ends)
    at_least = of_answers(texts(table["kl_lower_bound"]))
    return {
        "rank": of_answers(texts(table["base_rank"])),
        "at_most": [as_json(found) for found in places(_bounds(table), ends)],
        "ties": of_answers(texts(table["base_ties"])),
        "category": [f'"{text}"' for text in joined(letters, ends)],
        "logprob": of_answers(texts(table["base_logprob"])),
        "kl": of_answers(texts(table["kl"])),
        "kl_at_least": [part if known else None for part, known in zip(at_least, bounds, strict=True)],
        "base_entropy": of_answers(texts(table["base_entropy"])),
    }


def _bounds(table: pa.Table) -> Truths:
    """Rows whose base rank is at most what is written: records.token_shift.rank_is_bound of a whole column."""
    beyond = pc.fill_null(pc.greater(table["base_rank"], pc.list_value_length(table["base_top_tokens"])), False)
    return np.asarray(pc.and_(beyond, pc.is_null(table["base_ties"])).to_numpy())


def _context(rows: ShardRows, name: str, parts: Mapping[str, Parts], index: int) -> str:
    """An answer under one base context."""
    context = rows.contexts[name]
    coverage = context.coverage[index]
    fields = _described(coverage)
    if coverage.status == "measured":
        place = context.place[context.ends[index] : context.ends[index + 1]] - rows.ends[index]
        fields["position"] = (
            "null" if len(place) == rows.ends[index + 1] - rows.ends[index] else as_json(place.tolist())
        )
        fields |= {column: of_answers[index] for column, of_answers in parts.items()}
    return json_object(fields)


def _described(coverage: ShiftCoverage) -> dict[str, str | None]:
    """What became of an answer."""
    return {
        "status": as_json(coverage.status),
        "reason": as_json(None if coverage.reason is None else visible(coverage.reason)),
        "unmatched": str(coverage.unmatched) if coverage.unmatched else None,
        "retokenized": "true" if coverage.retokenized else None,
        "end_token": as_json(coverage.end) if coverage.end in ("base", "dropped") else None,
    }


def _unless_all(position: Integers) -> str:
    """The positions of an answer's tokens; null: those from 0 on."""
    return "null" if np.array_equal(position, np.arange(len(position))) else as_json(position.tolist())
