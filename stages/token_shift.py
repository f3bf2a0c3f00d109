"""Stage token_shift, one base context: aligned answers -> data/token_shift/CONTEXT.parquet and its coverage."""

from stages import record_environment, say_left_out, stage
from urial.records.token_shift import ShiftMeasurement
from urial.run.paths import TOKEN_SHIFT_PLAN
from urial.run.reader import RunReader
from urial.token_shift.measure.of_run import write_measurement


@stage
def main(context: str) -> None:
    """Measure the aligned answers after the prompts of the base system CONTEXT."""
    run = RunReader()
    if not run.has_model("aligned"):
        say_left_out(context)
    answers = run.record(TOKEN_SHIFT_PLAN).token_shift.answer_system
    own = ShiftMeasurement(name=context, answers=answers, base_system=context, aligned_system=answers)
    write_measurement(run, own)
    record_environment("token_shift", context)


if __name__ == "__main__":
    main()
