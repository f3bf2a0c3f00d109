"""A run with all that the answer browser shows: four systems, every kind of status, several turns, both orders.

Instructions are those of tests/report/conftest.py. Of `base`: r1 has two turns, the second cut off; r2 is cut off and
flagged; to r4 there is no room for an answer; the judge's reply to r3 is no verdict. By the order of showing, `base`
against `aligned` flips at r2, and has no verdict at s2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.report.conftest import (
    ALIGNED_SCORES,
    BASE_SCORES,
    HASH,
    IDS,
    make_completion,
    make_inputs,
    make_instruction,
    make_system,
)
from tests.report.preference_runs import PLAN, WrittenJudge
from urial.core.store import write_bytes, write_text
from urial.judge.preferences.run import compare_completions
from urial.records.completion import AssembledPrompt, LaterTurn
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment, Reply
from urial.report.build import build_report
from urial.report.inputs import ReportInputs, SystemInputs
from urial.report.site.data import write_data_files
from urial.report.site.frame import ANSWERS, OVERVIEW, Frame, render
from urial.report.site.write import ASSETS

SYSTEMS = ("aligned", "base", "icl", "urial")
EXAMPLE = "# Query:\n```\nWhat is one?\n```\n\n# Answer:\n```\nIt is 1.\n```\n\n"
LONG_LINE = "y" * 1_000_000


def answers_run() -> ReportInputs:
    """The run of the module's docstring."""
    instructions = [
        make_instruction(name, task=("info-seek" if name.startswith("r") else "chat",), topic=(f"topic-{name}",))
        for name in IDS
    ]
    first = instructions[0].model_copy(update={"turns": ("Query r1?", "And then?"), "reference": "The true answer."})
    instructions = [first, *instructions[1:]]
    texts = {name: {row: _text(name, row) for row in IDS} for name in SYSTEMS}
    scores: dict[str, Mapping[str, int | None]] = {
        "aligned": ALIGNED_SCORES,
        "base": BASE_SCORES,
        "icl": dict.fromkeys(IDS, 3),
        "urial": dict.fromkeys(IDS, 4),
    }
    systems = {
        name: make_system(
            name, instructions, texts[name] if name != "base" else {**texts[name], "r4": None}, scores[name]
        )
        for name in SYSTEMS
    }
    systems = {name: replace(system, prompts=_prompts(name, instructions)) for name, system in systems.items()}
    systems["base"] = _troubled(systems["base"])
    run = make_inputs(instructions, systems, {})
    rows = compare_completions(
        WrittenJudge(), PLAN, instructions, systems["base"].completions, systems["aligned"].completions
    )
    planned = run.plan.model_copy(update={"compared": ("base",), "baseline": "aligned"})
    return replace(run, plan=planned, preferences={"base": rows})


def _text(system: str, name: str) -> str:
    words = {
        "aligned": "Hello! The answer to",
        "base": "The answer to",
        "icl": "An answer for",
        "urial": "Hello! An answer to",
    }
    return f"{words[system]} {name} is {system}."


def _prompts(system: str, instructions: Sequence[Instruction]) -> list[AssembledPrompt]:
    """Chat templates for `aligned`, one example before the query for the others."""
    rows = []
    for row in instructions:
        query = row.turns[0]
        text = (
            f"<|user|>{query}<|assistant|>\n"
            if system == "aligned"
            else f"{EXAMPLE}# Query:\n```\n{query}\n```\n\n# Answer:\n```\n"
        )
        rows.append(
            AssembledPrompt(
                instruction_id=row.id, system=system, text=text, adds_special_tokens=system != "aligned",
                stop=() if system == "aligned" else ("\n```",), n_tokens=10,
            )
        )  # fmt: skip
    return rows


def _troubled(base: SystemInputs) -> SystemInputs:
    """Base with what its docstring says of it."""
    completions, prompts, judgments = list(base.completions), list(base.prompts), list(base.judgments)
    asked = AssembledPrompt(
        instruction_id="r1", system="base", text="<all of it> And then?", adds_special_tokens=True, stop=(), n_tokens=3
    )
    later = LaterTurn(
        status="ok", reason=None, key=HASH, prompt=asked,
        answer=make_completion("base", "r1", "And then it is", finish="length").answer,
    )  # fmt: skip
    completions[0] = completions[0].model_copy(update={"later_turns": (later,)})
    completions[1] = make_completion("base", "r2", "The answer to r2 is", finish="length")
    prompts[1] = prompts[1].model_copy(update={"flag": "the query looks like a block of the prompt"})
    judgments[2] = _invalid(judgments[2])
    return replace(base, completions=completions, prompts=prompts, judgments=judgments)


def _invalid(judgment: Judgment) -> Judgment:
    scores = [
        score.model_copy(update={"status": "invalid", "score": None, "rationale": "the reply is no JSON"})
        for score in judgment.scores
    ]
    reply = Reply(text="I would say five out of five.", finish="stop")
    changes = {"status": "invalid", "reason": "no JSON", "scores": tuple(scores), "replies": (reply,)}
    return Judgment.model_validate({**judgment.model_dump(), **changes})


def with_long_line(run: ReportInputs) -> ReportInputs:
    """The run in which `icl` answers r1 with a line of a million characters."""
    system = run.systems["icl"]
    completions = [make_completion("icl", "r1", LONG_LINE), *system.completions[1:]]
    return replace(run, systems={**run.systems, "icl": replace(system, completions=completions)})


def write_answers(run: ReportInputs, folder: Path) -> Path:
    """The answer browser of a run under ``folder``, without the other pages."""
    for asset in ASSETS.iterdir():
        write_bytes(folder / "assets" / asset.name, asset.read_bytes())
    write_data_files(folder, run, build_report(run))
    write_text(folder / "answers.html", render(ANSWERS, Frame("pair", "sha256:abc", (OVERVIEW, ANSWERS))))
    return folder
