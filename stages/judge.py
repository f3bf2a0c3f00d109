"""Stage judge, one system: data/generations/SYSTEM.jsonl -> data/judgments/SYSTEM.jsonl."""

from stages import record_environment, say_left_out, stage
from urial.core.store import write_jsonl
from urial.judge.model.counts import judgments_line
from urial.judge.scores.run import judge_system
from urial.run.paths import JUDGMENTS
from urial.run.reader import RunReader


@stage
def main(system: str) -> None:
    """Score every answer of SYSTEM."""
    run = RunReader()
    judgments = judge_system(run, system)
    if not judgments:
        say_left_out(system)
    write_jsonl(run.file(JUDGMENTS, system), judgments)
    print(f"{system}: {judgments_line(judgments)}")
    record_environment("judge", system)


if __name__ == "__main__":
    main()
