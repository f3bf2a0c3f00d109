"""1,000 judgments, and 1,000 preferences in both orders, 64 at a time, by a server that takes a second for each reply: how near
to the ideal, in what memory.

The judge is one process, with its row cache; the server is another one on this machine. Exits with 1 when the time is more
than 1.25 times the ideal of judgments, or 1.15 times that of preferences, which is requests / concurrency x latency.

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
from urial.judge.preferences.run import compare_completions, make_preference_judge
from urial.judge.scores.run import judge_completions, make_judge
from urial.prompts.preferences.rubrics import load_preference_rubric
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.judgment import REGULAR_ASPECTS
from urial.records.model import Limits
from urial.records.params.judges import OpenAIJudge
from urial.records.plans import JudgePlan, OpenAIPlan, PlannedRubrics, PreferencesPlan

WARM_UP = 200
ROWS = 1000
CONCURRENCY = 64
LATENCY_SECONDS = 1.0
LARGEST_RATIO = {"judgments": 1.25, "preferences": 1.15}
# About as long as what models answer, and judges say.
KEY = "sha256:" + "0" * 64
ANSWER = "This is a sentence of an answer. " * 30
VERDICT = json.dumps({aspect: {"rationale": "It is so. " * 20, "score": 4} for aspect in REGULAR_ASPECTS})
RUBRIC = load_preference_rubric("preference/aspects-1", "json")
PREFERRED = json.dumps({name: {"rationale": "It is so. " * 20, "verdict": "tie"} for name in RUBRIC.rubric.criteria})


@dataclass(frozen=True)
class Result:
    """`ratio` is seconds over ideal seconds; memory is resident, in MiB."""

    kind: str
    rows: int
    requests: int
    concurrency: int
    seconds: float
    ideal_seconds: float
    ratio: float
    peak_mib: float
    # Over the peak of a run of WARM_UP rows.
    growth_mib: float


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request of one connection, with one of two chat completions after the latency."""
    replies = {compared: _reply(PREFERRED if compared else VERDICT) for compared in (True, False)}
    try:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
            asked = await reader.readexactly(length)
            await asyncio.sleep(LATENCY_SECONDS)
            writer.write(replies[b"answer-B" in asked])
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _reply(text: str) -> bytes:
    """A chat completion with this text as an HTTP response."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 1000, "completion_tokens": 300}
    body = json.dumps({"object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


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


def answers_of(system: str, instructions: list[Instruction]) -> list[Completion]:
    """A system's answers, of which no two systems have the same."""
    answer = Answer(text=ANSWER + system, token_ids=None, finish="stop")
    return [
        Completion(instruction_id=item.id, system=system, status="ok", reason=None, answer=answer, key=KEY)
        for item in instructions
    ]


def timed(kind: str, plan: JudgePlan, cache: RowCache, count: int) -> float:
    """Seconds for so many judgments, or preferences in both orders, of answers that were never judged before."""
    instructions = [
        Instruction(id=f"{count}-{number}", turns=(f"Why {count} {number}?",), category="regular", source="benchmark")
        for number in range(count)
    ]
    ours, theirs = (answers_of(system, instructions) for system in ("s", "other"))
    if kind == "judgments":
        judge = make_judge(plan, cache)
        started = time.perf_counter()
        done = [row.status == "scored" for row in judge_completions(judge, instructions, ours)]
    else:
        comparing = PreferencesPlan(baseline="other", orders="both", name="served", judge=plan.judge, rubric=RUBRIC)
        comparer = make_preference_judge(comparing, cache)
        started = time.perf_counter()
        rows = compare_completions(comparer, comparing, instructions, ours, theirs)
        done = [row.results[0].outcome == "tie" for row in rows]
    seconds = time.perf_counter() - started
    assert done == [True] * count
    return seconds


def peak_mib() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(kind: str) -> Result:
    """Both runs, the short one first, since a peak does not go down again."""
    requests = ROWS * (2 if kind == "preferences" else 1)
    ideal = requests / CONCURRENCY * LATENCY_SECONDS
    with serving() as address, tempfile.TemporaryDirectory() as folder, RowCache(Path(folder)) as cache:
        plan = make_plan(address)
        timed(kind, plan, cache, WARM_UP)
        before = peak_mib()
        seconds = timed(kind, plan, cache, ROWS)
    return Result(kind, ROWS, requests, CONCURRENCY, seconds, ideal, seconds / ideal, peak_mib(), peak_mib() - before)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument("--only", choices=list(LARGEST_RATIO), help="measure these alone")
    arguments = parser.parse_args()
    results = [measure(kind) for kind in LARGEST_RATIO if arguments.only in (None, kind)]
    for result in results:
        print(
            f"{result.rows} {result.kind}: {result.requests} requests, {result.concurrency} under way, {LATENCY_SECONDS:g} s each"
        )
        print(f"elapsed {result.seconds:.2f} s, ideal {result.ideal_seconds:.2f} s, ratio {result.ratio:.3f}")
        print(f"peak memory {result.peak_mib:.0f} MiB, {result.growth_mib:.1f} MiB more than for {WARM_UP}")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n", encoding="utf-8")
    if slow := [result.kind for result in results if result.ratio > LARGEST_RATIO[result.kind]]:
        sys.exit(f"the ratio of {' and '.join(slow)} is above {', '.join(f'{LARGEST_RATIO[kind]:g}' for kind in slow)}")


if __name__ == "__main__":
    main()
