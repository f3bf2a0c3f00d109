"""Whether forty experiments of nine systems on 1,000 instructions are put side by side fast enough, and in how much memory.

The entries are made up, always the same: 40 checkpoints of one model, which get better, as nine systems, of which each has its own
level; five aspects are judged on 800 instructions and safety on 200, and 2 % of the scores are missing at random, so that no two
systems have the scores of the same instructions. A process of its own reads the folder of entries, ranks and tests all rows (64,620 pairs
of 360), and writes what `urial leaderboard` prints; then the page, with its charts.

- seconds on the clock and of the processor, and peak memory (Linux), at each number of experiments
- fails where the largest takes more than 20 s on the clock or 1 GiB, or where seconds of the processor grow faster than experiments

python -m benchmarks.leaderboard --json /tmp/leaderboard.json
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from urial.core.hashing import content_hash
from urial.experiments.leaderboard.entry_files import save_entries
from urial.experiments.leaderboard.page import leaderboard_page
from urial.experiments.leaderboard.runs import read_runs
from urial.experiments.leaderboard.table import leaderboard
from urial.experiments.leaderboard.text import leaderboard_tables
from urial.records.estimate import Estimate
from urial.records.judge import RulesIdentity
from urial.records.judgment import ASPECTS, SAFETY_ASPECTS, Aspect
from urial.records.leaderboard_entry import (
    EntryInstructions,
    EntryModel,
    EntrySystem,
    LeaderboardEntry,
    entry_of,
    scores_text,
)
from urial.records.params.file import Decoding
from urial.records.report import AspectFigures, SystemFigures
from urial.statistics.bootstrap import Bootstrap

SYSTEMS, INSTRUCTIONS, MISSING = 9, 1_000, 0.02
# What must hold, of the largest.
MOST_SECONDS, MOST_MIB, MOST_GROWTH = 20.0, 1024.0, 1.2
REPORTED = Bootstrap(0, 0.95, 0)
RESAMPLES = 2_000
COUNTS = dict.fromkeys(("invalid", "refused", "filtered", "failed", "no_completion"), 0)
DECODING = Decoding(max_new_tokens=100, temperature=0, top_p=1, repetition_penalty=1, seed=0)
JUDGE = RulesIdentity(kind="rules", version=1, world="microworld/seed-0")
NAMES = tuple(f"i{number:04}" for number in range(INSTRUCTIONS))
SET = EntryInstructions(name="made-up", hash=content_hash(NAMES), ids=NAMES)


def made_entry(number: int, hard: "np.ndarray[Any, np.dtype[np.float64]]") -> LeaderboardEntry:
    """One checkpoint as nine systems; ``hard`` is what all of them lose on each instruction."""
    rng = np.random.default_rng(number)
    step = 1_000 * (number + 1)
    model = EntryModel(
        label=f"made/up@step{step}", hash=content_hash(step), checkpoint=f"step{step}", step=step, tokens=step * 2_000_000,
        parameters=10**9,
    )  # fmt: skip
    systems = {
        f"system-{place}": made_system(1.5 + 0.04 * number + 0.15 * place, hard, rng) for place in range(SYSTEMS)
    }
    return entry_of(
        commit=f"{number:040x}", experiment=f"made-{number:02}", study="made-up", models={"base": model}, loading=None,
        instructions=SET, judge=JUDGE, preference_judge=None, confidence=0.95, resamples=RESAMPLES, seed=0, systems=systems,
    )  # fmt: skip


def made_system(level: float, hard: "np.ndarray[Any, np.dtype[np.float64]]", rng: np.random.Generator) -> EntrySystem:
    """Scores around a level."""
    safety = np.arange(INSTRUCTIONS) % 5 == 0
    columns: dict[Aspect, list[float | None]] = {}
    aspects: dict[str, Any] = {}
    for aspect in ASPECTS:
        scores = np.clip(np.round(level - hard + rng.normal(0, 1, INSTRUCTIONS)), 1, 5)
        asked = safety if aspect in SAFETY_ASPECTS else ~safety
        known = asked & (rng.random(INSTRUCTIONS) > MISSING)
        columns[aspect] = [float(score) if there else None for score, there in zip(scores, known, strict=True)]
        aspects[aspect] = AspectFigures(
            **REPORTED.mean([score for score in columns[aspect] if score is not None]).model_dump(), scored=int(known.sum()),
            not_applicable=int(asked.sum() - known.sum()), total=int(asked.sum()), **COUNTS,
        )  # fmt: skip
    figures = SystemFigures(
        model="base", prompt="general/urial-k3", prompt_hash=None, decoding=DECODING, prompt_tokens=None,
        instructions=INSTRUCTIONS, ok=INSTRUCTIONS, too_long=0, cut_off=0, flagged=None, later_turns=None,
        words=Estimate(mean=40.0, low=39.0, high=41.0), average=REPORTED.mean_of_means(list(columns.values())), **aspects,
    )  # fmt: skip
    scores_of = {aspect: scores_text(column) for aspect, column in columns.items()}
    return EntrySystem(figures=figures, preferences=None, token_shift=None, scores=(scores_of,))


def put_side_by_side(folder: Path) -> dict[str, float]:
    """Seconds of each part, and the peak memory of this process in MiB."""
    found: dict[str, float] = {}
    clock, processor = time.perf_counter(), time.process_time()

    def lap(name: str) -> None:
        nonlocal clock, processor
        found[name], found[f"{name} CPU"] = time.perf_counter() - clock, time.process_time() - processor
        found[f"{name} MiB"] = peak()
        clock, processor = time.perf_counter(), time.process_time()

    runs = read_runs([str(folder)])
    lap("reading")
    board = leaderboard(runs, Bootstrap(RESAMPLES, 0.95, 0))
    lap("ranking")
    text = "".join(table.markdown(aligned=True) for table in leaderboard_tables(board))
    lap("table")
    page = leaderboard_page(board)
    lap("page")
    return {"rows": len(board.rows), "characters": len(text), "page characters": len(page), **found}


def peak() -> float:
    """The most memory that this process has had."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(folder: Path, experiments: int) -> dict[str, Any]:
    """One number of experiments."""
    hard = np.random.default_rng(0).normal(0, 1, INSTRUCTIONS)
    save_entries((made_entry(number, hard) for number in range(experiments)), folder)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        row: dict[str, Any] = pool.apply(put_side_by_side, (folder,))
    parts = ("reading", "ranking", "table")
    totals = {kind: sum(row[f"{part}{kind}"] for part in parts) for kind in ("", " CPU")}
    return {"experiments": experiments, "seconds": totals[""], "CPU": totals[" CPU"], "MiB": row["table MiB"], **row}


def problems(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What does not hold."""
    first, last = rows[0], rows[-1]
    found = []
    if last["seconds"] > MOST_SECONDS:
        found.append(f"{last['experiments']} experiments take {last['seconds']:.1f} s, more than {MOST_SECONDS:.0f} s")
    if last["page MiB"] > MOST_MIB:
        found.append(f"{last['page MiB']:,.0f} MiB, more than {MOST_MIB:,.0f}")
    growth = last["CPU"] / first["CPU"] / (last["experiments"] / first["experiments"])
    if growth > MOST_GROWTH:
        found.append(f"seconds grow {growth:.2f} times as fast as experiments")
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for experiments in options.experiments:
            rows.append(measured(Path(scratch) / f"{experiments}", experiments))
            print(json.dumps(rows[-1]), flush=True)
    failed = problems(rows)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "problems": failed}, indent=2) + "\n", encoding="utf-8")
    for problem in failed:
        print(problem)
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
