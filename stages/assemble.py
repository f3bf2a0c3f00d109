"""Stage assemble, one system: instructions -> data/prompts/SYSTEM.jsonl."""

from stages import record_environment, say_left_out, stage
from urial.core.store import write_jsonl
from urial.prompts.versions.assembly import assemble, leave_torch_out
from urial.records.completion import AssembledPrompt
from urial.run.paths import PROMPTS, SYSTEM_PLAN
from urial.run.reader import RunReader


@stage
def main(system: str) -> None:
    """Assemble the exact prompt of SYSTEM for every instruction."""
    run = RunReader()
    plan = run.record(SYSTEM_PLAN, system)
    prompts: list[AssembledPrompt] = []
    if run.has_model(plan.model):
        folder = run.model_folder(plan.model)
        leave_torch_out(plan, folder)
        prompts = assemble(plan, run.instructions, folder)
    else:
        say_left_out(system)
    write_jsonl(run.file(PROMPTS, system), prompts)
    record_environment("assemble", system)


if __name__ == "__main__":
    main()
