"""1,000 judgments, 64 at a time, by a server that takes a second for each: how near to the ideal, in what memory.

The judge is one process, with its row cache; the server is another one on this machine. Exits with 1 when the time is more
than 1.25 times the ideal, which is judgments / concurrency x latency.

python benchmarks/judging.py --json /tmp/judging.json
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from urial.core.row_cache import RowCache
from urial.judge.scores.run import judge_completions, make_judge
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.judgment import REGULAR_ASPECTS
from urial.records.model import Limits
from urial.records.params.judges import OpenAIJudge
from urial.records.plans import JudgePlan, OpenAIPlan, PlannedRubrics

WARM_UP = 200
JUDGMENTS = 1000
CONCURRENCY = 64
LATENCY_SECONDS = 1.0
LARGEST_RATIO = 1.25
# About as long as what models answer, and judges say.
KEY = "sha256:" + "0" * 64
ANSWER = "This is a sentence of an answer. " * 30
VERDICT = json.dumps({aspect: {"rationale": "It is so. " * 20, "score": 4} for aspect in REGULAR_ASPECTS})


@dataclass(frozen=True)
class Result:
    """`ratio` is seconds over ideal seconds; memory is resident, in MiB."""

    judgments: int
    concurrency: int
    seconds: float
    ideal_seconds: float
    ratio: float
    peak_mib: float
    # Over the peak of a run of WARM_UP judgments.
    growth_mib: float


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request of one connection, with the same chat completion after the latency."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": VERDICT}}
    usage = {"prompt_tokens": 1000, "completion_tokens": 300}
    body = json.dumps({"object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}).encode()
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


def make_plan(address: str) -> JudgePlan:
    """A judge on the server; that it wants plain text is said, and not found out."""
    limits = Limits(concurrency=CONCURRENCY)
    judge = OpenAIJudge(kind="openai", server=address, model="m", response_format="text", limits=limits)
    rubrics = PlannedRubrics(regular=load_rubric("multi/1"), safety=load_rubric("safety/1"))
    return JudgePlan(name="served", judge=OpenAIPlan(kind="openai", judge=judge, rubrics=rubrics, price=None))


def timed(plan: JudgePlan, cache: RowCache, count: int) -> float:
    """Seconds for so many judgments of answers that were never judged before."""
    instructions = [
        Instruction(id=f"{count}-{number}", turns=(f"Why {count} {number}?",), category="regular", source="benchmark")
        for number in range(count)
    ]
    answer = Answer(text=ANSWER, token_ids=None, finish="stop")
    completions = [
        Completion(instruction_id=item.id, system="s", status="ok", reason=None, answer=answer, key=KEY)
        for item in instructions
    ]
    judge = make_judge(plan, cache)
    started = time.perf_counter()
    rows = judge_completions(judge, instructions, completions)
    seconds = time.perf_counter() - started
    assert [row.status for row in rows] == ["scored"] * count
    return seconds


def peak_mib() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure() -> Result:
    """Both runs, the short one first, since a peak does not go down again."""
    ideal = JUDGMENTS / CONCURRENCY * LATENCY_SECONDS
    with serving() as address, tempfile.TemporaryDirectory() as folder, RowCache(Path(folder)) as cache:
        plan = make_plan(address)
        timed(plan, cache, WARM_UP)
        before = peak_mib()
        seconds = timed(plan, cache, JUDGMENTS)
    return Result(JUDGMENTS, CONCURRENCY, seconds, ideal, seconds / ideal, peak_mib(), peak_mib() - before)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    result = measure()
    print(f"{result.judgments} judgments, {result.concurrency} under way, {LATENCY_SECONDS:g} s each")
    print(f"elapsed {result.seconds:.2f} s, ideal {result.ideal_seconds:.2f} s, ratio {result.ratio:.3f}")
    print(f"peak memory {result.peak_mib:.0f} MiB, {result.growth_mib:.1f} MiB more than for {WARM_UP} judgments")
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    if result.ratio > LARGEST_RATIO:
        sys.exit(f"the ratio is above {LARGEST_RATIO:g}")


if __name__ == "__main__":
    main()
