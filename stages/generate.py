"""Stage generate, one system: instructions and data/prompts/SYSTEM.jsonl -> data/generations/SYSTEM.jsonl."""

from stages import DATA, record_environment, stage
from urial.core.row_cache import RowCache
from urial.core.store import read_json, read_jsonl, write_jsonl
from urial.generate.run import generate
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.instruction import Instruction
from urial.records.plans import SystemPlan


@stage
def main(system: str) -> None:
    """Answer every instruction with SYSTEM."""
    plan = read_json(DATA / f"plan/systems/{system}.json", SystemPlan)
    instructions = read_jsonl(DATA / "instructions.jsonl", Instruction)
    prompts = read_jsonl(DATA / f"prompts/{system}.jsonl", AssembledPrompt)
    with RowCache() as cache:
        completions = generate(plan, instructions, prompts, DATA / "models" / plan.model, cache)
    write_jsonl(DATA / f"generations/{system}.jsonl", completions)
    record_environment("generate", system)


if __name__ == "__main__":
    main()
