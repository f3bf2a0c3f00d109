"""What measuring a given text costs beside measuring the aligned model's own answer.

The run's pair measures the aligned system's answers to the run's instructions behind the zero-shot prompt, all of it from rows to
the table, without the row cache, a way at a time in turn:

- ``own``: as the stage token_shift does
- ``given``: the same answers as somebody's, whose recorded tokens are compared with the text
- ``text``: the same answers as somebody's of whom the text alone is known, so that it is read as tokens again

Seconds are those of the processor, all threads together, which other work on the machine changes less. A ratio is the median of the
rounds' ratios to ``own``. A first round, in which models are read from the disk, is not counted.

python benchmarks/given_shift.py
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftMeasurement
from urial.run.paths import TOKEN_SHIFT_PLAN
from urial.run.reader import RunReader
from urial.token_shift.measure.context import measure_context
from urial.token_shift.measure.inputs import ShiftInputs

OWN = ShiftMeasurement(name="own", answers="aligned", base_system="base-zero-shot", aligned_system="aligned")
GIVEN = OWN.model_copy(update={"name": "given", "answers": "somebody"})


def ways(own: ShiftInputs) -> Mapping[str, ShiftInputs]:
    """The same answers in all of the ways."""
    texts = [
        row and row.model_copy(update={"answer": row.answer and row.answer.model_copy(update={"token_ids": None})})
        for row in own.completions
    ]
    return {
        "own": own,
        "given": replace(own, measurement=GIVEN),
        "text": replace(own, measurement=GIVEN, completions=texts),
    }


def measured(plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path]) -> tuple[float, pa.Table]:
    """Processor seconds, and the table."""
    start = time.process_time()
    tables, _ = measure_context(plan, inputs, folders)
    table = pa.concat_tables(tables)
    return time.process_time() - start, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    run = RunReader()
    plan, inputs = run.record(TOKEN_SHIFT_PLAN), ways(ShiftInputs.read(run, OWN))
    folders = {"base": run.model_folder("base"), "aligned": run.model_folder("aligned")}
    seconds: dict[str, list[float]] = {name: [] for name in inputs}
    positions: dict[str, int] = {}
    for number in range(rounds + 1):
        for name, rows in inputs.items():
            taken, table = measured(plan, rows, folders)
            positions[name] = len(table)
            if number:
                seconds[name].append(taken)
    print("way    seconds  positions  ratio to own")
    for name, times in seconds.items():
        ratio = statistics.median(own / other for own, other in zip(times, seconds["own"], strict=True))
        print(f"{name:6} {statistics.median(times):7.2f}  {positions[name]:9,}  {ratio:12.3f}")


if __name__ == "__main__":
    main()
