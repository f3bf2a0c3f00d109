"""Runs to export, small enough to know every figure of."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.report.conftest import HASH, make_completion, small_run
from urial.exchange.exporters.answers import ExportedRun, ExportedSystem, joined
from urial.records.completion import AssembledPrompt, LaterTurn
from urial.records.environment import Environment
from urial.records.instruction import MicroworldSet
from urial.records.judgment import AspectScore, LaterJudgment
from urial.records.plans import InstructionsPlan, JudgePlan, PreferencesPlan, RulesPlan
from urial.report.build import build_report
from urial.report.inputs import ReportInputs

COMMIT, DATE = "ab" * 20, datetime(2026, 11, 30, 12, tzinfo=UTC)
RULES = RulesPlan(kind="rules", microworld_seed=0)
ENVIRONMENT = Environment.model_validate(
    {
        "python": "3.11", "implementation": "CPython", "operating_system": "Linux", "machine": "x86_64", "libc": None,
        "cpu": None, "logical_cpus": 2, "variables": {}, "torch": None,
        "packages": {"urial": "0.1.0", "transformers": "5.23.0"},
    }
)  # fmt: skip


def exported(inputs: ReportInputs | None = None, **changes: Any) -> ExportedRun:
    """A run of which the report's tests know every figure; by default the one of tests/report/conftest.py."""
    inputs = inputs or small_run()
    report = build_report(inputs)
    systems = tuple(
        ExportedSystem(
            name=name,
            plan=system.plan,
            manifest=inputs.models[system.plan.model],
            environment=ENVIRONMENT,
            figures=report.systems[name],
            answers=joined(inputs.instructions, system.prompts, system.completions, system.judgments),
        )
        for name, system in inputs.systems.items()
    )
    run = ExportedRun(
        commit=COMMIT,
        date=DATE,
        dirty=(),
        report=report,
        instructions=InstructionsPlan(
            name="set", set=MicroworldSet(kind="microworld"), source_hash=None, microworld_seed=0, limit=None
        ),
        asked=len(inputs.instructions),
        judge=JudgePlan(name="rules", judge=RULES),
        preferences=PreferencesPlan(baseline=None, orders="both", name=None, judge=None, rubric=None),
        systems=systems,
    )
    return replace(run, **changes)


def with_second_turn(inputs: ReportInputs, text: str = "And more.") -> ReportInputs:
    """The run in which the first instruction has a second message, answered by `aligned` with the score 2 for depth."""
    first, *others = inputs.instructions
    two = first.model_copy(update={"turns": (*first.turns, "And then?")})
    systems = {}
    for name, system in inputs.systems.items():
        prompt = AssembledPrompt(
            instruction_id=first.id, system=name, text="p and then", adds_special_tokens=True, stop=(), n_tokens=12
        )
        answer = make_completion(name, first.id, text).answer
        later = LaterTurn(status="ok", reason=None, answer=answer, key=HASH, prompt=prompt)
        judged = LaterJudgment(
            status="scored", reason=None, key=HASH, words=2,
            scores=(AspectScore(aspect="depth", score=2, rationale="shallow"),),
        )  # fmt: skip
        systems[name] = replace(
            system,
            completions=_changed(system.completions, later_turns=(later,)),
            judgments=_changed(system.judgments, later_turns=(judged,)),
        )
    return replace(inputs, instructions=[two, *others], systems=systems)


def _changed(rows: Sequence[Any], **changes: object) -> list[Any]:
    return [rows[0].model_copy(update=changes), *rows[1:]]
