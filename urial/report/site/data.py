"""Writes the site's data files in one pass over the token shift: shards first, then the index that counts them."""

from pathlib import Path
from typing import Any

import numpy as np

from urial.records.report import Report
from urial.report.inputs import ReportInputs
from urial.report.site.answer_shards import amounts, answers_of
from urial.report.site.data_files import as_json, shard, shard_size, write_data
from urial.report.site.index import index_of, search_of
from urial.report.site.texts import MeasuredText, measured_texts

# By measurement and name.
Columns = dict[str, dict[str, list[Any]]]

# Characters of texts, and tokens of aligned answers, that one file has on average; chosen by benchmarks/site.py.
MOST_CHARACTERS, MOST_TOKENS = 600_000, 10_000


def write_data_files(folder: Path, inputs: ReportInputs, report: Report) -> None:
    """index, search, answers, tokens and candidates under ``folder``/data."""
    count = len(inputs.instructions)
    sizes = {"answers": shard_size(np.array(amounts(inputs)), MOST_CHARACTERS)}
    for number, start in enumerate(range(0, count, sizes["answers"])):
        rows = answers_of(inputs, start, min(start + sizes["answers"], count))
        write_data(folder, shard("answers", number), as_json(rows))
    shift: Columns = {}
    for text in measured_texts(inputs):
        size = shard_size(_tokens(text), MOST_TOKENS)
        sizes |= {text.kind("tokens"): size, text.kind("candidates"): size}
        shift |= _write_tokens(folder, inputs, text, size)
    write_data(folder, "search", as_json(search_of(inputs)))
    write_data(folder, "index", as_json(index_of(inputs, report, sizes, shift)))


def _tokens(text: MeasuredText) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The tokens that were measured of each answer, under the context that has most of it."""
    counts = [[row.positions for row in context.coverage] for context in text.contexts.values()]
    return np.asarray(np.array(counts, np.int64).max(axis=0), np.int64)


def _write_tokens(folder: Path, inputs: ReportInputs, text: MeasuredText, size: int) -> Columns:
    """Write tokens and candidates of a text; the index's columns of each of its contexts."""
    from urial.report.site.candidate_shards import candidates_json
    from urial.report.site.token_counts import NAMES, token_counts
    from urial.report.site.token_rows import shards
    from urial.report.site.token_shards import tokens_json
    from urial.token_shift.figures.candidates import exchanged_ends

    shift: Columns = {name: {column: [] for column in NAMES} for name in text.contexts}
    ends = {
        name: exchanged_ends(context.table, context.candidates, context.coverage)
        for name, context in text.contexts.items()
    }
    for number, rows in enumerate(shards(text.contexts, [row.id for row in inputs.instructions], size)):
        instructions = inputs.instructions[rows.first : rows.first + len(rows)]
        write_data(folder, shard(text.kind("tokens"), number), tokens_json(rows, instructions))
        write_data(folder, shard(text.kind("candidates"), number), candidates_json(rows))
        for name, context in rows.contexts.items():
            for column, values in token_counts(context, ends[name]).items():
                shift[name][column] += values
    return shift
