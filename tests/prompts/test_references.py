"""Reference answers: read whole, found by what an instruction asks, and refused where they are to another text."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import ROOT, make_query
from tests.judge.conftest import make_plan
from urial.cli import main
from urial.core.errors import UrialError
from urial.core.store import read_jsonl, write_jsonl
from urial.plan.judges import plan_judge
from urial.prompts.references.answers import References, load_references
from urial.records.instruction import Instruction
from urial.records.params.file import ParamsFile, read_params
from urial.records.plans import JudgePlan, OpenAIPlan
from urial.records.references import ReferenceAnswers

TWO = make_query("two", turns=("1 + 1?", "And twice that?"))
ROW = ReferenceAnswers(turns=TWO.turns, answers=("2", "4"), author="a person", corrected=True)


def references(tmp_path: Path, *rows: ReferenceAnswers) -> References:
    write_jsonl(tmp_path / "references.jsonl", rows)
    return References(load_references(tmp_path / "references.jsonl"))


def test_they_are_found_by_the_messages_alone(tmp_path: Path) -> None:
    found = references(tmp_path, ROW)
    assert found.of(TWO.model_copy(update={"id": "another"})) == ("2", "4")
    assert found.of(make_query("two", turns=("1 + 1?",))) == ()
    assert References(None).of(TWO) == ()


def test_the_hash_is_of_the_content_and_of_no_order(tmp_path: Path) -> None:
    other = ReferenceAnswers(turns=("q",), answers=("a",), author="m", corrected=False)
    hashes = []
    for rows in ((ROW, other), (other, ROW), (ROW.model_copy(update={"corrected": False}), other)):
        write_jsonl(tmp_path / "references.jsonl", rows)
        hashes.append(load_references(tmp_path / "references.jsonl").hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("change", "asked", "message"),
    [
        ({"id": "two"}, ("2 + 2?", "And twice that?"), "instruction 'two': the reference answers of its id are to another text: "
         "'1 + 1?', and '2 + 2?' is asked"),
        ({}, ("1 + 1?", "And thrice that?"), "instruction 'two': the reference answers of its first message are to another text: "
         "'And twice that?' in turn 2, and 'And thrice that?' is asked"),
        ({}, ("1 + 1?",), "instruction 'two': the reference answers of its first message are to another text: 2 turns, and 1 are "
         "asked"),
        ({"id": "other"}, TWO.turns, "instruction 'two': the reference answers to its messages have the id 'other'"),
        ({}, ("Why?",), "none of the 1 reference answers is of an instruction that is asked; the first is of '1 + 1?'"),
    ],
)  # fmt: skip
def test_those_of_another_text_are_refused_with_both(
    change: dict[str, Any], asked: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    found = references(tmp_path, ROW.model_copy(update=change))
    with pytest.raises(UrialError) as caught:
        found.require_fit([make_query("two", turns=asked)], all_asked=True)
    assert caught.value.what == message


def test_others_of_the_set_may_be_left_out_by_a_limit(tmp_path: Path) -> None:
    references(tmp_path, ROW).require_fit([make_query("one", turns=("Why?",))])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no rows"),
        ([{"turns": ["q"], "answers": ["a", "b"], "author": "m", "corrected": False}], "1 messages have 2 answers"),
        ([{"turns": ["q"], "answers": [" "], "author": "m", "corrected": False}], "field 'answers.0'"),
        ([{"turns": ["q"], "answers": ["a"], "author": "m"}], "missing field 'corrected'"),
        ([{"turns": ["q"], "answers": ["a"], "author": "m", "corrected": False}] * 2, "reference answers to 'q' again, as in line 1"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(lines: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    path = tmp_path / "references.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    with pytest.raises(UrialError) as caught:
        load_references(path)
    assert "references.jsonl" in str(caught.value)
    assert message in str(caught.value)


def params(**judge: Any) -> ParamsFile:
    known = read_params(ROOT / "params.yaml")
    served = known.judges["served"].model_dump(mode="json") | judge
    return ParamsFile.model_validate_json(
        json.dumps({**known.model_dump(mode="json"), "judges": {"served": served}, "prices": {}})
    )


MT_BENCH = {"regular": "mt-bench/1", "safety": "safety/1", "reference": "mt-bench-reference/1"}


def planned(**judge: Any) -> JudgePlan:
    return plan_judge(params(**judge), "served", ROOT / "prompts")


def test_the_plan_holds_them_whole(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "r.jsonl", [ROW])
    plan = planned(rubrics=MT_BENCH, references=str(tmp_path / "r.jsonl")).judge
    assert isinstance(plan, OpenAIPlan)
    assert plan.references is not None
    assert plan.references.answers == (ROW,)
    assert plan.rubrics.reference is not None
    assert plan.rubrics.reference.name == "mt-bench-reference/1"


def test_plans_without_them_are_what_they_were() -> None:
    plan = make_plan("http://127.0.0.1:9/v1").model_dump(mode="json")["judge"]
    assert set(plan) == {"kind", "judge", "rubrics", "price"}
    assert set(plan["rubrics"]) == {"regular", "safety"}
    assert "references" not in plan["judge"]


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        ({"rubrics": MT_BENCH}, "judges.served: rubrics.reference without references"),
        ({"references": "r.jsonl"}, "judges.served: references without rubrics.reference"),
        ({"rubrics": {**MT_BENCH, "regular": "mt-bench-reference/1"}}, "judges.served.rubrics.regular: mt-bench-reference/1 shows "
         "a reference answer"),
        ({"rubrics": {**MT_BENCH, "reference": "mt-bench/1"}}, "judges.served.rubrics.reference: mt-bench/1 shows no reference "
         "answer"),
        ({"rubrics": {**MT_BENCH, "regular": "multi/1"}}, "judges.served.rubrics.reference: mt-bench-reference/1 asks for overall"),
        ({"rubrics": {**MT_BENCH, "safety": "mt-bench/1"}}, "judges.served.rubrics.safety: mt-bench/1 asks for overall"),
    ],
)  # fmt: skip
def test_rubrics_that_do_not_go_together_are_refused(judge: dict[str, Any], message: str) -> None:
    with pytest.raises(UrialError) as caught:
        planned(**judge)
    assert caught.value.what == message


def test_they_are_imported_out_of_fastchats_files(tmp_path: Path) -> None:
    question = {"question_id": 101, "category": "math", "turns": list(TWO.turns)}
    (tmp_path / "question.jsonl").write_text(json.dumps(question) + "\n", "utf-8")
    for name, answers in (("whole", ["2", "4"]), ("empty", ["2", " "])):
        row = {"question_id": 101, "model_id": "gpt-4", "choices": [{"index": 0, "turns": answers}]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    out = tmp_path / "references.jsonl"
    command = [
        "--questions",
        str(tmp_path / "question.jsonl"),
        "--author",
        "gpt-4",
        "--not-corrected",
        "--out",
        str(out),
    ]
    refused = CliRunner().invoke(main, ["import", "references", str(tmp_path / "empty.jsonl"), *command])
    assert refused.exit_code == 1
    assert "in turn 2 is empty" in refused.output
    done = CliRunner().invoke(main, ["import", "references", str(tmp_path / "whole.jsonl"), *command])
    assert (done.exit_code, done.output) == (0, f"{out}: reference answers to 1 instruction\n")
    (found,) = read_jsonl(out, ReferenceAnswers)
    assert found == ROW.model_copy(update={"author": "gpt-4", "corrected": False})
    asked = Instruction(id="any", turns=TWO.turns, category="regular", source="mt-bench")
    assert References(load_references(out)).of(asked) == ("2", "4")
