"""One slot, one request at a time, 20 tokens a second: what is asked of such a server is answered, and asked once."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests import fake_server
from tests.api.asking import KEY, echo, jobs
from tests.conftest import make_query
from tests.fake_model import FakeModel
from tests.faulty_server import Asked, FaultyServer, Reply, answers, late, serving_faulty
from tests.judge.conftest import make_plan
from tests.judge_server import completion, verdict
from tests.scoring_server import ScoringModel
from tests.served import base_plan, served_folders, served_model
from tests.slow_server import TOKENS_A_SECOND, OneSlot, usual_limits
from tests.tiny_models import decoding
from tests.token_shift.served.test_scoring_server import TOP_K, by_text
from urial.api.client import ApiClient
from urial.cli.chat.server_stream import TIMEOUT_SECONDS, ServerEngine
from urial.cli.chat.stream_text import Ending
from urial.core.row_cache import RowCache
from urial.generate.engine import Request
from urial.generate.run import generate
from urial.judge.scores.run import judge_completions, make_judge, max_characters
from urial.prompts.versions.assembly import assemble
from urial.records.completion import Answer, Completion
from urial.records.model import Limits
from urial.token_shift.served.answer_logprobs import Scores
from urial.token_shift.served.logprob_server import ScoringServer

# So many times as fast as by the clock.
SPEED = 200
HASH = "sha256:" + "0" * 64
# Of a reply, of 51 s.
MAX_TOKENS = 1024


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "rows") as opened:
        yield opened


def judged(url: str, cache: RowCache, count: int, **changes: Any) -> list[str]:
    """What becomes of so many answers, judged at the limits that there are by default."""
    instructions = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(count)]
    completions = [
        Completion(
            instruction_id=row.id, system="base", status="ok", reason=None, key=HASH,
            answer=Answer(text=f"Because of {row.id}.", token_ids=(1,), finish="end_token"),
        )
        for row in instructions
    ]  # fmt: skip
    plan = make_plan(url, **{"max_tokens": MAX_TOKENS, **changes})
    return [
        row.status
        for row in judge_completions(make_judge(plan, cache), instructions, completions, max_characters(plan))
    ]


def judge_reply(asked: Asked) -> Reply:
    is_probe = asked.body["messages"][0]["content"].startswith("Say hello")
    return answers(completion("Hello!" if is_probe else verdict()))


def judge_tokens(body: dict[str, Any]) -> int:
    """A hello is short."""
    return 5 if body["messages"][0]["content"].startswith("Say hello") else int(body["max_tokens"])


def require_no_retry(server: FaultyServer, said: str) -> None:
    assert max(Counter(asked.data for asked in server.asked if b"Say hello" not in asked.data).values()) == 1
    assert "attempt" not in said


def test_a_judge_s_replies_of_full_length_come_without_a_retry(
    cache: RowCache, capsys: pytest.CaptureFixture[str]
) -> None:
    slot = OneSlot(judge_reply, SPEED, judge_tokens)
    with serving_faulty(slot) as server:
        # The last of them waits behind 14 others, for longer than one may take.
        assert judged(server.url, cache, 18, limits=usual_limits(SPEED)) == ["scored"] * 18
        require_no_retry(server, capsys.readouterr().err)
    # It was tried out whether more at a time are answered faster.
    assert 4 <= slot.longest_line <= 16


def test_answers_come_without_a_retry(cache: RowCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queries = [make_query(f"q{number}", turns=(f"Tell me about {number}.",)) for number in range(12)]
    # As if each had a thousand tokens, which the fake would need its time for.
    slot = OneSlot(FakeModel().reply, SPEED, lambda body: 1000 if "Tell me about" in str(body) else 12)
    with serving_faulty(slot) as server:
        model = served_model(server.url, limits=usual_limits(SPEED))
        plan = base_plan(model)
        folder = served_folders(model, model, tmp_path / "models") / "base"
        rows = generate(plan, queries, assemble(plan, queries, folder), folder, cache)
        repeated = Counter(asked.data for asked in server.asked if b"Tell me about" in asked.data)
    assert [row.status for row in rows] == ["ok"] * 12
    assert set(repeated.values()) == {1}
    assert "attempt" not in capsys.readouterr().err


def test_token_shift_comes_without_a_retry(cache: RowCache, capsys: pytest.CaptureFixture[str]) -> None:
    # Each is read as slowly as it would be written.
    slot = OneSlot(ScoringModel().reply, SPEED, lambda body: 1000)
    requests = [by_text(f"Karmost {number}.") for number in range(12)]
    with serving_faulty(slot) as server:
        scoring = ScoringServer(served_model(server.url, limits=usual_limits(SPEED)), TOP_K, cache)
        found = dict(scoring.score(requests))
        require_no_retry(server, capsys.readouterr().err)
    assert [isinstance(found[number], Scores) for number in range(12)] == [True] * 12


def test_a_chat_waits_for_the_prompt_to_be_read_and_for_each_piece() -> None:
    words = [f"word{number} " for number in range(20)]

    def slowly(handler: BaseHTTPRequestHandler, _: fake_server.Asked) -> None:
        # A prompt of two thousand tokens.
        time.sleep(2000 / TOKENS_A_SECOND / SPEED)
        start, *rest = fake_server.completion(*words).split(b"data: ")[1:]
        fake_server.send(handler, b"data: " + start)
        for event in rest:
            time.sleep(1 / TOKENS_A_SECOND / SPEED)
            handler.wfile.write(b"data: " + event)

    with fake_server.serving(slowly) as server:
        engine = ServerEngine(server.url, "m", timeout=TIMEOUT_SECONDS / SPEED)
        *pieces, ending = engine.stream(Request("Karmost", True, (), 0), decoding())
    assert "".join(map(str, pieces)) == "".join(words)
    assert isinstance(ending, Ending)
    assert len(server.asked) == 1


def test_a_server_that_needs_longer_than_the_limit_is_given_twice_as_long_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The others behind it are not sent as often as the limit runs out, and the next ones have the time from the start."""
    slot = OneSlot(echo, SPEED, lambda body: 4000)
    with serving_faulty(slot) as server:
        # A second each, and 0.6 s are allowed.
        limits = usual_limits(SPEED, timeout_seconds=0.6, total_seconds=30, concurrency=4)
        found = list(ApiClient(server.url, KEY, limits).run(jobs(4)))
        repeated = Counter(asked.body["index"] for asked in server.asked)
    assert [outcome.error for outcome in found] == [None] * 4
    # The slot goes on with what nobody waits for any more, so that the second one waits for the first one twice.
    assert sum(repeated.values()) <= 7
    [line] = capsys.readouterr().err.splitlines()
    assert line == (
        f"{server.url}: no whole reply within 0.6 s; attempt 2 of 9, for up to 1 s, since it may be working still; 1 request "
        "at a time; for a slow server raise `timeout_seconds`, or lower `concurrency`"
    )


def test_a_server_that_hangs_ends_the_run() -> None:
    with serving_faulty(lambda asked: late(60, answers({}))) as server:
        started = time.monotonic()
        found = list(ApiClient(server.url, KEY, usual_limits(2000, concurrency=8)).run(jobs(2)))
        # Each has 0.9 s.
        assert time.monotonic() - started < 10
    assert [outcome.error is None for outcome in found] == [False, False]


def test_attempts_do_not_become_longer_for_ever() -> None:
    with serving_faulty(lambda asked: late(60, answers({}))) as server:
        started = time.monotonic()
        [found] = ApiClient(server.url, KEY, Limits(timeout_seconds=0.05, retries=8)).run(jobs(1))
        # 0.05, 0.1, 0.2 and six times 0.4 s, where they would come to 25 s.
        assert 2.7 <= time.monotonic() - started < 15
        assert len(server.asked) == 9
    assert found.error is not None


@pytest.mark.thorough
def test_in_real_time(cache: RowCache, capsys: pytest.CaptureFixture[str]) -> None:
    """A minute of 20 tokens a second, at the limits that there are by default."""
    slot = OneSlot(judge_reply, 1, judge_tokens)
    with serving_faulty(slot) as server:
        started = time.monotonic()
        assert judged(server.url, cache, 6, max_tokens=200) == ["scored"] * 6
        assert time.monotonic() - started >= 6 * 200 / TOKENS_A_SECOND
        require_no_retry(server, capsys.readouterr().err)
    assert json.loads(server.asked[-1].data)["max_tokens"] == 200
