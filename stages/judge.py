"""Stage judge, one system: data/generations/SYSTEM.jsonl -> data/judgments/SYSTEM.jsonl."""

from stages import DATA, record_environment, stage
from urial.core.row_cache import RowCache
from urial.core.store import read_json, read_jsonl, write_jsonl
from urial.judge.scores.run import judge_completions, make_judge, max_characters
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.plans import JudgePlan


@stage
def main(system: str) -> None:
    """Score every answer of SYSTEM."""
    plan = read_json(DATA / "plan/judge.json", JudgePlan)
    instructions = read_jsonl(DATA / "instructions.jsonl", Instruction)
    completions = read_jsonl(DATA / f"generations/{system}.jsonl", Completion)
    with RowCache() as cache:
        judgments = judge_completions(make_judge(plan, cache), instructions, completions, max_characters(plan))
    write_jsonl(DATA / f"judgments/{system}.jsonl", judgments)
    record_environment("judge", system)


if __name__ == "__main__":
    main()
