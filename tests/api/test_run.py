"""Many jobs: every one answered once, in bounded memory, and as soon as it can be."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.api.asking import KEY, PATH, client, echo, jobs
from tests.faulty_server import FaultyServer, answers, chat, late, resets, serving_faulty, too_many
from urial.api.client import ApiClient, Job, Outcome
from urial.records.model import Limits

pytestmark = pytest.mark.usefixtures("nothing_is_left_open")


def test_every_job_is_answered_once_with_its_own_reply() -> None:
    with serving_faulty(echo) as server:
        outcomes = list(client(server).run(jobs(50)))
    assert sorted(server.asked, key=lambda asked: asked.number) == server.asked
    assert Counter(asked.body["index"] for asked in server.asked) == Counter(range(50))
    assert {outcome.key: outcome.body for outcome in outcomes} == {
        f"job {index}": {"index": index} for index in range(50)
    }
    assert len(outcomes) == 50
    assert {outcome.error for outcome in outcomes} == {None}
    assert {asked.path for asked in server.asked} == {"/v1/chat/completions"}


def test_every_third_request_that_fails_is_made_again_and_no_other() -> None:
    with serving_faulty(lambda asked: (resets(), too_many(), echo(asked))[asked.number % 3]) as server:
        outcomes = list(client(server, retries=100).run(jobs(40)))
    replied = [asked.body["index"] for asked in server.asked if asked.number % 3 == 2]
    assert sorted(replied) == list(range(40))
    assert Counter(outcome.body["index"] for outcome in outcomes if outcome.body) == Counter(range(40))


def test_no_job_is_no_request() -> None:
    with serving_faulty(echo) as server:
        assert list(client(server).run([])) == []
        assert server.asked == []


def test_one_at_a_time_keeps_the_order_and_one_connection() -> None:
    with serving_faulty(echo) as server:
        outcomes = list(client(server, concurrency=1).run(jobs(10)))
    assert [outcome.key for outcome in outcomes] == [f"job {index}" for index in range(10)]
    assert [asked.body["index"] for asked in server.asked] == list(range(10))
    assert len(server.connections) == 1


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_no_more_than_the_limit_is_under_way(concurrency: int) -> None:
    with serving_faulty(lambda asked: late(0.2, echo(asked))) as server:
        list(client(server, concurrency=concurrency).run(jobs(3 * concurrency)))
    assert server.most_at_once == concurrency


def test_it_begins_with_a_quarter_and_gives_a_server_that_can_take_it_all() -> None:
    with serving_faulty(lambda asked: late(0.5, echo(asked))) as server:
        asking = ApiClient(server.url, KEY, Limits(concurrency=16))
        assert len(list(asking.run(jobs(40)))) == 40
        times = sorted(asked.at for asked in server.asked)
        assert times[4] - times[0] >= 0.4
        assert server.most_at_once == 16
        # What was learned stays: the next run begins where this one ended.
        server.most_at_once = 0
        list(asking.run(jobs(16)))
        assert server.most_at_once == 16


def test_outcomes_come_in_the_order_of_completion() -> None:
    waits = {0: 0.6, 1: 0.01, 2: 0.2}
    with serving_faulty(lambda asked: late(waits[asked.body["index"]], echo(asked))) as server:
        assert [outcome.key for outcome in client(server).run(jobs(3))] == ["job 1", "job 2", "job 0"]


def test_a_job_is_taken_when_one_is_free_and_after_the_outcomes_so_far() -> None:
    taken: list[int] = []

    def watched() -> Iterator[Job[str]]:
        for index in range(12):
            taken.append(index)
            yield Job(str(index), PATH, {"index": index})

    with serving_faulty(echo) as server:
        for seen, _ in enumerate(client(server, concurrency=3).run(watched()), start=1):
            # What a budget needs to know: nothing was taken since this outcome was there.
            assert len(taken) <= seen - 1 + 3
    assert taken == list(range(12))


def test_jobs_that_end_early_end_the_run() -> None:
    spent: list[Outcome[str]] = []

    def within_budget() -> Iterator[Job[str]]:
        for index in range(1000):
            if len(spent) >= 5:
                return
            yield Job(str(index), PATH, {"index": index})

    with serving_faulty(echo) as server:
        for outcome in client(server, concurrency=2).run(within_budget()):
            spent.append(outcome)
    assert len(server.asked) == len(spent) <= 6


def test_the_first_jobs_are_sent_while_others_are_still_made() -> None:
    sent: list[int] = []

    def slow(server: FaultyServer) -> Iterator[Job[str]]:
        for job in jobs(40):
            time.sleep(0.01)
            sent.append(len(server.asked))
            yield job

    with serving_faulty(lambda asked: late(0.5, echo(asked))) as server:
        list(client(server, concurrency=40).run(slow(server)))
    assert sent[0] == 0
    assert sent[-1] > 0


def test_another_request_can_be_made_between_two_outcomes() -> None:
    with serving_faulty(lambda asked: answers({"path": asked.path})) as server:
        asking = client(server)
        for outcome in asking.run(jobs(5)):
            assert outcome.body == {"path": "/v1/chat/completions"}
            assert asking.ask("/other", {}) == {"path": "/v1/other"}
    assert len(server.asked) == 10


def test_the_loop_of_the_caller_stays_as_it_was() -> None:
    with serving_faulty(echo) as server:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        list(client(server).run(jobs(2)))
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
        asyncio.set_event_loop(None)
        loop.close()


def test_a_chat_reply_passes_as_it_is() -> None:
    with serving_faulty([answers(chat("é🙂", finish="length", refusal=None))]) as server:
        assert client(server).ask(PATH, {"a": "é🙂"}) == chat("é🙂", finish="length", refusal=None)
    [asked] = server.asked
    assert asked.data == '{"a":"é🙂"}'.encode()
    assert asked.headers["content-type"] == "application/json"
