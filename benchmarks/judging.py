"""1,000 requests, 64 at a time, against a server that takes a second for each: how near to the ideal, in what memory.

The client is one process; the server is another one on this machine. Exits with 1 when the time is more than 1.25 times
the ideal, which is requests / concurrency x latency.

python benchmarks/judging.py --json /tmp/judging.json
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from urial.api.client import ApiClient, Job
from urial.api.limits import Limits

WARM_UP = 200
REQUESTS = 1000
CONCURRENCY = 64
LATENCY_SECONDS = 1.0
LARGEST_RATIO = 1.25
# About what a judge is shown, and what it says.
QUESTION = "Is the answer helpful? " * 200
VERDICT = json.dumps({"helpfulness": {"rationale": "It answers the question. " * 20, "score": 4}})


@dataclass(frozen=True)
class Result:
    """`ratio` is seconds over ideal seconds; memory is resident, in MiB."""

    requests: int
    concurrency: int
    seconds: float
    ideal_seconds: float
    ratio: float
    peak_mib: float
    # Over the peak of a run of WARM_UP requests.
    growth_mib: float


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request of one connection, with the same chat completion after the latency."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": VERDICT}}
    body = json.dumps({"object": "chat.completion", "model": "m", "choices": [choice]}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    try:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            await asyncio.sleep(LATENCY_SECONDS)
            writer.write(head + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def serve(started: Connection) -> None:
    """The server, which tells its port."""

    async def main() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=1024)
        started.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def serving() -> Iterator[str]:
    """The address of a running server."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def timed(client: ApiClient, requests: int) -> float:
    """Seconds for so many requests, each of which has to be answered once."""
    jobs = (
        Job(str(index), "/chat/completions", {"messages": [{"role": "user", "content": f"{index} {QUESTION}"}]})
        for index in range(requests)
    )
    started = time.perf_counter()
    seen = set()
    for outcome in client.run(jobs):
        assert outcome.body is not None, outcome.error
        assert outcome.body["choices"][0]["message"]["content"] == VERDICT
        seen.add(outcome.key)
    assert len(seen) == requests
    return time.perf_counter() - started


def peak_mib() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure() -> Result:
    """Both runs, the short one first, since a peak does not go down again."""
    ideal = REQUESTS / CONCURRENCY * LATENCY_SECONDS
    with serving() as address:
        client = ApiClient(address, "OPENAI_API_KEY", Limits(concurrency=CONCURRENCY))
        timed(client, WARM_UP)
        before = peak_mib()
        seconds = timed(client, REQUESTS)
    return Result(REQUESTS, CONCURRENCY, seconds, ideal, seconds / ideal, peak_mib(), peak_mib() - before)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    result = measure()
    print(f"{result.requests} requests, {result.concurrency} under way, {LATENCY_SECONDS:g} s each")
    print(f"elapsed {result.seconds:.2f} s, ideal {result.ideal_seconds:.2f} s, ratio {result.ratio:.3f}")
    print(f"peak memory {result.peak_mib:.0f} MiB, {result.growth_mib:.1f} MiB more than for {WARM_UP} requests")
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    if result.ratio > LARGEST_RATIO:
        sys.exit(f"the ratio is above {LARGEST_RATIO:g}")


if __name__ == "__main__":
    main()
