"""Stage microworld_answers: instructions -> the answers that the micro-world itself gives to its unsafe requests."""

from stages import record_environment, stage
from urial.core.store import write_jsonl
from urial.microworld.given.answers import given_answers
from urial.records.params.safety_depth import MICROWORLD_ANSWERS
from urial.run.paths import GIVEN, INSTRUCTIONS_PLAN
from urial.run.reader import RunReader


@stage
def main() -> None:
    """Write a compliant and a refusing answer to each unsafe request; none where the instructions are no micro-world's."""
    run = RunReader()
    seed = run.record(INSTRUCTIONS_PLAN).microworld_seed
    for kind, name in MICROWORLD_ANSWERS.items():
        write_jsonl(run.file(GIVEN, name), given_answers(seed, run.instructions, kind))
    record_environment("microworld_answers")


if __name__ == "__main__":
    main()
