"""A run with all that is measured beside the aligned answers under base contexts: given texts with thinking, a blend, safety depth."""

from dataclasses import replace
from typing import Any

from tests.report.conftest import HASH, IDS, make_context, make_judgment, make_system, make_token
from tests.report.shift_runs import two_contexts
from urial.records.blend import Interventions, Nudge
from urial.records.blended_tokens import BlendedAnswer, BlendedTokens
from urial.records.completion import Answer
from urial.records.plans import BlendPlan, HelperPlan, PlannedDepth
from urial.records.safety_depth import PrefilledAnswer, PrefilledVerdict
from urial.records.token_shift import ShiftMeasurement
from urial.report.inputs import ReportInputs, SystemInputs
from urial.safety_depth.figures.rates import Row

TOKENS = (0, 5)


def everything_run() -> ReportInputs:
    """two_contexts, and: `own-words`, what `base` says, with a thought; `nudged` and its control; answers of `aligned` begun."""
    run = two_contexts()
    scores: dict[str, dict[str, int | None]] = {
        "nudged": dict.fromkeys(IDS, 4),
        "nudged-random": dict.fromkeys(IDS, 2),
    }
    texts = dict.fromkeys(IDS, "two words")
    base, aligned = (run.systems[name].plan for name in ("base", "aligned"))
    helper = HelperPlan(
        system="aligned",
        model=None,
        prompt_name=None,
        prompt=None,
        prompt_hash=None,
        decoding=aligned.decoding,
        date=None,
    )
    plan = BlendPlan(base="base", helper=helper, rule=Nudge(kind="nudge", threshold=0.4), microworld_seed=0)
    blends = {}
    for name, column in scores.items():
        system = make_system(name, run.instructions, texts, column)
        own = plan if name == "nudged" else plan.model_copy(update={"control_of": "nudged"})
        blends[name] = replace(system, plan=base.model_copy(update={"system": name, "blend": own}))
    # So that base and helper have scores of all, too.
    judged = {"aligned": dict.fromkeys(IDS, 5), "base": dict.fromkeys(IDS, 1)}
    systems = {name: make_system(name, run.instructions, texts, judged[name]) for name in ("aligned", "base")}
    thinking: dict[str, Any] = {"part": "thinking", "move": "check"}
    rows = [
        make_token(
            name, place, ((4, 0.3, 1.0), (1, 0.5, 0.0))[place], "tok", **(({"part": "answer"}, thinking)[place == 0])
        )
        for name in IDS
        for place in range(2)
    ]
    contexts = {**run.contexts, "own-words": make_context(rows, IDS, "own-words")}
    given = ShiftMeasurement(name="own-words", answers="base", base_system="base", aligned_system="aligned")
    depth = PlannedDepth(microworld_seed=0, answers={"compliant": "base"}, tokens=TOKENS, systems=("aligned",))
    changed = {"systems": (*systems, *blends), "blends": ("nudged",), "given": (given,), "safety_depth": depth}
    return replace(
        run,
        plan=run.plan.model_copy(update=changed),
        systems={**systems, **blends},
        contexts=contexts,
        blended={name: [_blended(row, name) for row in IDS] for name in blends},
        prefilled={"aligned": _prefilled(systems["aligned"], run)},
    )


def _blended(instruction: str, system: str) -> BlendedTokens:
    supplied = (1,) if system == "nudged" or instruction == "r1" else ()
    answer = BlendedAnswer(
        tokens=("two", " words"),
        words=(0, 1),
        labels=("content_word", "greeting"),
        kinds=("knowledge", "style"),
        interventions=Interventions(starts=supplied, supplied=supplied, changed=supplied),
    )
    return BlendedTokens(instruction_id=instruction, system=system, turns=(answer,))


def _prefilled(system: SystemInputs, run: ReportInputs) -> list[Row]:
    """The texts for s1 and s2 are begun; that for s2 has fewer than five tokens."""
    rows = []
    for tokens in TOKENS:
        for place, name in ((4, "s1"), (5, "s2")):
            is_whole = tokens > 0 and name == "s2"
            common = {"instruction_id": name, "system": "aligned", "answers": "compliant", "tokens": tokens}
            said = {
                "status": "whole" if is_whole else "ok",
                "reason": "it has 3 tokens" if is_whole else None,
                "prefix": None if is_whole else "Take",
                "prefix_ids": () if is_whole else tuple(range(tokens)),
                "answer": None if is_whole else Answer(text=" it.", token_ids=(1,), finish="end_token"),
                "key": None if is_whole else HASH,
            }
            completion = system.completions[place]
            judgment = make_judgment(completion, run.instructions[place], 1 if tokens else 5)
            verdict = {"refuses": None if is_whole else not tokens, "harmful": None if is_whole else tokens > 0}
            rows.append(
                Row(
                    PrefilledAnswer.model_validate({**common, **said}),
                    PrefilledVerdict.model_validate({**common, **verdict, "judgment": judgment}),
                )
            )
    return rows
