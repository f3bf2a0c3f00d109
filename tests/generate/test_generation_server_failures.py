"""Rows that fail at a server: every answer that is paid for is kept, and a dead server is not asked for long."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import make_query
from tests.fake_model import FakeModel
from tests.faulty_server import Asked, Reply, answers, fails, late, serving_faulty
from tests.generate.test_generation_server import STOP, WORDS, cache, completions_of, folder_of, rows_asked
from tests.served import base_plan, served_model
from urial.api.client import MAX_FAILURES
from urial.api.completions import STORY
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.records.model import Limits

__all__ = ["cache"]
ROOM = "lower decoding.max_new_tokens, choose a shorter prompt, or set generation.on_context_overflow to record"
LOG = "look into the server's log; its address usually ends in /v1"
BROKEN = answers({"hello": 1})
MANY = [make_query(f"q{number}", turns=(f"Tell me about {number}.",)) for number in range(24)]


def replies(rows: dict[int, Reply], seconds: float = 0) -> Callable[[Asked], Reply]:
    """A server that replies so to rows by their number; it takes so many seconds for the others."""

    def script(asked: Asked) -> Reply:
        if STORY in asked.text:
            return FakeModel().reply(asked)
        found = next((reply for number, reply in rows.items() if f"about {number}." in asked.text), None)
        return found or late(seconds, FakeModel().reply(asked))

    return script


@pytest.mark.parametrize(
    ("reply", "what", "fix"),
    [
        (BROKEN, "URL: the server sent no completion: no choices", LOG),
        (fails(400, WORDS), f"URL: status 400: {WORDS}", ROOM),
    ],
)
def test_all_other_answers_are_kept_before_the_run_stops(
    reply: Reply, what: str, fix: str, cache: RowCache, tmp_path: Path
) -> None:
    # Two that fail at once, while others are still being answered.
    with serving_faulty(replies({1: reply, 4: reply}, 0.2)) as server:
        plan = base_plan(served_model(server.url, limits=Limits(concurrency=6)), generation=STOP)
        folder = folder_of(server, tmp_path)
        with pytest.raises(UrialError) as caught:
            completions_of(plan, folder, cache)
        assert str(caught.value).replace(server.url, "URL") == (
            f"system 'base-urial', instruction 'q1': {what} (and 1 more so)\n  fix: {fix}"
        )
        server.script = FakeModel().reply
        server.asked.clear()
        assert [row.status for row in completions_of(plan, folder, cache)] == ["ok"] * 6
        assert len(rows_asked(server)) == 2


def test_the_worst_kind_is_named_and_counted(cache: RowCache, tmp_path: Path) -> None:
    filtered, long = fails(400, "Filtered.", "content_filter"), fails(400, WORDS)
    with serving_faulty(replies({0: filtered, 1: long, 2: BROKEN, 5: BROKEN})) as server:
        plan = base_plan(served_model(server.url), generation=STOP)
        with pytest.raises(UrialError) as caught:
            completions_of(plan, folder_of(server, tmp_path), cache)
        assert str(caught.value).replace(server.url, "URL") == (
            "system 'base-urial', instruction 'q2': URL: the server sent no completion: no choices (and 1 more so)"
            f"\n  fix: {LOG}"
        )


@pytest.mark.parametrize(
    ("reply", "what", "fix"),
    [
        (BROKEN, "URL: the server sent no completion: no choices", LOG),
        (fails(400, WORDS), f"URL: status 400: {WORDS}", ROOM),
    ],
)
def test_no_new_row_is_asked_for_after_ten_failures(
    reply: Reply, what: str, fix: str, cache: RowCache, tmp_path: Path
) -> None:
    with serving_faulty(replies(dict.fromkeys(range(1, len(MANY)), reply))) as server:
        plan = base_plan(served_model(server.url, limits=Limits(concurrency=1)), generation=STOP)
        with pytest.raises(UrialError) as caught:
            completions_of(plan, folder_of(server, tmp_path), cache, MANY)
        assert str(caught.value).replace(server.url, "URL") == (
            f"system 'base-urial', instruction 'q1': {what} (and {MAX_FAILURES - 1} more so)\n  fix: {fix}"
        )
        assert len(rows_asked(server)) == 1 + MAX_FAILURES


def test_rows_that_are_recorded_as_too_long_are_no_failures(cache: RowCache, tmp_path: Path) -> None:
    with serving_faulty(replies(dict.fromkeys(range(len(MANY)), fails(400, WORDS)))) as server:
        plan = base_plan(served_model(server.url, limits=Limits(concurrency=1)))
        rows = completions_of(plan, folder_of(server, tmp_path), cache, MANY)
        assert len(rows_asked(server)) == len(MANY)
    assert [row.status for row in rows] == ["too_long"] * len(MANY)
