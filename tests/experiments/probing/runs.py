"""Made-up runs whose systems are variants of one prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.report.conftest import (
    ALIGNED_SCORES,
    IDS,
    make_context,
    make_inputs,
    make_instruction,
    make_system,
    make_token,
)
from urial.core.hashing import content_hash
from urial.experiments.probing.probing import probe
from urial.records.ablation import Ablation
from urial.records.probing import ProbedPrompt, Probing, PromptVariant
from urial.records.prompt import Prompt
from urial.report.inputs import ContextInputs, ReportInputs, SystemInputs
from urial.statistics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(200, 0.95, 0)
Scores = Mapping[str, int | None]
# Base ranks of the two tokens of each answer: without a prompt seven of twelve are shifted.
ZERO_SHOT_RANKS = {"r1": (9, 9), "r2": (9, 1), "r3": (9, 2), "r4": (9, 1), "s1": (9, 1), "s2": (9, 1)}


def prompt_of(name: str, ablation: Ablation | None) -> Prompt:
    """A prompt that is another one for each name and ablation."""
    if name == "zero-shot":
        return Prompt(
            description="d",
            method="zero-shot",
            dialect="plain",
            system=None,
            examples=(),
            source="s",
            licence="CC0-1.0",
        )
    text = name if ablation is None else f"{name} {ablation.label}"
    return Prompt(
        description="d", method="urial", dialect="plain", system=text, examples=(), source="s", licence="CC0-1.0"
    )


def variant(
    name: str,
    scores: Scores,
    *,
    prompt: str = "urial-k3",
    ablation: Ablation | None = None,
    texts: Mapping[str, str | None] | None = None,
    **decoding: Any,
) -> SystemInputs:
    """A system of the base model; each answer has two words unless ``texts`` says otherwise."""
    instructions = [make_instruction(key) for key in IDS]
    system = make_system(name, instructions, {**dict.fromkeys(IDS, "two words"), **(texts or {})}, scores)
    made = prompt_of(prompt, ablation)
    plan = system.plan.model_copy(
        update={
            "prompt_name": f"test/{prompt}", "prompt": made, "prompt_hash": content_hash(made.model_dump(mode="json")),
            "ablation": ablation, "decoding": system.plan.decoding.model_copy(update=decoding),
        }
    )  # fmt: skip
    return replace(system, plan=plan)


def context(ranks: Mapping[str, Sequence[int]], name: str) -> ContextInputs:
    """A measurement with these base ranks."""
    rows = [make_token(key, at, (rank, 0.5, 1.0)) for key, both in ranks.items() for at, rank in enumerate(both)]
    return make_context(rows, list(ranks), name)


def run_of(*systems: SystemInputs, contexts: Mapping[str, ContextInputs] | None = None) -> ReportInputs:
    """A run of these systems beside an aligned one."""
    instructions = [make_instruction(key) for key in IDS]
    aligned = make_system("aligned", instructions, dict.fromkeys(IDS, "two words"), ALIGNED_SCORES)
    return make_inputs(
        instructions, {"aligned": aligned, **{system.plan.system: system for system in systems}}, contexts or {}
    )


def probed(*systems: SystemInputs, contexts: Mapping[str, ContextInputs] | None = None, **options: Any) -> Probing:
    """What in the prompts of such a run works."""
    return probe(run_of(*systems, contexts=contexts), BOOTSTRAP, name=".", **options)


def only_prompt(probing: Probing) -> ProbedPrompt:
    """The one prompt that has variants."""
    (prompt,) = probing.prompts
    return prompt


def by_label(prompt: ProbedPrompt) -> dict[str, PromptVariant]:
    """Its variants."""
    return {found.label: found for found in prompt.variants}
