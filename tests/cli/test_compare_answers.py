"""`urial compare-answers`: preferences outside of the pipeline; and what `urial estimate` says of preferences."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.conftest import ROOT, make_query
from tests.judge.preferences.comparing import answered, choosing, longer
from tests.judge_server import judging
from urial.core.store import read_jsonl, write_jsonl
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.preference import Preference

ASKED = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(3)]
COMPARED = ("compare-answers", "ours.jsonl", "theirs.jsonl", "--out", "out.jsonl")
OVERALL = ("--judge", "mine", "--rubric", "preference/overall-1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the answers of two systems to three instructions, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write_jsonl(tmp_path / "data/instructions.jsonl", ASKED)
    write_answers("ours.jsonl", "base", [(one, "short") for one in ASKED])
    write_answers("theirs.jsonl", "other", [(one, "long answer") for one in ASKED])
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    set_judge("http://127.0.0.1:9/v1")
    return tmp_path


def write_answers(name: str, system: str, rows: list[tuple[Instruction, str]], *, queries: bool = False) -> None:
    written: list[Completion] = []
    for instruction, text in rows:
        row = answered(instruction, text, system=system)
        written.append(row.model_copy(update={"query": instruction.turns[0]}) if queries else row)
    write_jsonl(Path(name), written)


def set_judge(url: str, **fields: Any) -> None:
    """Make ``mine`` a judge of params.yaml."""
    settings = {
        "kind": "openai",
        "server": url,
        "model": "gpt-4o-2024-08-06",
        "response_format": "json_object",
        **fields,
    }
    params = (
        (ROOT / "params.yaml").read_text("utf-8").replace("judges:\n", f"judges:\n  mine: {json.dumps(settings)}\n")
    )
    Path("params.yaml").write_text(params, "utf-8")


def test_two_files_are_compared_in_both_orders(folder: Path) -> None:
    with judging(choosing(longer)) as server:
        set_judge(server.url)
        result = invoke(*COMPARED, *OVERALL)
        assert (result.exit_code, len(server.questions())) == (0, 6), result.output
        assert result.stdout.splitlines()[-1] == "out.jsonl: 3 preferences; overall: 3 loss"
        one = invoke(*COMPARED, *OVERALL, "--orders", "one", "--force")
        assert (one.exit_code, len(server.questions())) == (0, 6)
    rows = read_jsonl(folder / "out.jsonl", Preference)
    assert [(row.instruction_id, row.system, row.baseline, len(row.comparisons)) for row in rows] == [
        (f"q{number}", "base", "other", 1) for number in range(3)
    ]


def test_rows_are_joined_by_what_they_answer_in_any_order(folder: Path) -> None:
    renamed = [one.model_copy(update={"id": f"x{number}"}) for number, one in enumerate(reversed(ASKED))]
    write_answers("theirs.jsonl", "other", [(one, f"to {one.turns[0]}") for one in renamed], queries=True)
    result = invoke(*COMPARED)
    assert result.exit_code == 0, result.output
    rows = read_jsonl(folder / "out.jsonl", Preference)
    assert [row.baseline_characters for row in rows] == [len(f"to {one.turns[0]}") for one in ASKED]


def test_other_texts_under_the_same_ids_are_refused_with_both_shown(folder: Path) -> None:
    others = [make_query(f"q{number}", turns=(f"How {number}?",)) for number in range(3)]
    write_answers("theirs.jsonl", "other", [(one, "x") for one in others], queries=True)
    result = invoke(*COMPARED)
    assert result.exit_code == 1
    assert "'q0' is another instruction in each" in result.stderr
    assert "'Why 0?'" in result.stderr
    assert "'How 0?'" in result.stderr
    assert not (folder / "out.jsonl").exists()


def test_an_answer_that_the_baseline_lacks_is_told(folder: Path) -> None:
    write_answers("theirs.jsonl", "other", [(ASKED[1], "x")])
    assert invoke(*COMPARED).exit_code == 0
    rows = read_jsonl(folder / "out.jsonl", Preference)
    assert [row.status for row in rows] == ["no_baseline", "compared", "no_baseline"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(make_query("z", turns=("Else?",)), "x")], "answers none of the instructions that ours.jsonl answers"),
        ([(ASKED[0], "x"), (ASKED[0], "y")], "'q0' is answered twice"),
    ],
)
def test_what_cannot_be_joined_is_refused(folder: Path, rows: list[tuple[Instruction, str]], message: str) -> None:
    write_answers("theirs.jsonl", "other", rows)
    result = invoke(*COMPARED)
    assert (result.exit_code, message in result.stderr) == (1, True), result.stderr


def test_one_system_under_one_name_is_not_compared_with_itself(folder: Path) -> None:
    write_answers("theirs.jsonl", "base", [(one, "x") for one in ASKED])
    result = invoke(*COMPARED)
    assert "both of the system 'base'" in result.stderr
    assert invoke(*COMPARED, "--baseline-name", "before").exit_code == 0
    assert {row.baseline for row in read_jsonl(folder / "out.jsonl", Preference)} == {"before"}


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "../up", "x" * 101])
def test_a_baseline_s_name_is_a_name_of_a_system(folder: Path, name: str) -> None:
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    result = invoke(*COMPARED, "--judge", "rules", "--baseline-name", name)
    assert (result.exit_code, Path("out.jsonl").exists()) == (1, False)
    assert re.match(r"Error: --baseline-name '.*: no name of a system\n  expected: a letter or digit", result.stderr)


@pytest.mark.parametrize("option", [("--rubric", "preference/overall-1"), ("--verdict", "tokens")])
def test_the_rules_have_no_rubric(folder: Path, option: tuple[str, str]) -> None:
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    result = invoke(*COMPARED, "--judge", "rules", *option)
    assert (result.exit_code, Path("out.jsonl").exists()) == (1, False)
    assert "judge 'rules' is asked nothing" in result.stderr


def test_a_dry_run_writes_the_requests_of_both_orders_and_sends_nothing(folder: Path) -> None:
    result = invoke(*COMPARED, *OVERALL, "--dry-run")
    assert result.stdout.splitlines()[-1] == "out.jsonl: 6 requests"
    requests = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    assert len({request["custom_id"] for request in requests}) == 6
    assert invoke(*COMPARED, "--judge", "rules", "--dry-run", "--force").stderr.startswith(
        "Error: judge 'rules' asks no server"
    )


def test_an_estimate_counts_both_orders_and_turns(folder: Path) -> None:
    asked = [ASKED[0], make_query("t", turns=("One?", "Two?"))]
    write_jsonl(folder / "data/instructions.jsonl", asked)
    found = json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)
    assert sorted(found["preferences"]) == ["base-urial", "base-zero-shot"]
    part = found["preferences"]["base-urial"]
    assert (part["requests"], part["assumed_answers"]) == (6, 6)
    assert part["output_tokens"] == 6 * 7 * 60
    parts = [*found["systems"].values(), *found["preferences"].values()]
    assert found["total"]["requests"] == sum(each["requests"] for each in parts)
    said = invoke("estimate", "--judge", "mine").stdout
    assert "base-urial against aligned" in said
    assert "every pair is asked about in both orders" in said


def test_an_estimate_is_of_the_very_pairs_where_they_are_there(folder: Path) -> None:
    for system, text in (("aligned", "same"), ("base-urial", "same"), ("base-zero-shot", "other")):
        path = f"data/generations/{system}.jsonl"
        write_answers(path, system, [(one, text) for one in ASKED])
    found = json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)["preferences"]
    assert {name: (part["requests"], part["assumed_answers"]) for name, part in found.items()} == {
        "base-zero-shot": (6, 0), "base-urial": (0, 0),
    }  # fmt: skip


def test_repeated_judgings_are_asked_anew(folder: Path) -> None:
    with judging(choosing(longer)) as server:
        set_judge(server.url)
        result = invoke(*COMPARED, *OVERALL, "--repeat", "2")
        assert (result.exit_code, len(server.questions())) == (0, 12), result.output
    assert "out-2.jsonl: 3 preferences; overall: 3 loss\n" in result.stdout
    assert "same in all %" in result.stdout
    first, second = (read_jsonl(folder / name, Preference) for name in ("out.jsonl", "out-2.jsonl"))
    assert len({row.key for row in (*first, *second)}) == 6
    assert [row.results for row in first] == [row.results for row in second]
    again = json.loads(invoke("agreement", "out.jsonl", "out-2.jsonl", "--json").stdout)
    assert (again["judgings"], again["parts"][0]["spread"]["same"]["share"]) == (2, 1.0)
