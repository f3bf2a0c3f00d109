"""Stage given_shift, one measurement of given answers: ANSWERS -> data/token_shift/NAME.parquet and its coverage."""

from stages import record_environment, say_left_out, stage
from urial.records.token_shift import ShiftMeasurement
from urial.run.reader import RunReader
from urial.token_shift.measure.of_run import write_measurement


@stage
def main(name: str, answers: str, base_system: str, aligned_system: str) -> None:
    """Measure ANSWERS after the prompts of BASE_SYSTEM and ALIGNED_SYSTEM, as NAME."""
    run = RunReader()
    if not run.has_model("aligned"):
        say_left_out(name)
    given = ShiftMeasurement(name=name, answers=answers, base_system=base_system, aligned_system=aligned_system)
    write_measurement(run, given)
    record_environment("given_shift", name)


if __name__ == "__main__":
    main()
