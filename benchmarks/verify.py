"""Whether the time of `urial verify` is linear in the data: the run of record with each of its rows 1, 4 and 10 times.

A repeated row has an id and a reference of its own, so that nothing is taken for the same row again; judgments, plan,
report and dvc.lock are made anew of the repeated rows, and every link has to hold. Models are as large as ever, and what
is imported is imported before. Reading is timed once more by itself: it is a part of the other groups. Exits with 1 when
a group of 0.1 s or more grows by over 1.5 times what the data do; Python's garbage collector, which goes through all
that is kept, takes a good part of that. Needs the run's artifacts (`dvc pull`).

python benchmarks/verify.py --json /tmp/verify.json
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
from dvc.utils.serialize import dumps_yaml, loads_yaml

from urial.core.parquet import read_parquet, write_parquet
from urial.core.row_cache import RowCache
from urial.core.store import read_jsonl, write_json, write_jsonl
from urial.judge.scores.run import judge_completions, make_judge
from urial.plan.planning import make_plans
from urial.prompts.versions.library import PROMPTS_DIR
from urial.provenance.verify.run import Run
from urial.provenance.verify.verification import Link, verify_links
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.params.file import read_params
from urial.records.token_shift import shift_schema
from urial.report.inputs import read_inputs
from urial.report.write import write_report
from urial.run.files import Digests
from urial.run.lockfile import LOCK
from urial.run.paths import COMPLETIONS, COVERAGE, JUDGMENTS, PROMPTS, RUN_FILES, SYSTEM_PLAN, TOKEN_SHIFT
from urial.run.pipeline import parameter_values, read_pipeline
from urial.run.reader import RunReader

TIMES, READINGS = (1, 4, 10), 3
LARGEST_GROWTH, LEAST_SECONDS = 1.5, 0.1
FOLDERS = ("urial", "stages", "schemas", "prompts", "data")
FILES = ("dvc.yaml", "dvc.lock", "params.yaml", ".dvcignore")
SOURCE = "repeated.jsonl"
EDITS = (
    ("instructions: null ", "instructions: repeated "),
    ("instruction_sets:\n", f"instruction_sets:\n  repeated: {{kind: jsonl, source: {SOURCE}}}\n"),
)
# Links by the first words of their names; the first that fits counts.
GROUPS = {
    "files of ": "hashing files", "instructions": "instructions", "prompts of ": "assembling prompts",
    "answers of ": "answers' keys and texts", "token shift of ": "token shift", "judgments of ": "judging by the rules",
    "numbers": "report", "tables, charts and page": "report", "": "all other links",
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """A row is one instruction in one system; `seconds` are by group of links."""

    times: int
    rows: int
    seconds: Mapping[str, float]
    seconds_per_row: Mapping[str, float]
    growth: Mapping[str, float]


def make_run(folder: Path, times: int) -> None:
    """A run folder whose rows are those of the run in this folder, so many times each."""
    for name in FOLDERS:
        shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(name, folder)
    text = Path("params.yaml").read_text("utf-8")
    for old, new in EDITS:
        text, found = text.replace(old, new), text.count(old)
        assert found == 1, old
    (folder / "params.yaml").write_text(text, "utf-8")
    with contextlib.chdir(folder):
        repeat_rows(Path("data"), times)
        make_again(Path("data"))
        lock()


def repeat_rows(data: Path, times: int) -> None:
    """Instructions, prompts, answers and token shift, each copy under names of its own."""
    marks = ["+" * copy for copy in range(times)]
    for kind in (PROMPTS, COMPLETIONS, COVERAGE, JUDGMENTS):
        for _, path in kind.present(data):
            lines = [(mark, row.model_dump()) for mark in marks for row in read_jsonl(path, kind.model)]
            named = ({**line, "instruction_id": line["instruction_id"] + mark} for mark, line in lines)
            write_jsonl(path, map(kind.model.model_validate, named))
    for path in sorted((data / "token_shift").glob("*.parquet")):
        table = read_parquet(path, shift_schema())
        columns = (pa.array([name + mark for name in table["instruction_id"].to_pylist()]) for mark in marks)
        write_parquet(path, (table.set_column(0, "instruction_id", column) for column in columns), shift_schema())
    rows = read_jsonl(data / "instructions.jsonl", Instruction)
    # Equal cases are judged once; spaces behind a reference make another case of the same answer.
    made = ((row.id + mark, (row.reference or "") + " " * len(mark), row) for mark in marks for row in rows)
    repeated = (row.model_copy(update={"id": name, "reference": reference}) for name, reference, row in made)
    write_jsonl(data / "instructions.jsonl", repeated)
    shutil.copy(data / "instructions.jsonl", SOURCE)


def make_again(data: Path) -> None:
    """Plan, judgments and report, as their stages make them, but for the records of the environment."""
    plans = make_plans(read_params(Path("params.yaml")), PROMPTS_DIR)
    for system in plans.systems:
        write_json(data / SYSTEM_PLAN.below(system.system), system)
    for name in ("models", "instructions", "token_shift", "judge", "report"):
        write_json(data / f"plan/{name}.json", getattr(plans, name))
    instructions = read_jsonl(data / "instructions.jsonl", Instruction)
    with tempfile.TemporaryDirectory() as scratch, RowCache(Path(scratch)) as cache:
        for path in sorted((data / "generations").glob("*.jsonl")):
            found = judge_completions(make_judge(plans.judge, cache), instructions, read_jsonl(path, Completion))
            write_jsonl(data / f"judgments/{path.name}", found)
    shutil.rmtree(data / "report")
    write_report(read_inputs(RunReader(data)), data / "report")


def lock() -> None:
    """Record in dvc.lock what parameters and files are now."""
    path, digests, stages = Path(LOCK), Digests(Path()), read_pipeline(Path())
    found = loads_yaml(path.read_text("utf-8"))
    for name, stage in found["stages"].items():
        if values := parameter_values(Path(), stages[name]):
            stage["params"] = values
        for entry in (*stage["deps"], *stage["outs"]):
            now = digests.of(Path(entry["path"]))
            entry.update(now.model_dump(include={"md5", "size", "nfiles"}, exclude_none=True))
    path.write_text(dumps_yaml(found), "utf-8")


def timed_links(folder: Path) -> Iterator[tuple[Link, float]]:
    """Every link of a run with its seconds. Fails where one is broken."""
    started = time.perf_counter()
    for link in verify_links(folder):
        spent = time.perf_counter() - started
        assert link.status != "broken", f"{link.name}: {link.problems[0]}"
        yield link, spent
        started = time.perf_counter()


def read_rows(folder: Path) -> tuple[int, float]:
    """Read every row as the checks do: the number of answers, and the seconds of the quickest of a few times."""
    best = float("inf")
    for _ in range(READINGS):
        started, run = time.perf_counter(), Run(folder)
        for kind in (kind for kind in RUN_FILES if kind.form == "jsonl"):
            for key, _ in kind.present(run.data):
                run.rows(kind, key)
        for key, _ in TOKEN_SHIFT.present(run.data):
            run.table(key)
        best = min(best, time.perf_counter() - started)
    return len(run.instructions) * len(run.plan.systems), best


def measure(folder: Path, times: int, first: Result | None) -> Result:
    """Seconds of each group, beside those of the smallest run."""
    rows, reading = read_rows(folder)
    seconds = dict.fromkeys(GROUPS.values(), 0.0)
    for link, spent in timed_links(folder):
        seconds[next(group for start, group in GROUPS.items() if link.name.startswith(start))] += spent
    seconds = {"reading rows alone": reading, **seconds, "all links": sum(seconds.values())}
    growth = {group: spent / (first.seconds[group] if first else spent) for group, spent in seconds.items()}
    return Result(times, rows, seconds, {group: spent / rows for group, spent in seconds.items()}, growth)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    results: list[Result] = []
    for times in TIMES:
        with tempfile.TemporaryDirectory() as temporary:
            make_run(Path(temporary), times)
            if not results:  # for what is imported alone
                list(timed_links(Path(temporary)))
            results.append(result := measure(Path(temporary), times, results[0] if results else None))
        print(f"{result.times}x the data, {result.rows:,} rows", flush=True)
        for group, spent in result.seconds.items():
            each = result.seconds_per_row[group] * 1e6
            print(f"  {group:24} {spent:8.2f} s {each:8.0f} us a row {result.growth[group]:8.2f} times the smallest")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n", encoding="utf-8")
    grown = {group: factor for group, factor in result.growth.items() if result.seconds[group] >= LEAST_SECONDS}
    if worse := [group for group, factor in grown.items() if factor > LARGEST_GROWTH * TIMES[-1]]:
        sys.exit(f"grows more than {LARGEST_GROWTH:g} times what the data do: {', '.join(worse)}")


if __name__ == "__main__":
    main()
