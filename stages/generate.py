"""Stage generate, one system: instructions and data/prompts/SYSTEM.jsonl -> data/generations/SYSTEM.jsonl."""

from stages import record_environment, say_left_out, stage
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.generate.run import generate
from urial.records.completion import Completion
from urial.run.paths import COMPLETIONS, PROMPTS, SYSTEM_PLAN
from urial.run.reader import RunReader


@stage
def main(system: str) -> None:
    """Answer every instruction with SYSTEM."""
    run = RunReader()
    plan = run.record(SYSTEM_PLAN, system)
    completions: list[Completion] = []
    if run.has_model(plan.model):
        with RowCache() as cache:
            folder = run.model_folder(plan.model)
            completions = generate(plan, run.instructions, run.rows(PROMPTS, system), folder, cache)
    else:
        say_left_out(system)
    write_jsonl(run.file(COMPLETIONS, system), completions)
    record_environment("generate", system)


if __name__ == "__main__":
    main()
