"""Whether the site of a large run is written and read fast enough: 10,000 answers of 300 tokens under two base contexts.

The run is made up, always the same: instructions, prompts, judgments and preferences are those of the run under data/
(`dvc pull`) under new ids; answers and the 6 million rows of the token shift come from a seeded generator, with the shares and
the five candidates of a real measurement, of a vocabulary of 20,000 tokens. A process of its own reads it, computes the
figures and writes the site, at each size; then a browser opens the site of the largest from the file system.

- seconds and peak memory of reading, of the figures and of the site, and how the site's seconds grow with the answers
- bytes and files of the site
- in headless Chromium, as in benchmarks.site_browser: time to the first view, to the next answer, and memory of the tab

python -m benchmarks.site --json /tmp/site.json
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from benchmarks import site_browser
from urial.core.parquet import write_parquet
from urial.core.store import read_jsonl, write_json, write_jsonl
from urial.records.base import Record
from urial.records.completion import Answer
from urial.records.instruction import Instruction
from urial.records.token_shift import LABELS, ShiftCoverage, categories, shift_schema
from urial.report.branching_tables import branching_curve_tables
from urial.report.build import build_report
from urial.report.charts.every import all_figures, write_charts
from urial.report.inputs import read_inputs
from urial.report.position_tables import landmark_curve_table
from urial.report.shift_tables import curve_tables, shifts_by_tag
from urial.report.site.index import identifier
from urial.report.site.write import write_site
from urial.report.tables import tag_table
from urial.run.paths import (
    COMPLETIONS,
    COVERAGE,
    INSTRUCTIONS,
    JUDGMENTS,
    MANIFEST,
    PREFERENCES,
    PROMPTS,
    REPORT_PLAN,
    SYSTEM_PLAN,
    TOKEN_SHIFT,
    RunFile,
)
from urial.run.reader import RunReader

SYSTEMS, CONTEXTS = ("aligned", "base-zero-shot", "base-urial"), ("base-zero-shot", "base-urial")
VOCABULARY, CANDIDATES = 20_000, 5
GROUP = 16_384
# What must hold, of the largest run.
MOST_SECONDS, MOST_MIB = 120.0, 4096.0
Row = TypeVar("Row", bound=Record)


def make_run(source: RunReader, data: Path, answers: int, tokens: int) -> None:
    """A run with so many answers of so many tokens under ``data``."""
    plan = source.plan.model_copy(
        update={
            "systems": SYSTEMS,
            "base_systems": CONTEXTS,
            "compared": SYSTEMS[1:],
            "baseline": SYSTEMS[0],
            "given": (),
            "blends": (),
            "published": (),
            "safety_depth": None,
        }
    )
    write_json(data / REPORT_PLAN.below(), plan)
    for role, manifest in source.models.items():
        write_json(data / MANIFEST.below(role), manifest)
    write_jsonl(data / INSTRUCTIONS.below(), repeated(source.instructions, "id", answers))
    words = [f" w{number}" for number in range(VOCABULARY)]
    for name in SYSTEMS:
        write_json(data / SYSTEM_PLAN.below(name), source.record(SYSTEM_PLAN, name))
        kinds: list[RunFile[Any]] = [PROMPTS, JUDGMENTS, *([PREFERENCES] if name in plan.compared else [])]
        for kind in kinds:
            write_jsonl(data / kind.below(name), repeated(source.rows(kind, name), "instruction_id", answers))
        completions = repeated(source.rows(COMPLETIONS, name), "instruction_id", answers)
        ids = zipf(np.random.default_rng(SYSTEMS.index(name)), answers * tokens).reshape(answers, tokens)
        answered = [
            row.model_copy(
                update={
                    "answer": Answer(
                        text="".join(words[token] for token in line), token_ids=tuple(line), finish="end_token"
                    )
                }
            )
            for row, line in zip(completions, ids.tolist(), strict=True)
        ]
        write_jsonl(data / COMPLETIONS.below(name), answered)
    names = [row.id for row in read_jsonl(data / INSTRUCTIONS.below(), Instruction)]
    for number, context in enumerate(CONTEXTS):
        groups = (token_rows(names, start, tokens, number) for start in range(0, answers, max(1, GROUP // tokens)))
        write_parquet(data / TOKEN_SHIFT.below(context), groups, shift_schema())
        coverage = {
            "context": context, "status": "measured", "reason": None, "positions": tokens, "unmatched": 0,
            "retokenized": False, "end": "same", "vocabulary": VOCABULARY,
        }  # fmt: skip
        rows = [ShiftCoverage.model_validate({"instruction_id": name, **coverage}) for name in names]
        write_jsonl(data / COVERAGE.below(context), rows)


def repeated(rows: Sequence[Row], name: str, count: int) -> list[Row]:
    """``count`` rows, each with an id of its own."""
    return [rows[number % len(rows)].model_copy(update={name: f"i{number:05}"}) for number in range(count)]


def zipf(random: np.random.Generator, count: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Token ids as frequent as in text."""
    return np.minimum(random.zipf(1.2, count) - 1, VOCABULARY - 1)


def token_rows(names: Sequence[str], start: int, tokens: int, context: int) -> pa.Table:
    """The rows of a few answers under one base context; what is of the answer is the same under all."""
    some = names[start : start + max(1, GROUP // tokens)]
    count = len(some) * tokens
    random, own = np.random.default_rng((start, 7)), np.random.default_rng((start, context))
    ids = zipf(random, count)
    words = pa.array([f" w{number}" for number in range(VOCABULARY)])
    # About 78 % unshifted, 15 % marginal and 7 % shifted.
    ranks = np.where(own.random(count) < 0.78, 1, np.minimum(own.zipf(1.6, count) + 1, VOCABULARY)).astype(np.int32)
    offsets = pa.array(np.arange(0, (count + 1) * CANDIDATES, CANDIDATES, dtype=np.int32))
    columns: dict[str, Any] = {
        "instruction_id": np.repeat(some, tokens),
        "position": np.tile(np.arange(tokens), len(some)),
        "token_id": ids,
        "token": words.take(pa.array(ids)),
        "word_index": np.tile(np.arange(tokens), len(some)),
        "word": words.take(pa.array(ids)),
        "is_end": np.tile(np.arange(tokens) == tokens - 1, len(some)),
        "base_rank": ranks,
        "aligned_rank": np.ones(count, np.int32),
        "base_ties": np.zeros(count, np.int32),
        "aligned_ties": np.zeros(count, np.int32),
        "category": pa.array(categories(ranks.tolist())),
        "kind": pa.array([None] * count, pa.string()),
        "label": pa.array(LABELS).take(pa.array(random.integers(0, len(LABELS), count))),
        "kl_lower_bound": pa.array([None] * count, pa.float32()),
        "part": pa.array(["answer"] * count),
        "move": pa.array([None] * count, pa.string()),
    }
    for generator, role in ((own, "base"), (random, "aligned")):
        top = zipf(generator, count * CANDIDATES)
        columns[f"{role}_top_ids"] = pa.ListArray.from_arrays(offsets, pa.array(top, pa.int32()))
        columns[f"{role}_top_tokens"] = pa.ListArray.from_arrays(offsets, words.take(pa.array(top)))
        logprobs = -np.cumsum(generator.exponential(1.5, (count, CANDIDATES)), axis=1).astype(np.float32)
        columns[f"{role}_top_logprobs"] = pa.ListArray.from_arrays(offsets, pa.array(logprobs.ravel()))
        columns[f"{role}_logprob"] = logprobs[:, 0]
        columns[f"{role}_entropy"] = generator.exponential(1.0, count)
    for name in ("kl", "kl_reverse", "js"):
        columns[name] = own.exponential(0.3, count)
    schema = shift_schema()
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in schema], schema=schema)


def build(data: Path) -> dict[str, float]:
    """Seconds of each part of the stage report, and the peak memory of this process in MiB (Linux)."""
    seconds, start = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        seconds[name], start = time.perf_counter() - start, time.perf_counter()
        seconds[f"{name} MiB"] = peak()

    inputs = read_inputs(RunReader(data))
    lap("reading")
    report = build_report(inputs)
    scores_by_tag = tag_table(inputs)
    figures = all_figures(
        inputs,
        report,
        curve_tables(inputs),
        branching_curve_tables(inputs),
        scores_by_tag,
        landmarks=landmark_curve_table(inputs),
    )
    charts = write_charts(figures, identifier(report), data / "report/charts")
    tagged = shifts_by_tag(inputs)
    lap("figures")
    cpu = time.process_time()
    write_site(inputs, report, charts, tagged, scores_by_tag=scores_by_tag, folder=data / "report/site")
    seconds["site CPU"] = time.process_time() - cpu
    lap("site")
    return seconds


def peak() -> float:
    """The most memory that this process has had."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(source: RunReader, folder: Path, answers: int, tokens: int) -> dict[str, Any]:
    """One size."""
    data = folder / f"{answers}" / "data"
    if not data.is_dir():
        make_run(source, data, answers, tokens)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        row: dict[str, Any] = pool.apply(build, (data,))
    files = [path for path in (data / "report/site").rglob("*") if path.is_file()]
    return {"answers": answers, **row, "files": len(files), "MB": sum(path.stat().st_size for path in files) / 1e6}


def problems(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What does not hold."""
    last, first = rows[-1], rows[0]
    found = []
    if last["site"] > MOST_SECONDS:
        found.append(f"the site takes {last['site']:.0f} s, more than {MOST_SECONDS:.0f} s")
    if last["site MiB"] > MOST_MIB:
        found.append(f"{last['site MiB']:,.0f} MiB, more than {MOST_MIB:,.0f}")
    growth = last["site CPU"] / first["site CPU"] / (last["answers"] / first["answers"])
    if growth > 1.2:
        found.append(f"seconds grow {growth:.2f} times as fast as answers")
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, nargs="+", default=[2_500, 5_000, 10_000])
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--steps", type=int, default=50, help="answers that are gone through in the browser")
    parser.add_argument("--folder", type=Path, help="keeps the runs that are made, and takes those that are there")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    source = RunReader()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        rows = []
        for answers in options.answers:
            rows.append(measured(source, folder, answers, options.tokens))
            print(json.dumps(rows[-1]), flush=True)
        pages = site_browser.measure(folder / f"{options.answers[-1]}" / "data/report/site", options.steps)
    print(*map(json.dumps, pages), sep="\n")
    failed = problems(rows) + site_browser.problems(pages)
    if options.json:
        found = {"rows": rows, "pages": pages, "problems": failed}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for problem in failed:
        print(problem)
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
