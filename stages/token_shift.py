"""Stage token_shift, one base context: aligned answers -> data/token_shift/CONTEXT.parquet and its coverage."""

from stages import DATA, record_environment, stage
from urial.core.row_cache import RowCache
from urial.core.store import read_json, read_jsonl, write_jsonl, write_parquet
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import shift_schema
from urial.token_shift.measure.answers import ShiftInputs
from urial.token_shift.measure.context import measure_context


@stage
def main(context: str) -> None:
    """Measure the aligned answers behind the prompts of the base system CONTEXT."""
    plan = read_json(DATA / "plan/token_shift.json", TokenShiftPlan)
    answers = plan.token_shift.answer_system
    inputs = ShiftInputs(
        instructions=read_jsonl(DATA / "instructions.jsonl", Instruction),
        completions=read_jsonl(DATA / f"generations/{answers}.jsonl", Completion),
        aligned_prompts=read_jsonl(DATA / f"prompts/{answers}.jsonl", AssembledPrompt),
        base_prompts=read_jsonl(DATA / f"prompts/{context}.jsonl", AssembledPrompt),
    )
    folders = {"base": DATA / "models/base", "aligned": DATA / "models/aligned"}
    with RowCache() as cache:
        tables, coverage = measure_context(plan, inputs, folders, cache)
        write_parquet(DATA / f"token_shift/{context}.parquet", tables, shift_schema())
    write_jsonl(DATA / f"token_shift/{context}.coverage.jsonl", coverage)
    record_environment("token_shift", context)


if __name__ == "__main__":
    main()
