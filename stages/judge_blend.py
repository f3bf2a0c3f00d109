"""Stage judge_blend, one blend and its control: data/generations -> data/judgments of both."""

from stages import record_environment, say_left_out, stage
from urial.core.store import write_jsonl
from urial.judge.model.counts import judgments_line
from urial.judge.scores.run import judge_system
from urial.records.params.blends import control_of
from urial.run.paths import BLENDED_JUDGMENTS
from urial.run.reader import RunReader


@stage
def main(name: str) -> None:
    """Score every answer of the blend NAME, and of its control."""
    run = RunReader()
    for system in (name, control_of(name)):
        judgments = judge_system(run, system)
        if not judgments:
            say_left_out(system, "a model of it is not there, or behind a server or an engine")
        write_jsonl(run.file(BLENDED_JUDGMENTS, system), judgments)
        print(f"{system}: {judgments_line(judgments)}")
    record_environment("judge_blend", name)


if __name__ == "__main__":
    main()
