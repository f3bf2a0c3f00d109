"""data/candidates: the most probable tokens of both models at every position, in the same shards as the tokens."""

from itertools import pairwise
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from urial.report.site.columns import Parts, lists, named, rounded, texts, whole, words
from urial.report.site.data_files import as_json, json_list, json_object
from urial.report.site.token_rows import ShardRows
from urial.statistics.bootstrap import Integers


def candidates_json(rows: ShardRows) -> str:
    """The file of some answers. The aligned model's are shared by the contexts, but where another pass had others."""
    sources: list[tuple[pa.Table, Literal["aligned", "base"]]] = [(rows.shared, "aligned")]
    for context in rows.contexts.values():
        sources += [(context.table, "base"), (context.table, "aligned")]
    known, tokens = words([_candidates(table, role) for table, role in sources])
    shared, *own = [
        _as_lists(column, table[f"{role}_top_logprobs"]) for column, (table, role) in zip(tokens, sources, strict=True)
    ]
    parts = _parts(shared, rows.ends)
    contexts: dict[str, tuple[Parts, Parts]] = {}
    for (name, context), base, aligned in zip(rows.contexts.items(), own[::2], own[1::2], strict=True):
        same = shared if context.is_whole else shared.take(pa.array(context.place))
        contexts[name] = _parts(base, context.ends), _unless_same(same, aligned, context.ends)
    answers = []
    for index in range(len(rows)):
        by_context = {
            name: json_object({"base": base[index], "aligned": aligned[index]})
            for name, (base, aligned) in contexts.items()
            if rows.contexts[name].coverage[index].status == "measured"
        }
        answers.append(json_object({"aligned": parts[index], "contexts": json_object(by_context)}))
    return json_object({"first": str(rows.first), "words": known, "answers": json_list(answers)})


def _candidates(table: pa.Table, role: str) -> pa.Array:
    """The texts of all candidates of a model, one after the other; those that a server names have no ids."""
    tokens, ids = whole(table[f"{role}_top_tokens"]), whole(table[f"{role}_top_ids"])
    counts = pc.list_value_length(tokens).to_numpy(False)
    known = pc.list_value_length(ids).to_numpy(False) == counts
    has_ids = np.repeat(known, counts)
    numbers = np.zeros(len(has_ids), np.int32)
    numbers[has_ids] = ids.filter(pa.array(known)).flatten().to_numpy(False)
    return named(tokens.flatten(), pa.array(numbers, mask=~has_ids))


def _as_lists(tokens: pa.Array, logprobs: pa.ChunkedArray) -> pa.Table:
    """One row a position: its candidates, as indices of words, and their log probabilities."""
    counts = pc.list_value_length(whole(logprobs)).to_numpy(False)
    offsets = pa.array(np.append(0, np.cumsum(counts)), pa.int32())
    columns = {"token": tokens, "logprob": rounded(whole(logprobs).flatten())}
    return pa.table({name: pa.ListArray.from_arrays(offsets, column) for name, column in columns.items()})


def _unless_same(shared: pa.Table, own: pa.Table, ends: Integers) -> Parts:
    """The parts of the answers of which another pass of the model had other candidates, or other probabilities."""
    if own.equals(shared):
        return [None] * (len(ends) - 1)
    is_other = [
        not own.slice(start, end - start).equals(shared.slice(start, end - start)) for start, end in pairwise(ends)
    ]
    return [part if other else None for part, other in zip(_parts(own, ends), is_other, strict=True)]


def _parts(table: pa.Table, ends: Integers) -> Parts:
    """Each answer's candidates as JSON, flattened: ``k`` says how many each position has, a number where all have as many."""
    counts = pc.list_value_length(whole(table["token"])).to_numpy(False)
    flat = np.append(0, np.cumsum(counts))[ends]
    tokens, logprobs = (lists(texts(whole(table[name]).flatten()), flat) for name in ("token", "logprob"))
    parts = []
    for (start, end), token, logprob in zip(pairwise(ends), tokens, logprobs, strict=True):
        k = counts[start:end].tolist()
        one = k[0] if len(set(k)) == 1 else k
        parts.append(json_object({"k": as_json(one), "token": token, "logprob": logprob}))
    return parts
