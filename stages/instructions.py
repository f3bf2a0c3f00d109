"""Stage instructions: data/plan/instructions.json -> data/instructions.jsonl."""

from stages import record_environment, stage
from urial.core.store import write_jsonl
from urial.instructions.sets import load_instructions
from urial.run.paths import INSTRUCTIONS, INSTRUCTIONS_PLAN
from urial.run.reader import RunReader


@stage
def main() -> None:
    """Load the planned instructions."""
    run = RunReader()
    write_jsonl(run.file(INSTRUCTIONS), load_instructions(run.record(INSTRUCTIONS_PLAN)))
    record_environment("instructions")


if __name__ == "__main__":
    main()
