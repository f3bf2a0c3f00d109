"""Sample files of lm-evaluation-harness, as --log_samples writes them: samples_TASK_TIME.jsonl, of tasks that generate text.

The instruction is a field of the document, where it has one of a table's names for a question or --column names it, else the
whole prompt. A row comes once for each filter, with the same answer.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.exchange.importers.answer_tables import QUESTIONS
from urial.exchange.importers.logs.samples import LoggedSample, LoggedScore, part, queries, refuse, require_once_each
from urial.instructions.reading import Row, read_rows

COLUMNS = ("doc_id", "doc", "arguments", "resps", "filter", "metrics", "repeats")


def read_lm_eval(path: Path, query: str | None = None) -> list[LoggedSample]:
    """Every sample; ``query`` names the document's field of the instruction. Raises UrialError naming file, line and field."""
    rows = read_rows(path, None)
    if not {"doc_id", "doc", "resps"} <= set(rows.columns):
        raise UrialError(
            "no sample file of lm-evaluation-harness", path=path, expected="rows with doc_id, doc, arguments and resps",
            fix="name a file samples_TASK_TIME.jsonl, which --log_samples writes",
        )  # fmt: skip
    filters = list(dict.fromkeys(str(row.values.get("filter")) for row in rows.rows))
    by_document: dict[str, LoggedSample] = {}
    for row in rows.rows:
        sample = _sample(row, query, several_filters=len(filters) > 1)
        known = by_document.get(f"{sample.name} {row.values.get('filter')}")
        if known is not None:
            require_once_each([known, sample], "one answer a document: take --num_fewshot and repeats of one run")
        by_document[f"{sample.name} {row.values.get('filter')}"] = sample
    return _over_filters(list(by_document.values()))


def _over_filters(samples: list[LoggedSample]) -> list[LoggedSample]:
    """Each document once, with the scores of all filters. Raises UrialError where they differ in the answer."""
    found: dict[str, LoggedSample] = {}
    for sample in samples:
        first = found.setdefault(sample.name, sample)
        if (first.turns, first.answers) != (sample.turns, sample.answers):
            refuse(sample.where, "resps", sample.answers, f"the answer in {first.where}, of another filter")
        found[sample.name] = LoggedSample(
            first.where, first.name, first.turns, first.answers, first.reason, {**first.scores, **sample.scores}
        )
    return list(found.values())


def _sample(row: Row, query: str | None, *, several_filters: bool) -> LoggedSample:
    values, where = row.values, row.where
    number, document = values.get("doc_id"), values.get("doc")
    if not isinstance(number, int) or isinstance(number, bool):
        refuse(where, "doc_id", number, "a number")
    if not isinstance(document, dict):
        refuse(where, "doc", document, "an object, the document")
    answer = _answer(where, values.get("resps"), _arguments(where, values.get("arguments")))
    question = _question(where, document, query)
    asked = question if question is not None else _prompt(where, values.get("arguments"))
    return LoggedSample(
        where=where,
        name=str(number),
        turns=queries(where, [asked]),
        answers=(answer,),
        scores=_scores(values, str(values.get("filter")) if several_filters else None),
    )


def _arguments(where: str, arguments: object) -> list[object]:
    """The arguments of the first request; a task that only weighs given answers has no settings of generation."""
    first = part(where, arguments, "gen_args_0")
    return (
        list(first.values()) if isinstance(first, dict) else refuse(where, "arguments.gen_args_0", first, "an object")
    )


def _answer(where: str, resps: object, arguments: list[object]) -> str:
    if len(arguments) < 2 or not isinstance(arguments[1], dict):
        refuse(
            where,
            "arguments",
            arguments,
            "a prompt and settings: a task of output_type generate_until, which writes answers",
        )
    outer = resps[0] if isinstance(resps, list) and len(resps) == 1 else resps
    if not isinstance(outer, list) or len(outer) != 1 or not isinstance(outer[0], str):
        refuse(where, "resps", resps, "one answer: a list of a list of a text", "run the task with repeats: 1")
    return outer[0]


def _question(where: str, document: Mapping[str, Any], query: str | None) -> str | None:
    if query is not None:
        value = document.get(query)
        return value if isinstance(value, str) else refuse(where, f"doc.{query}", value, "a text, the instruction")
    return next((document[name] for name in QUESTIONS if isinstance(document.get(name), str)), None)


def _prompt(where: str, arguments: object) -> str:
    prompt = _arguments(where, arguments)[0]
    return prompt if isinstance(prompt, str) else refuse(where, "arguments.gen_args_0", prompt, "a prompt")


def _scores(values: Mapping[str, Any], of_filter: str | None) -> dict[str, LoggedScore]:
    named = values.get("metrics")
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    found = {}
    for name in names:
        value = values.get(name)
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        score = LoggedScore(None if missing else value, "the harness gives no value" if missing else None)
        found[f"{name},{of_filter}" if of_filter else name] = score
    return found
