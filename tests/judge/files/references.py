"""Length-control references of made-up instructions."""

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np

FIELDS = ("index", "instruction_sha256_16", "switched", "difficulty", "verbose_delta", "verbose_preference", "concise_delta",
          "concise_preference")  # fmt: skip


def text_of(number: int) -> str:
    return f"Why {number}?"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def rows(count: int) -> list[dict[str, object]]:
    """Difficulties and anchor runs of so many instructions."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(count):
        values = [number, sha(text_of(number)), number % 2, *(round(float(value), 6) for value in rng.normal(size=2)), 0.6,
                  round(float(rng.uniform(0, 2)), 6), 0.25]  # fmt: skip
        made.append(dict(zip(FIELDS, values, strict=True)))
    return made


def reference_csv(path: Path, count: int = 40) -> Path:
    """A reference's table."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(count))
    path.write_text(stream.getvalue(), "utf-8")
    return path


def alpaca_files(folder: Path, count: int = 40) -> None:
    """AlpacaEval's two files of a reference as it writes them, and the instructions that they number."""
    made = rows(count)
    with (folder / "df_gamed.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["preference", "index", "std_delta_len", "instruction_difficulty", "not_gamed_baseline", "model"]
        )
        for run in ("concise", "verbose"):
            for row in made:
                cells = row[f"{run}_preference"], row["index"], row[f"{run}_delta"], row["difficulty"]
                writer.writerow([*cells, False, f"gpt4_1106_preview_{run}"])
    with (folder / "instruction_difficulty.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["", "0"], *([row["index"], row["difficulty"]] for row in made)])
    instructions = [{"instruction": text_of(number)} for number in range(count)]
    (folder / "alpaca_eval.json").write_text(json.dumps(instructions), "utf-8")
