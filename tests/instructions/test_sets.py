import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_query
from tests.instruction_files import named, plan_of
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.store import write_jsonl
from urial.instructions.sets import load_instructions, local_source
from urial.records.instruction import MAX_TURN_CHARACTERS, Instruction, JsonlSet, JustEvalSet
from urial.records.plans import InstructionsPlan

JUST_EVAL = Path(os.environ.get("URIAL_SHARED_DATA", ROOT.parent / "shared" / "data")) / "just_eval_instruct.jsonl"
ROW = {
    "id": 7,
    "instruction": "Why?",
    "source_id": "alpaca_eval-7",
    "dataset": "koala",
    "category": "regular",
    "task": ["info-seek"],
    "topic": ["stem"],
    "difficulty": "easy",
}
needs_just_eval = pytest.mark.skipif(
    not JUST_EVAL.is_file(), reason=f"needs the published rows: no {JUST_EVAL}; URIAL_SHARED_DATA names their folder"
)


def just_eval_plan(path: Path, **changes: Any) -> InstructionsPlan:
    return plan_of({"kind": "just-eval", "source": str(path)}, **changes)


def jsonl_plan(path: Path, **changes: Any) -> InstructionsPlan:
    return plan_of({"kind": "jsonl", "source": str(path)}, **changes)


def refusal(plan: InstructionsPlan) -> str:
    with pytest.raises(UrialError) as caught:
        load_instructions(plan)
    return str(caught.value)


@pytest.fixture(scope="module")
def published() -> list[Instruction]:
    return load_instructions(just_eval_plan(JUST_EVAL))


@needs_just_eval
def test_the_published_set_has_its_published_counts(published: list[Instruction]) -> None:
    regular = [row for row in published if row.category == "regular"]
    tasks = Counter(tag for row in regular for tag in row.task)
    topics = Counter(tag for row in regular for tag in row.topic)
    assert (len(published), len(regular)) == (1_000, 800)
    assert tasks == {
        "info-seek": 431, "reasoning": 285, "procedure": 160, "writing": 122, "coding": 66, "role-play": 52, "math": 31,
    }  # fmt: skip
    assert topics == {
        "lifestyle": 411, "stem": 246, "humanities": 170, "nature": 57, "finance": 55, "ethics": 51, "medical": 36,
        "malicious": 8,
    }  # fmt: skip


@needs_just_eval
def test_the_published_set_has_its_published_sources(published: list[Instruction]) -> None:
    counts = Counter((row.category, row.source) for row in published)
    regular = {source: count for (category, source), count in counts.items() if category == "regular"}
    safety = sorted(count for (category, _), count in counts.items() if category == "safety")
    assert [regular[name] for name in ("selfinstruct", "helpful_base", "oasst", "koala", "vicuna")] == [
        113, 101, 100, 76, 30,
    ]  # fmt: skip
    assert sorted(regular.values()) == [30, 76, 80, 100, 101, 113, 300]
    assert safety == [100, 100]


@needs_just_eval
def test_published_rows_keep_their_order_text_and_id(published: list[Instruction]) -> None:
    rows = [json.loads(line) for line in JUST_EVAL.read_text("utf-8").split("\n") if line]
    # Some of its queries come twice; the second is told apart.
    assert len({row.id for row in published}) == 1_000
    assert {row.id.removesuffix("-2") == named("just-eval", *row.turns) for row in published} == {True}
    assert [row.turns for row in published] == [(row["instruction"],) for row in rows]
    assert [row.difficulty for row in published] == [row["difficulty"] for row in rows]


@needs_just_eval
def test_a_limit_keeps_the_first(published: list[Instruction]) -> None:
    assert load_instructions(just_eval_plan(JUST_EVAL, limit=3)) == published[:3]


def test_a_just_eval_row_becomes_an_instruction(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(ROW))
    assert load_instructions(just_eval_plan(tmp_path / "x.jsonl")) == [
        Instruction(
            id=named("just-eval", "Why?"),
            turns=("Why?",),
            category="regular",
            task=("info-seek",),
            topic=("stem",),
            difficulty="easy",
            source="koala",
        )
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "7"}, "field 'id': input should be a valid integer, got '7'"),
        ({"id": -1}, "field 'id': input should be greater than or equal to 0, got -1"),
        ({"instruction": ""}, "field 'instruction': string should have at least 1 character, got ''"),
        ({"category": "safe"}, "field 'category': input should be 'regular' or 'safety', got 'safe'"),
        ({"task": "coding"}, "field 'task': input should be a valid array, got 'coding'"),
        ({"output": "x"}, "unknown field 'output'; known names: category, dataset, difficulty, id, instruction, "
                          "source_id, task, topic"),
    ],
)  # fmt: skip
def test_a_bad_just_eval_row_names_line_and_field(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{json.dumps({**ROW, **change})}\n")
    assert refusal(just_eval_plan(path)) == (
        f"{path}, line 2: {message}\n"
        "  expected: a row with id, instruction, source_id, dataset, category, task, topic, difficulty"
    )


def test_a_file_of_instructions_is_read_as_it_is(tmp_path: Path) -> None:
    rows = [make_query("b"), make_query("a\u2028", turns=("```\u0000é",))]
    write_jsonl(tmp_path / "x.jsonl", rows)
    assert load_instructions(jsonl_plan(tmp_path / "x.jsonl")) == rows


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"")
    assert refusal(jsonl_plan(tmp_path / "x.jsonl")) == (
        "instruction set 'mine' is empty\n  expected: at least one instruction"
    )


def test_an_id_used_twice_names_both_rows(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [make_query("a"), make_query("b"), make_query("a")])
    assert refusal(jsonl_plan(tmp_path / "x.jsonl")) == (
        "instruction set 'mine': id 'a' in rows 1 and 3\n  expected: every id once"
    )


def test_several_turns_are_kept(tmp_path: Path) -> None:
    rows = [make_query("a", turns=("one", "two"))]
    write_jsonl(tmp_path / "x.jsonl", rows)
    assert load_instructions(jsonl_plan(tmp_path / "x.jsonl")) == rows


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_jsonl(tmp_path / "x.jsonl", [make_query("a")])
    assert [row.id for row in load_instructions(jsonl_plan(Path("~/x.jsonl")))] == ["a"]


def test_rows_behind_the_limit_are_checked_too(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [make_query("a"), make_query("a")])
    assert "in rows 1 and 2" in refusal(jsonl_plan(tmp_path / "x.jsonl", limit=1))


def test_an_instruction_of_a_million_characters_is_refused(tmp_path: Path) -> None:
    row = make_query("a").model_dump(mode="json") | {"turns": ["x" * 1_000_000]}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n")
    assert refusal(jsonl_plan(tmp_path / "x.jsonl")) == (
        f"{tmp_path}/x.jsonl, line 1: field 'turns.0': string should have at most {MAX_TURN_CHARACTERS} characters, "
        f"got '{'x' * 78}…\n  expected: the record Instruction as in schemas/"
    )


def test_a_file_that_changed_since_it_was_planned_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_jsonl(path, [make_query("a")])
    planned = jsonl_plan(path, source_hash=file_hash(path))
    assert [row.id for row in load_instructions(planned)] == ["a"]
    write_jsonl(path, [make_query("b")])
    assert refusal(planned) == (
        f"{path}: changed since it was planned\n  fix: run `dvc repro --force plan`, then `dvc repro`"
    )


def test_the_micro_world_answers_to_its_seed() -> None:
    rows = [load_instructions(plan_of({"kind": "microworld"}, microworld_seed=seed)) for seed in (0, 0, 1)]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]
    assert {row.category for row in rows[0]} == {"regular", "safety"}


def test_the_micro_world_s_queries_need_its_pair() -> None:
    assert refusal(plan_of({"kind": "microworld"})) == (
        "instruction set 'mine' is about the embedded pair's world, and another pair is run\n"
        "  fix: run the embedded pair, or set run.instructions to null"
    )


@pytest.mark.parametrize("source", ["x.jsonl", "./x", "/x", "../x", "x.json", "o/x.CSV", "o/x.parquet"])
def test_what_looks_like_a_path_is_a_file(source: str) -> None:
    assert local_source(JustEvalSet(kind="just-eval", source=source)) == Path(source)


def test_a_file_that_exists_is_a_file_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner").mkdir()
    (tmp_path / "owner/name").write_text("")
    monkeypatch.chdir(tmp_path)
    assert local_source(JustEvalSet(kind="just-eval", source="owner/name")) == Path("owner/name")


def test_other_sources_are_hub_ids() -> None:
    assert local_source(JustEvalSet(kind="just-eval", source="re-align/just-eval-instruct")) is None


@pytest.mark.parametrize(
    "source", ["json", "parquet", "a/b/c", "owner/a\0b", "o/..", "o/.x", "hf://o/n", "é/b", "a b/c"]
)
def test_what_is_neither_a_file_nor_a_hub_id_is_refused(source: str) -> None:
    with pytest.raises(UrialError) as caught:
        local_source(JustEvalSet(kind="just-eval", source=source))
    assert str(caught.value) == (
        f"instruction set: source {source!r} is neither a file nor the id of a data set\n  where: params.yaml\n"
        "  expected: a path that ends with .jsonl, .json, .csv or .parquet, or OWNER/NAME"
    )


def test_a_set_of_our_own_records_is_always_a_file() -> None:
    assert local_source(JsonlSet(kind="jsonl", source="owner/name")) == Path("owner/name")
