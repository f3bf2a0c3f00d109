"""Stage instructions: data/plan/instructions.json -> data/instructions.jsonl."""

from stages import DATA, record_environment, stage
from urial.core.store import read_json, write_jsonl
from urial.instructions.sets import load_instructions
from urial.records.plans import InstructionsPlan


@stage
def main() -> None:
    """Load the planned instructions."""
    plan = read_json(DATA / "plan/instructions.json", InstructionsPlan)
    write_jsonl(DATA / "instructions.jsonl", load_instructions(plan))
    record_environment("instructions")


if __name__ == "__main__":
    main()
