"""Every assembled prompt, assembled again of its instruction and its prompt version."""

from collections.abc import Sequence

from urial.prompts.versions.assembly import Assembler
from urial.prompts.versions.rendering import render
from urial.provenance.verify.run import Checked, NotCheckedError, Run, require_same_rows
from urial.records.completion import AssembledPrompt
from urial.records.instruction import Instruction
from urial.records.model import EmbeddedModel
from urial.records.plans import SystemPlan
from urial.run.paths import INSTRUCTIONS, MANIFEST, PROMPTS, SYSTEM_PLAN


def check_prompts_of(run: Run, system: str) -> Checked:
    """The prompts of one system are those that its plan gives its instructions, token counts included where possible."""
    path, plan, instructions = PROMPTS.path(system), run.record(SYSTEM_PLAN, system), run.instructions
    rows, manifest = run.ordered_rows(PROMPTS, system), run.record(MANIFEST, plan.model)
    embedded = isinstance(manifest.source, EmbeddedModel)
    if embedded:
        run.require_sound_model(plan.model)
    if embedded or plan.server is not None:
        assembler = Assembler(plan, run.model_folder(plan.model))
        expected = [assembler.prompt(row) for row in instructions]
        summary = f"{len(rows):,} prompts assembled again"
    elif plan.prompt is not None and plan.prompt.retrieval is None:
        expected = [without_tokens(plan, *pair) for pair in zip(instructions, rows, strict=True)]
        summary = f"{len(rows):,} texts rendered again, without their tokens: the tokenizer is not in the run"
    else:
        raise NotCheckedError(f"{len(rows):,} valid rows; the tokenizer that lays them out is not in the run")
    require_same_rows(path, expected, rows, "assembled again", f"{SYSTEM_PLAN.path(system)} and {INSTRUCTIONS.path()}")
    return Checked(summary)


def without_tokens(
    plan: SystemPlan, instruction: Instruction, row: AssembledPrompt, answers: Sequence[str] = ()
) -> AssembledPrompt:
    """The prompt of the turn after ``answers`` by a prompt version, which needs no tokenizer, with the row's length."""
    if plan.prompt is None or plan.prompt.retrieval is not None:
        raise ValueError("a chat template is the tokenizer's, and examples are retrieved by the Assembler")
    history = list(zip(instruction.turns, answers, strict=False))
    rendered = render(plan.prompt, instruction.turns[len(answers)], history)
    return AssembledPrompt(
        instruction_id=instruction.id,
        system=plan.system,
        text=rendered.text,
        adds_special_tokens=True,
        stop=rendered.stop,
        n_tokens=row.n_tokens,
        flag=rendered.flag,
    )
