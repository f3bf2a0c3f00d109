"""One measurement of a run, from its rows to its files: what the stages token_shift and given_shift do."""

from urial.core.parquet import write_parquet
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.records.token_shift import ShiftCoverage, ShiftMeasurement, shift_schema
from urial.run.paths import COVERAGE, TOKEN_SHIFT, TOKEN_SHIFT_PLAN
from urial.run.reader import RunReader
from urial.token_shift.measure.context import measure_context
from urial.token_shift.measure.inputs import ShiftInputs


def write_measurement(run: RunReader, measurement: ShiftMeasurement) -> None:
    """Measure, and write table and coverage; of a study without an aligned model, files without rows."""
    path = run.file(TOKEN_SHIFT, measurement.name)
    coverage: list[ShiftCoverage] = []
    if run.has_model("aligned"):
        inputs = ShiftInputs.read(run, measurement)
        folders = {"base": run.model_folder("base"), "aligned": run.model_folder("aligned")}
        with RowCache() as cache:
            tables, coverage = measure_context(run.record(TOKEN_SHIFT_PLAN), inputs, folders, cache)
            write_parquet(path, tables, shift_schema())
    else:
        write_parquet(path, (), shift_schema())
    write_jsonl(run.file(COVERAGE, measurement.name), coverage)
