"""Rows of every kind, and caches and files of them."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash, canonical_json, content_hash
from urial.core.row_cache import RowCache, row_hash, rows_path
from urial.exchange.row_cache.files import load_rows, save_rows
from urial.judge.server.batch_api import BatchMembership
from urial.judge.server.capabilities import ServerCapabilities
from urial.records.base import Record
from urial.records.completion import Answer
from urial.records.judgment import Reply
from urial.token_shift.served.answer_logprobs import Scores, TokenScore
from urial.token_shift.served.logprob_probe import LogprobProtocol

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 10**9)
NUMBER = st.floats(-1e300, 0)
SHARE = st.floats(0, 1)
SCORE = st.builds(
    TokenScore,
    place=st.none() | COUNT, token_id=st.none() | COUNT, text=TEXT, start=st.none() | COUNT, end=st.none() | COUNT,
    logprob=NUMBER, rank=st.none() | COUNT, ties=st.none() | COUNT, top_ids=st.tuples(COUNT, COUNT),
    top_texts=st.tuples(TEXT, TEXT), top_logprobs=st.tuples(NUMBER, NUMBER),
)  # fmt: skip
ROWS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        Answer, text=TEXT, token_ids=st.none() | st.lists(COUNT, max_size=4).map(tuple),
        finish=st.sampled_from(["end_token", "stop_string", "length", "stop", "unknown"]),
    ),
    st.builds(
        Reply, aspect=st.sampled_from([None, "depth"]), text=TEXT, thinking=st.none() | TEXT, model=st.none() | TEXT,
        finish=st.sampled_from(["stop", "malformed", "refused"]), input_tokens=st.none() | COUNT,
        output_tokens=st.none() | COUNT, distribution=st.none() | st.tuples(SHARE, SHARE, SHARE, SHARE, SHARE),
    ),
    st.builds(Scores, tokens=st.lists(SCORE, max_size=3).map(tuple), unmatched=COUNT, n_tokens=COUNT),
    st.builds(
        LogprobProtocol, kind=st.sampled_from(["prompt_logprobs", "echo"]), form=st.sampled_from(["ids", "text"]),
        asked=st.integers(3, 99), given=st.integers(3, 99), by_text=st.booleans(), max_tokens=st.integers(0, 1),
    ),
    st.builds(
        ServerCapabilities, response_format=st.sampled_from(["json_schema", "text"]), model=st.none() | TEXT,
        tokens_field=st.sampled_from(["max_tokens", "max_completion_tokens"]),
    ),
    st.builds(BatchMembership, batch=st.text("ab", min_size=1)),
)  # fmt: skip


def key_of(name: object) -> str:
    """A key."""
    return content_hash(["row", str(name)])


def answer(text: str = "Because.") -> Answer:
    """A row of the kind answer."""
    return Answer(text=text, token_ids=(1, 2), finish="end_token")


def reply(text: str = "{}") -> Reply:
    """A row of the kind reply."""
    return Reply(text=text, finish="stop", model="judge", input_tokens=1, output_tokens=1)


def keep(rows: Mapping[str, Record], folder: Path | None = None) -> Path:
    """Put rows into a cache; returns its file."""
    with RowCache(folder) as cache:
        cache.put_all(rows)
        return cache.path


def exported(path: Path, rows: Mapping[str, Record]) -> Path:
    """A file of these rows, as another cache exports it."""
    folder = path.with_suffix(".cache")
    keep(rows, folder)
    with RowCache(folder) as cache:
        save_rows(cache, path)
    return path


def line_of(key: str, row: Any, kind: str = "answer", **changes: Any) -> bytes:
    """A line of a file, with whatever in it."""
    body = row.model_dump(mode="json") if isinstance(row, Record) else row
    told = {"kind": kind, "key": key, "hash": row_hash(key, canonical_json(body)), "row": body, **changes}
    return json.dumps(told).encode() + b"\n"


def end_of(lines: bytes, **changes: Any) -> bytes:
    """The closing line behind these lines, with whatever in it."""
    told = {"rows": lines.count(b"\n"), "hash": bytes_hash(lines), **changes}
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def contents(folder: Path | None = None) -> list[tuple[str, str]]:
    """Keys and JSON in a cache's file."""
    with closing(sqlite3.connect(rows_path(folder))) as connection:
        return connection.execute("SELECT key, value FROM rows ORDER BY key").fetchall()


def refused(path: Path, data: bytes) -> str:
    """What is said of a file; nothing of it is in the cache."""
    path.write_bytes(data)
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        load_rows(cache, [path])
    assert contents() == []
    return str(caught.value)


def change(statement: str, *values: Any, folder: Path | None = None) -> None:
    """Change a cache's file behind its back."""
    with closing(sqlite3.connect(rows_path(folder))) as connection, connection:
        connection.execute(statement, values)
