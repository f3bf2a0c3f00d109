"""The run of conftest with known answers, and a third system whose name is sorted before that of the first."""

from dataclasses import replace

from tests.report.conftest import make_inputs, small_run
from urial.report.inputs import ReportInputs


def known_run() -> ReportInputs:
    """Known are r1 and r2, which all systems answer right; r4, which base has no answer to; and s1, which nobody knows.

    The third system, another-base, answers as base does, but for r2.
    """
    run = small_run()
    texts = {
        name: {row.instruction_id: row.answer.text if row.answer else "" for row in system.completions}
        for name, system in run.systems.items()
    }
    accepted = {
        "r1": (texts["aligned"]["r1"], texts["base"]["r1"]), "r2": (texts["base"]["r2"], texts["aligned"]["r2"]),
        "r4": (texts["aligned"]["r4"],), "s1": ("what nobody says",),
    }  # fmt: skip
    another = replace(
        run.systems["base"],
        plan=run.systems["base"].plan.model_copy(update={"system": "another-base"}),
        prompts=[row.model_copy(update={"system": "another-base"}) for row in run.systems["base"].prompts],
        completions=[
            row.model_copy(
                update={
                    "system": "another-base",
                    "answer": row.answer
                    and row.answer.model_copy(update={"text": "else"} if row.instruction_id == "r2" else {}),
                }
            )
            for row in run.systems["base"].completions
        ],
        judgments=[row.model_copy(update={"system": "another-base"}) for row in run.systems["base"].judgments],
    )
    instructions = [row.model_copy(update={"accepted": accepted.get(row.id, ())}) for row in run.instructions]
    return make_inputs(instructions, {**run.systems, "another-base": another}, run.contexts)
