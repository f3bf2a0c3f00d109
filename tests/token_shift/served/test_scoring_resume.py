"""Scores that were got once are not asked for again: not after a killed run, not for equal rows, never mixed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faulty_server import Asked, FaultyServer, Reply, late, serving_faulty
from tests.scoring_server import ECHO, ScoringModel
from tests.served import served_model
from tests.token_shift.served.test_scoring_server import IDS, PROMPT, TEXTS, TOP_K, by_ids, by_text, encoded
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.records.model import Limits
from urial.token_shift.served import logprob_server
from urial.token_shift.served.answer_logprobs import ScoreRequest, Scores
from urial.token_shift.served.logprob_probe import LogprobProtocol
from urial.token_shift.served.logprob_server import ScoreCache, ScoringServer

MODEL = ScoringModel()
ROWS = [*IDS, *map(by_text, TEXTS)]
PROTOCOL = LogprobProtocol(kind="prompt_logprobs", form="ids", asked=5, given=5, max_tokens=1)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path) as opened:
        yield opened


def scored(server: FaultyServer, cache: RowCache | None, rows: list[ScoreRequest] = ROWS, top_k: int = TOP_K) -> object:
    return dict(ScoringServer(served_model(server.url), top_k, cache).score(rows))


def test_a_finished_run_needs_no_server(cache: RowCache) -> None:
    with serving_faulty(MODEL.reply) as server:
        found = scored(server, cache)
        asked = len(server.asked)
        assert scored(server, cache) == found
        assert len(server.asked) == asked == 2 + len(ROWS)
        url = server.url
    assert dict(ScoringServer(served_model(url), TOP_K, cache).score(ROWS)) == found


def test_a_row_more_is_one_request_more_and_the_probe(cache: RowCache) -> None:
    with serving_faulty(MODEL.reply) as server:
        scored(server, cache)
        server.asked.clear()
        scored(server, cache, [*ROWS, by_text("Thing")])
        assert [asked.body["prompt"] for asked in server.asked][1:] == [PROMPT + "Thing"]
        assert len(server.asked) == 2


def test_equal_rows_are_asked_for_once(cache: RowCache) -> None:
    with serving_faulty(MODEL.reply) as server:
        found = dict(ScoringServer(served_model(server.url), TOP_K, None).score([*IDS, *IDS, *IDS]))
        assert len(server.asked) == 1 + len(IDS)
    assert sorted(found) == list(range(3 * len(IDS)))
    assert all(found[index] == found[index % len(IDS)] for index in found)


@pytest.mark.parametrize("change", ["protocol", "candidates", "model", "algorithm"])
def test_what_can_change_a_row_has_rows_of_its_own(
    change: str, cache: RowCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_faulty(MODEL.reply) as server:
        before = scored(server, cache, IDS)
        server.asked.clear()
        model, top_k = served_model(server.url), TOP_K
        rows = [*IDS, by_ids(encoded("Thing", False))]
        if change == "protocol":
            # It was found out again, since a row is missing; the rows of before are not mixed in.
            server.script = ScoringModel(knows=ECHO).reply
        elif change == "candidates":
            top_k = 4
        elif change == "model":
            model = served_model(server.url, "another/model")
        else:
            monkeypatch.setattr(logprob_server, "ALGORITHM", logprob_server.ALGORITHM + 1)
        after = dict(ScoringServer(model, top_k, cache).score(rows))
        probes = 2 if change == "protocol" else 1
        assert len(server.asked) == probes + len(rows)
    assert isinstance(before, dict)
    same = [after[index] == before[index] for index in before]
    assert not any(same) or change in ("model", "algorithm")


def test_limits_change_no_row(cache: RowCache) -> None:
    with serving_faulty(MODEL.reply) as server:
        scored(server, cache, IDS)
        server.asked.clear()
        changed = served_model(
            server.url, limits=Limits(concurrency=1, timeout_seconds=3, retries=0), context_window=512
        )
        assert len(dict(ScoringServer(changed, TOP_K, cache).score(IDS))) == len(IDS)
        assert server.asked == []


def test_no_two_requests_have_one_key(cache: RowCache) -> None:
    one = ScoreCache(cache, "http://a/v1", "m", 5)
    requests = [
        ScoreRequest((1, 2), (3,)), ScoreRequest((1,), (2, 3)), ScoreRequest((12,), (3,)),
        ScoreRequest("ab", "c"), ScoreRequest("a", "bc"),
    ]  # fmt: skip
    protocols = [PROTOCOL, PROTOCOL.model_copy(update={"kind": "echo"}), PROTOCOL.model_copy(update={"given": 4})]
    caches = [one, ScoreCache(cache, "http://b/v1", "m", 5), ScoreCache(cache, "http://a/v1", "n", 5),
              ScoreCache(cache, "http://a/v1", "m", 6)]  # fmt: skip
    keys = {item.key(protocol, request) for item in caches for protocol in protocols for request in requests}
    assert len(keys) == len(requests) * len(protocols) * len(caches)
    # The same ids are the same row, whatever the texts and their names; how many tokens are generated changes nothing.
    named = ScoreRequest((1, 2), (3,), ("z",), "q1")
    assert one.key(PROTOCOL.model_copy(update={"max_tokens": 0, "asked": 6}), named) == one.key(PROTOCOL, requests[0])


def test_a_row_that_was_kept_is_checked_against_other_texts(cache: RowCache) -> None:
    request = by_ids(encoded("The capital", False))
    with serving_faulty(MODEL.reply) as server:
        scored(server, cache, [request])
        other = ScoreRequest(request.prompt, request.answer, ("The", " town"))
        with pytest.raises(UrialError) as caught:
            scored(server, cache, [other])
        assert str(caught.value).partition("\n")[0] == (
            f"{server.url}: token id {encoded('The capital')[2]} is ' capital' to the server and ' town' to the model "
            "that wrote the answers"
        )


def test_a_row_of_another_tokenizer_is_not_kept(cache: RowCache) -> None:
    with serving_faulty(ScoringModel(writes="other").reply) as server:
        with pytest.raises(UrialError):
            scored(server, cache, [IDS[1]])
        server.script = MODEL.reply
        server.asked.clear()
        scored(server, cache, [IDS[1]])
        assert len(server.asked) == 2


KILLED = """
import sys
from tests.token_shift.served.test_scoring_server import IDS, by_text, TEXTS, TOP_K
from tests.served import served_model
from urial.records.model import Limits
from urial.token_shift.served.logprob_server import ScoringServer
from urial.core.row_cache import RowCache
with RowCache() as cache:
    model = served_model(sys.argv[1], limits=Limits(concurrency=1))
    for index, _ in ScoringServer(model, TOP_K, cache).score([*IDS, *map(by_text, TEXTS)]):
        print(index, flush=True)
"""


@pytest.mark.thorough
def test_a_killed_run_goes_on_where_it_was(cache_folder: Path) -> None:
    def script(asked: Asked) -> Reply:
        return MODEL.reply(asked) if asked.number < 3 else late(60, MODEL.reply(asked))

    with serving_faulty(script) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, server.url], stdout=subprocess.PIPE, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert process.stdout is not None
        # Two rows are there; a third is asked for.
        assert [process.stdout.readline() for _ in range(2)] == [b"0\n", b"1\n"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        server.script = MODEL.reply
        server.asked.clear()
        with RowCache(cache_folder) as cache:
            found = scored(server, cache)
        prompts = [asked.body["prompt"] for asked in server.asked]
    assert list(IDS[0].sent) not in prompts
    assert list(IDS[1].sent) not in prompts
    assert len(prompts) == 2 + len(ROWS) - 2
    assert isinstance(found, dict)
    assert all(isinstance(row, Scores) for row in found.values())
