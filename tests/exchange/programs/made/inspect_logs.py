"""Runs a task of three samples in Inspect with a model that says what it is told; logs in both forms go into the folder that
is named. One sample's scorer refuses, and one sample breaks. The second argument is the number of epochs.
"""

import sys

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Target, includes, mean, scorer
from inspect_ai.solver import TaskState, generate, solver, system_message


@scorer(metrics={"*": [mean()]})
def aspects():
    async def score(state: TaskState, target: Target) -> Score:
        if "refuse" in state.input_text:
            return Score.unscored(reason="refusal", explanation="the judge refused")
        return Score(value={"helpfulness": 4, "clarity": 5}, explanation="because")

    return score


@scorer(metrics=[mean()])
def depth():
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=3, explanation="shallow")

    return score


@solver
def breaks():
    async def solve(state, generate):
        if "break" in state.input_text:
            raise RuntimeError("no reply came")
        return state

    return solve


def said(text: str) -> ModelOutput:
    output = ModelOutput.from_content("mockllm/model", text)
    # Otherwise it counts tokens, for which it asks the network.
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output


folder, epochs = sys.argv[1], int(sys.argv[2])
questions = ["What is one?", "please refuse", "please break"]
task = Task(
    dataset=[Sample(input=text, target="1", id=number) for number, text in enumerate(questions)],
    solver=[breaks(), system_message("Be kind."), generate()],
    scorer=[includes(), aspects(), depth()],
    name="own",
)
for form in ("eval", "json"):
    model = get_model("mockllm/model", custom_outputs=[said("One is 1.")] * 9)
    eval(task, model=model, log_dir=folder, log_format=form, display="none", fail_on_error=False, epochs=epochs)
