"""How time and memory of the token shift measurement grow, and what thousands of answers take from start to end.

- growth of seconds with the length and the number of answers and with the vocabulary, of small random models
- memory: growth of a fresh process's peak above the models, of each way of ``token_shift.py`` on its cases, and of ``urial``
  for 32 answers of 2,000 tokens, vocabulary 256k
- whole: the answers of the run under data/, repeated to 1,000 and 10,000, measured with the embedded pair behind both base
  contexts and summarized as for the report; the finished run comes with `dvc pull` or `dvc repro`

python -m benchmarks.token_shift_scale --json /tmp/token_shift_scale.json
"""

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import torch

from benchmarks.token_shift import (
    CASES,
    MEMORY_MIB,
    Case,
    make_answers,
    make_pair,
    seconds_of,
    urial,
    ways_of,
)
from urial.core.store import read_json, read_jsonl
from urial.records.base import Record
from urial.records.completion import AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.plans import ReportPlan, TokenShiftPlan
from urial.records.token_shift import ShiftMeasurement
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.paired import compare_contexts
from urial.token_shift.figures.summary import summarize
from urial.token_shift.measure.context import measure_context
from urial.token_shift.measure.inputs import ShiftInputs

LARGE = Case("32 answers of 2,000, vocabulary 256k", 64, 128, 2, 4, 256_000, 32, 2_000)
WAYS = ("bare", "floor", "urial")
SMALL = Case("small", 32, 64, 2, 4, 256, 2, 8)
Row = TypeVar("Row", bound=Record)


def growth(rounds: int) -> list[dict[str, Any]]:
    """Seconds of ``urial`` with twice and four times the length, the vocabulary and the answers."""
    rows = []
    start = Case("growth", 64, 128, 2, 4, 8_192, 8, 128)
    for field in ("length", "vocabulary", "answers"):
        for factor in (1, 2, 4):
            case = Case(**{**asdict(start), field: getattr(start, field) * factor})
            pair, answers = make_pair(case), make_answers(case)
            seconds = [seconds_of(lambda: urial(pair, answers))[0] for _ in range(rounds + 1)]  # noqa: B023 (called at once)
            rows.append({"grows": field, "factor": factor, "seconds": statistics.median(seconds[1:])})
    return rows


def peak_growth(case: Case, way: str, threads: int) -> float:
    """MiB by which the peak memory of a fresh process grows above the models and answers (Linux)."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_growth, (case, way, threads))


def _peak_growth(case: Case, way: str, threads: int) -> float:
    torch.set_num_threads(threads)
    pair, answers = make_pair(case), make_answers(case)
    # Libraries take their own memory at the first pass.
    ways_of(SMALL, make_pair(SMALL), make_answers(SMALL))[way]()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _memory("VmRSS")
    ways_of(case, pair, answers)[way]()
    return _memory("VmHWM") - before


def _memory(name: str) -> float:
    """MiB of this process, as Linux counts them."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def whole(data: Path, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Seconds of measurement, under all base contexts, and of summary for so many answers of the run's pair."""
    plan = read_json(data / "plan/token_shift.json", TokenShiftPlan)
    report = read_json(data / "plan/report.json", ReportPlan)
    bootstrap = Bootstrap.from_params(report.report)
    rows = []
    for count in counts:
        found: dict[str, Any] = {}

        def measure(count: int = count, found: dict[str, Any] = found) -> None:
            for context in report.base_systems:
                tables, coverage = measure_context(plan, _inputs(data, plan, context, count), _folders(data))
                found[context] = (pa.concat_tables(tables), coverage)

        def summary(found: dict[str, Any] = found) -> None:
            for table, coverage in found.values():
                summarize(table, coverage, bootstrap)
            compare_contexts({name: table for name, (table, _) in found.items()}, bootstrap)

        (measured, _), (summarized, _) = seconds_of(measure), seconds_of(summary)
        positions = sum(len(table) for table, _ in found.values())
        rows.append({"answers": count, "positions": positions, "measured": measured, "summarized": summarized})
    return rows


def _folders(data: Path) -> dict[str, Path]:
    return {role: data / "models" / role for role in ("base", "aligned")}


def _inputs(data: Path, plan: TokenShiftPlan, context: str, count: int) -> ShiftInputs:
    answers = plan.token_shift.answer_system
    return ShiftInputs(
        instructions=_repeated(read_jsonl(data / "instructions.jsonl", Instruction), "id", count),
        completions=_repeated(read_jsonl(data / f"generations/{answers}.jsonl", Completion), "instruction_id", count),
        aligned_prompts=_repeated(
            read_jsonl(data / f"prompts/{answers}.jsonl", AssembledPrompt), "instruction_id", count
        ),
        base_prompts=_repeated(read_jsonl(data / f"prompts/{context}.jsonl", AssembledPrompt), "instruction_id", count),
        measurement=ShiftMeasurement(name=context, answers=answers, base_system=context, aligned_system=answers),
    )


def _repeated(rows: Sequence[Row], name: str, count: int) -> list[Row]:
    """``count`` rows, each with an id of its own."""
    return [
        row.model_copy(update={name: f"{getattr(row, name)}#{number}"})
        for number in range(count)
        for row in [rows[number % len(rows)]]
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="more than are free make it much slower")
    parser.add_argument("--data", type=Path, default=Path("data"), help="the finished run")
    parser.add_argument("--answers", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result = {
        "threads": arguments.threads,
        "growth": growth(arguments.rounds),
        "budget_mib": MEMORY_MIB,
        "memory": [
            {"case": case.name, "grown_mib": {way: peak_growth(case, way, arguments.threads) for way in ways}}
            for case, ways in [*((case, WAYS) for case in CASES), (LARGE, ("urial",))]
        ],
        "whole": whole(arguments.data, arguments.answers),
    }
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def show(result: dict[str, Any]) -> None:
    """Print the figures."""
    for row in result["growth"]:
        print(f"{row['factor']} x {row['grows']:12}{row['seconds']:8.3f} s")
    print(f"peak memory above the models; urial has {result['budget_mib']} MiB:")
    for row in result["memory"]:
        print(f"  {row['case']}: " + ", ".join(f"{way} {grown:.0f} MiB" for way, grown in row["grown_mib"].items()))
    for row in result["whole"]:
        print(
            f"{row['answers']:,} answers, {row['positions']:,} positions under all contexts: "
            f"measured in {row['measured']:.1f} s, summarized in {row['summarized']:.1f} s"
        )


if __name__ == "__main__":
    main()
