"""Stage assemble, one system: instructions -> data/prompts/SYSTEM.jsonl."""

from stages import DATA, record_environment, stage
from urial.core.store import read_json, read_jsonl, write_jsonl
from urial.prompts.versions.assembly import assemble
from urial.records.instruction import Instruction
from urial.records.plans import SystemPlan


@stage
def main(system: str) -> None:
    """Assemble the exact prompt of SYSTEM for every instruction."""
    plan = read_json(DATA / f"plan/systems/{system}.json", SystemPlan)
    instructions = read_jsonl(DATA / "instructions.jsonl", Instruction)
    write_jsonl(DATA / f"prompts/{system}.jsonl", assemble(plan, instructions, DATA / "models" / plan.model))
    record_environment("assemble", system)


if __name__ == "__main__":
    main()
