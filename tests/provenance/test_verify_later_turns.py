"""Later turns are checked as the first ones: each prompt follows from the answers before it, each key from its prompt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.prompts.test_assembly import CHAT, make_plan
from tests.provenance.elsewhere import hub_manifest, served_manifest, write_answers, write_models
from tests.provenance.finished import edit_row
from tests.provenance.written import write_lock
from tests.served import aligned_plan, base_plan, served_model
from tests.tiny_models import tiny_folder
from urial.core.row_cache import RowCache
from urial.core.store import read_json, write_json, write_jsonl
from urial.generate.run import generate
from urial.provenance.verify.answers import check_completions_of
from urial.provenance.verify.run import Run
from urial.records.base import ROLES
from urial.records.completion import Answer
from urial.records.instruction import Instruction
from urial.records.model import EmbeddedModel, ModelManifest
from urial.records.params.file import Generation
from urial.records.plans import SystemPlan
from urial.run.paths import COMPLETIONS

SERVED = served_model("http://127.0.0.1:9/v1")
INSTRUCTIONS = [
    make_query("one"),
    make_query("two", turns=("Why?", "And then?")),
    make_query("three", turns=tuple("ABC")),
]
RECORD = Generation(batch_size=4, on_context_overflow="record")
PLANS: dict[str, SystemPlan] = {
    "here": make_plan(generation=RECORD), "here, chat": CHAT.model_copy(update={"generation": RECORD}),
    "hub": make_plan(), "hub, chat": CHAT, "served": base_plan(SERVED), "served, chat": aligned_plan(SERVED),
}  # fmt: skip
# Whose later prompts can be laid out again.
LAID_OUT = ("here", "here, chat", "hub", "served", "served, chat")


def make_run(folder: Path, kind: str, instructions: list[Instruction] | None = None) -> Run:
    """Instructions of one, two and three turns, answered by a system of one kind; a model that is here really answers."""
    run, plan, asked = Run(folder), PLANS[kind], instructions or INSTRUCTIONS
    if kind.startswith("here"):
        return _answered_here(run, plan, asked)
    served = kind.startswith("served")
    base, aligned = (served_manifest(role, SERVED) if served else hub_manifest(role) for role in ROLES)
    write_models(run.data, base, aligned)
    answer = Answer(text="Because.", token_ids=None if served else (4, 5), finish="stop")
    write_answers(run, plan, asked, run.data / "models" / plan.model if served else tiny_folder("llama"), answer)
    return Run(folder)


def _answered_here(run: Run, plan: SystemPlan, instructions: list[Instruction]) -> Run:
    from urial.prompts.versions.assembly import assemble

    folder, models = tiny_folder("llama"), run.data / "models"
    models.mkdir(parents=True)
    (models / plan.model).symlink_to(folder)
    prompts = assemble(plan, instructions, folder)
    with RowCache(run.root / "rows") as cache:
        completions = generate(plan, instructions, prompts, folder, cache)
    assert isinstance(read_json(folder / "manifest.json", ModelManifest).source, EmbeddedModel)
    write_json(run.data / f"plan/systems/{plan.system}.json", plan)
    write_jsonl(run.data / "instructions.jsonl", instructions)
    write_jsonl(run.data / f"prompts/{plan.system}.jsonl", prompts)
    write_jsonl(run.data / f"generations/{plan.system}.jsonl", completions)
    write_lock(run.root, [plan.system], [])
    return Run(run.root)


def found(run: Run, kind: str, change: Callable[[dict[str, Any]], None] | None = None) -> list[str]:
    """What is wrong with the answers once the third row was changed, without the file's name."""
    system = PLANS[kind].system
    path = run.data / f"generations/{system}.jsonl"
    if change is not None:
        edit_row(path, 3, change)
    problems = check_completions_of(Run(run.root), system).problems
    return [problem.what.removeprefix(f"data/generations/{system}.jsonl: ") for problem in problems]


@pytest.mark.parametrize("kind", PLANS)
def test_later_turns_follow(tmp_path: Path, kind: str) -> None:
    assert found(make_run(tmp_path, kind), kind) == []


def other_text(row: dict[str, Any]) -> None:
    row["later_turns"][1]["prompt"]["text"] += " "


def other_key(row: dict[str, Any]) -> None:
    row["later_turns"][0]["key"] = f"sha256:{'0' * 64}"


def fewer(row: dict[str, Any]) -> None:
    row["later_turns"].pop()


def unanswered(row: dict[str, Any]) -> None:
    turn = row["later_turns"][1]
    turn.update(status="no_history", reason="turn 2 has no answer", answer=None, key=None, prompt=None)


def gap(row: dict[str, Any]) -> None:
    turn = row["later_turns"][0]
    turn.update(status="too_long", reason="too long", answer=None, key=None)


@pytest.mark.parametrize("kind", LAID_OUT)
def test_a_prompt_that_the_earlier_answers_do_not_give_is_named(tmp_path: Path, kind: str) -> None:
    (problem,) = found(make_run(tmp_path, kind), kind, other_text)
    assert problem.startswith("line 3, later_turns.1.prompt: not the one that the earlier turns give; 1 more such")


def test_without_the_template_its_key_still_tells(tmp_path: Path) -> None:
    (problem,) = found(make_run(tmp_path, "hub, chat"), "hub, chat", other_text)
    assert problem.startswith("line 3, later_turns.1.key: sha256:")


@pytest.mark.parametrize("kind", PLANS)
def test_a_key_a_lost_turn_and_a_lost_answer_are_named(tmp_path: Path, kind: str) -> None:
    run = make_run(tmp_path, kind)
    path = run.data / f"generations/{PLANS[kind].system}.jsonl"
    before = path.read_bytes()
    (problem,) = found(run, kind, other_key)
    assert problem.startswith(
        f"line 3, later_turns.0.key: sha256:{'0' * 64}, by its model, prompt and decoding sha256:"
    )
    path.write_bytes(before)
    assert found(run, kind, fewer) == ["line 3, later_turns: 1, and the instruction has 2"]
    path.write_bytes(before)
    assert found(run, kind, unanswered) == ["line 3, later_turns.1.prompt: none, and 2 turns before have answers"]
    path.write_bytes(before)
    (problem,) = found(run, kind, gap)
    here = kind.startswith("here")
    first = (
        "reason: 'too long', by the prompt's length None" if here else "prompt: one, and 1 turns before have answers"
    )
    assert problem.startswith(f"line 3, later_turns.{0 if here else 1}.{first}")


@pytest.mark.parametrize("kind", ["here", "here, chat"])
def test_an_answer_that_its_tokens_do_not_say_is_named(tmp_path: Path, kind: str) -> None:
    def reword(row: dict[str, Any]) -> None:
        row["later_turns"][1]["answer"]["text"] = "Never."

    (problem,) = found(make_run(tmp_path, kind), kind, reword)
    assert problem.startswith("line 3, later_turns.1.answer.text: 'Never.', its tokens say ")


def test_a_turn_without_room_and_what_follows_it_hold(tmp_path: Path) -> None:
    long = make_query("long", turns=("Why?", "word " * 600, "And now?"))
    run = make_run(tmp_path, "here", [*INSTRUCTIONS[:2], long])
    (row,) = run.rows(COMPLETIONS, "base-urial")[2:]
    assert [turn.status for turn in (row, *row.later_turns)] == ["ok", "too_long", "no_history"]
    assert found(run, "here") == []

    def short(row: dict[str, Any]) -> None:
        row["later_turns"][0]["reason"] = "too long"

    (problem,) = found(run, "here", short)
    assert problem.startswith("line 3, later_turns.0.reason: 'too long', by the prompt's length \"the prompt has ")
