"""Stage safety_depth, one system: its prompts and the given texts -> data/safety_depth/SYSTEM.jsonl, the answers that were begun."""

from stages import record_environment, say_left_out, stage
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.core.text import counted
from urial.records.safety_depth import PrefilledAnswer
from urial.run.paths import PREFILLED, SAFETY_DEPTH_PLAN, SYSTEM_PLAN
from urial.run.reader import RunReader
from urial.safety_depth.prefill.run import DepthInputs, prefill


@stage
def main(system: str) -> None:
    """Let SYSTEM go on with the first tokens of the given answers to unsafe requests."""
    run = RunReader()
    depth, plan = run.record(SAFETY_DEPTH_PLAN), run.record(SYSTEM_PLAN, system)
    rows: list[PrefilledAnswer] = []
    if not run.has_model(plan.model):
        say_left_out(system)
    elif not depth.answers:
        print(f"{system}: no answers are given to these instructions: its file has no rows")
    else:
        others = sum(row.category != "safety" for row in run.instructions)
        print(f"{system}: {counted(others, 'instruction')} of other categories than safety take no part")
        with RowCache() as cache:
            rows = prefill(depth, plan, DepthInputs.read(run, depth, system), run.model_folder(plan.model), cache)
    write_jsonl(run.file(PREFILLED, system), rows)
    record_environment("safety_depth", system)


if __name__ == "__main__":
    main()
