"""How long a length-controlled win rate of one model takes, the start of the process and all imports included.

With ``--peer PYTHON``, the package alpaca-eval 0.6.6 in that environment computes the same figure of the same file in the same run;
exits with 1 when urial takes more than half of its time. The package fetches its reference from the network at each first use, so
it is given the one that urial is given. Without ``--data`` 805 rows and their reference are made up; a folder that has
``reference.csv`` and ``annotations/MODEL.csv`` of published rows is used as it is.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

REPEATS = 5
MOST = 0.5
ROWS = 805
# Both join with the reference by row number, as the package does. Both read one file of annotations and print the figure, and C where they tell.
OURS = """
import sys
from pathlib import Path
from urial.exchange.importers.preferences import PreferenceOptions, import_preferences
from urial.judge.files.length_references import read_reference
from urial.judge.files.preferences import read_files
from urial.judge.files.win_rates import WinRateOptions, win_rates
from urial.core.store import write_jsonl
from urial.statistics.bootstrap import Bootstrap
annotations, reference, out, resamples = *map(Path, sys.argv[1:4]), int(sys.argv[4])
write_jsonl(out, import_preferences([annotations], PreferenceOptions()).preferences)
rates = win_rates(read_files([out]), None, WinRateOptions(read_reference(reference), join="row"), Bootstrap(resamples, 0.95, 0))
print(rates.systems[0].figures[0].length_control.win_rate.mean)
"""
PEER = """
import sys, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from alpaca_eval.metrics import glm_winrate
glm_winrate.hf_hub_download = lambda **_: sys.argv[2]
rows = pd.read_json(sys.argv[1])
print(glm_winrate.get_length_controlled_winrate(rows, save_weights_dir=None)["length_controlled_winrate"])
"""


def made_up(folder: Path) -> tuple[Path, Path]:
    """Rows of a system whose longer answers are preferred, and a reference."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(0, 1, ROWS).round(6)
    verbose, concise = rng.normal(-1, 1, ROWS).round(6), rng.normal(1.2, 0.8, ROWS).round(6)
    base, mine = rng.integers(200, 4_000, ROWS), rng.integers(200, 4_000, ROWS)
    chance = 1 / (1 + np.exp(-(0.6 * difficulty - 0.9 * np.tanh((base - mine) / 1_500) + 0.3)))
    preference = np.clip(chance + rng.normal(0, 0.3, ROWS), 0, 1).round(8) + 1
    reference, annotations = folder / "reference.csv", folder / "made-up.csv"
    names = "index,instruction_sha256_16,difficulty,verbose_delta,verbose_preference,concise_delta,concise_preference"
    shares = 1 / (1 + np.exp(0.6 * verbose - 0.2)), 1 / (1 + np.exp(0.6 * concise - 0.2))
    with reference.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names.split(","))
        for row in zip(range(ROWS), difficulty, verbose, shares[0], concise, shares[1], strict=True):
            writer.writerow([row[0], f"{row[0]:016x}", *map(float, row[1:])])
    with annotations.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["row", "index", "len_1", "len_2", "preference", "generator_1", "generator_2"])
        for number, row in enumerate(zip(base, mine, preference, strict=True)):
            writer.writerow([number, number, *row, "baseline", "system"])
    return annotations, reference


def as_annotations(table: Path, out: Path) -> Path:
    """Rows as AlpacaEval has them, with answers of the lengths in a table."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = [
            {
                "instruction": f"Instruction {row['index']}", "preference": float(row["preference"]), "annotator": "judge",
                "generator_1": row["generator_1"], "generator_2": row["generator_2"],
                "output_1": "x" * int(row["len_1"]), "output_2": "x" * int(row["len_2"]),
            }
            for row in csv.DictReader(stream)
        ]  # fmt: skip
    out.write_text(json.dumps(rows), "utf-8")
    return out


def as_gamed(reference: Path, out: Path) -> Path:
    """The reference as the peer's df_gamed.csv."""
    with reference.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["preference", "index", "std_delta_len", "instruction_difficulty", "not_gamed_baseline", "model"]
        )
        for run in ("verbose", "concise"):
            for row in rows:
                cells = row[f"{run}_preference"], row["index"], row[f"{run}_delta"], row["difficulty"]
                writer.writerow([*cells, False, run])
    return out


def timed(command: Sequence[str | Path]) -> tuple[float, float]:
    """Seconds of one process, and the figure that it prints."""
    started = time.perf_counter()
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stderr
    return seconds, float(done.stdout.split()[-1])


def measure(folder: Path, annotations: Path, reference: Path, peer: str | None) -> dict[str, float]:
    """The best seconds of each, by turns, so that what else runs on the machine meets all alike."""
    rows, gamed = as_annotations(annotations, folder / "rows.json"), as_gamed(reference, folder / "df_gamed.csv")
    ours: list[str | Path] = [sys.executable, "-c", OURS, rows, reference, folder / "rows.jsonl"]
    commands: dict[str, list[str | Path]] = {"urial": [*ours, "0"], "urial_interval": [*ours, "2000"]}
    if peer:
        commands["peer"] = [peer, "-c", PEER, rows, gamed]
    runs = [{name: timed(command) for name, command in commands.items()} for _ in range(REPEATS)]
    found = {f"{name}_seconds": min(run[name][0] for run in runs) for name in commands}
    found |= {f"{name}_win_rate": runs[0][name][1] for name in commands}
    return found | ({"ratio": found["urial_seconds"] / found["peer_seconds"]} if peer else {})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="the python of an environment that has alpaca-eval 0.6.6")
    parser.add_argument("--data", type=Path, help="a folder with published rows and their reference")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.data:
            tables = sorted((arguments.data / "annotations").glob("*.csv"))
            pairs = [(table, arguments.data / "reference.csv") for table in tables]
        else:
            pairs = [made_up(folder)]
        for annotations, reference in pairs:
            result = results[annotations.stem] = measure(folder, annotations, reference, arguments.peer)
            print(f"{annotations.stem}: " + ", ".join(f"{name} {value:.3f}" for name, value in result.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if any(result.get("ratio", 0) > MOST for result in results.values()):
        sys.exit(f"urial took more than {MOST:g} of the peer's time")


if __name__ == "__main__":
    main()
