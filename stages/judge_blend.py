"""Stage judge_blend, one blend and its control: as the stage judge, of both."""

from stages import record_environment, stage
from stages.judge import judge_system
from urial.records.params.blends import control_of
from urial.run.reader import RunReader


@stage
def main(name: str) -> None:
    """Score every answer of the blend NAME, and of its control."""
    run = RunReader()
    for system in (name, control_of(name)):
        judge_system(run, system)
    record_environment("judge_blend", name)


if __name__ == "__main__":
    main()
