"""Stage token_shift, one base context: aligned answers -> data/token_shift/CONTEXT.parquet and its coverage."""

from stages import record_environment, say_left_out, stage
from urial.core.parquet import write_parquet
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.records.token_shift import ShiftCoverage, shift_schema
from urial.run.paths import COVERAGE, TOKEN_SHIFT, TOKEN_SHIFT_PLAN
from urial.run.reader import RunReader
from urial.token_shift.measure.answers import ShiftInputs
from urial.token_shift.measure.context import measure_context


@stage
def main(context: str) -> None:
    """Measure the aligned answers after the prompts of the base system CONTEXT."""
    run = RunReader()
    path = run.file(TOKEN_SHIFT, context)
    coverage: list[ShiftCoverage] = []
    if run.has_model("aligned"):
        plan = run.record(TOKEN_SHIFT_PLAN)
        inputs = ShiftInputs.read(run, plan.token_shift.answer_system, context)
        folders = {"base": run.model_folder("base"), "aligned": run.model_folder("aligned")}
        with RowCache() as cache:
            tables, coverage = measure_context(plan, inputs, folders, cache)
            write_parquet(path, tables, shift_schema())
    else:
        say_left_out(context)
        write_parquet(path, (), shift_schema())
    write_jsonl(run.file(COVERAGE, context), coverage)
    record_environment("token_shift", context)


if __name__ == "__main__":
    main()
