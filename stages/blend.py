"""Stage blend, one blend and its control: instructions -> data/prompts, data/generations and data/blends of both."""

from stages import record_environment, say_left_out, stage
from urial.blending.control import rule_of
from urial.blending.run import blend, blend_folders, blended_prompts
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.records.completion import Completion
from urial.records.params.blends import control_of
from urial.run.paths import BLENDED, BLENDED_PROMPTS, BLENDED_TOKENS, SYSTEM_PLAN
from urial.run.reader import RunReader
from urial.token_shift.blended.tokens import blended_tokens


@stage
def main(name: str) -> None:
    """Answer every instruction with the blend NAME, and with its control at the share of places that the blend had."""
    run, completions = RunReader(), list[Completion]()
    for system in (name, control_of(name)):
        plan = run.record(SYSTEM_PLAN, system)
        if plan.blend is None or plan.blend.left_out:
            say_left_out(system, "a model of it is not there, or behind a server or an engine")
            for kind in (BLENDED_PROMPTS, BLENDED, BLENDED_TOKENS):
                write_jsonl(run.file(kind, system), ())
            continue
        base = run.model_folder("base")
        with (
            RowCache() as cache,
            blend_folders(plan.blend, {"base": base, "aligned": run.model_folder("aligned")}) as folders,
        ):
            pairs = blended_prompts(plan, run.instructions, folders)
            # Of the control, `completions` are still those of the blend.
            rule = rule_of(plan, completions)
            completions = blend(plan, run.instructions, pairs, folders, cache, rule=rule)
        prompts = [pair.base for pair in pairs]
        write_jsonl(run.file(BLENDED_PROMPTS, system), prompts)
        write_jsonl(run.file(BLENDED, system), completions)
        tokens = blended_tokens(plan, run.instructions, prompts, completions, base)
        write_jsonl(run.file(BLENDED_TOKENS, system), tokens)
    record_environment("blend", name)


if __name__ == "__main__":
    main()
