"""`urial judge` and `urial estimate`."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke, no_project
from tests.conftest import ROOT, make_query
from tests.judge.conftest import answered
from tests.judge_server import judging
from tests.safety_depth.prefilled import begun, unanswered, unsafe
from urial.core.store import read_jsonl, write_jsonl
from urial.records.judge import RulesIdentity
from urial.records.judgment import Judgment

INSTRUCTIONS = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(3)]
JUDGED = ("judge", "answers.jsonl", "--out", "judged.jsonl")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three answers of one system, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write_jsonl(tmp_path / "data/instructions.jsonl", INSTRUCTIONS)
    write_jsonl(tmp_path / "answers.jsonl", [answered(item) for item in INSTRUCTIONS])
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    set_judge("http://127.0.0.1:9/v1")
    return tmp_path


def set_judge(url: str, **fields: Any) -> None:
    """Make ``mine`` a judge of params.yaml."""
    judge = json.dumps({"kind": "openai", "server": url, "model": "gpt-4o-2024-08-06", **fields})
    params = (ROOT / "params.yaml").read_text("utf-8").replace("judges:\n", f"judges:\n  mine: {judge}\n")
    Path("params.yaml").write_text(params, "utf-8")


def test_a_file_of_answers_is_judged(folder: Path) -> None:
    with judging() as server:
        set_judge(server.url)
        result = invoke(*JUDGED, "--judge", "mine")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "judged.jsonl: 3 judgments: 3 scored"
    rows = read_jsonl(folder / "judged.jsonl", Judgment)
    assert [row.instruction_id for row in rows] == ["q0", "q1", "q2"]


def test_the_run_s_own_judge_is_the_default(folder: Path) -> None:
    result = invoke(*JUDGED)
    assert result.stdout == "judged.jsonl: 3 judgments: 0 scored; 3 not applicable\n"
    assert {row.judge for row in read_jsonl(folder / "judged.jsonl", Judgment)} == {
        RulesIdentity(kind="rules", version=1, world="microworld/seed-0")
    }


@pytest.mark.parametrize("command", [JUDGED, ("estimate",)])
def test_a_run_without_a_judge_has_no_default(command: tuple[str, ...], folder: Path) -> None:
    params = (folder / "params.yaml").read_text("utf-8").replace("  judge: rules ", "  judge: null ")
    (folder / "params.yaml").write_text(params, "utf-8")
    assert invoke(*command).stderr == (
        "Error: params.yaml: the run has no judge: run.judge is null\n  fix: name one of its judges with --judge NAME, or name a "
        "model on a server of your own with --judge-server URL --judge-model NAME\n"
    )


def test_an_answer_to_an_unknown_instruction_is_refused(folder: Path) -> None:
    write_jsonl(folder / "few.jsonl", INSTRUCTIONS[1:])
    result = invoke(*JUDGED, "--judge", "mine", "--instructions", "few.jsonl")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: few.jsonl: 1 completion has no instruction in it, first 'q0'"
        "\n  fix: name the file of their instructions with --instructions\n",
    )
    assert not (folder / "judged.jsonl").exists()


def test_a_server_that_is_not_there_leaves_nothing_behind(folder: Path) -> None:
    set_judge("http://127.0.0.1:9/v1", limits={"retries": 0})
    result = invoke(*JUDGED, "--judge", "mine")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: http://127.0.0.1:9/v1: no connection: ")
    assert not (folder / "judged.jsonl").exists()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("answers.jsonl", "answers.jsonl: is answers.jsonl, which is read\n  fix: name another file"),
        ("params.yaml", "params.yaml: is params.yaml, which is read\n  fix: name another file"),
        ("data", "data: is a folder\n  fix: name a file"),
    ],
)
def test_no_input_is_replaced(folder: Path, out: str, message: str) -> None:
    before = (folder / "answers.jsonl").read_bytes()
    result = invoke("judge", "answers.jsonl", "--out", out, "--force")
    assert (result.exit_code, result.stderr) == (1, f"Error: {message}\n")
    assert (folder / "answers.jsonl").read_bytes() == before


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_judgments_that_are_there_are_not_replaced_unless_told_to(folder: Path, options: tuple[str, ...]) -> None:
    (folder / "judged.jsonl").write_text("paid for")
    result = invoke(*JUDGED, *options)
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: judged.jsonl: already exists\n  fix: name another file, or replace it with --force\n",
    )
    assert (folder / "judged.jsonl").read_text() == "paid for"
    assert invoke(*JUDGED, "--force").stdout == "judged.jsonl: 3 judgments: 0 scored; 3 not applicable\n"
    assert len(read_jsonl(folder / "judged.jsonl", Judgment)) == 3


def test_two_answers_to_one_instruction_are_refused(folder: Path) -> None:
    write_jsonl(folder / "answers.jsonl", [answered(INSTRUCTIONS[0]), answered(INSTRUCTIONS[0], "No.")])
    result = invoke(*JUDGED)
    assert result.stderr == "Error: answers.jsonl: base answers 'q0' twice\n  expected: one row an instruction\n"


def test_a_dry_run_writes_requests_and_sends_nothing(folder: Path) -> None:
    set_judge("http://127.0.0.1:9/v1", response_format="json_schema", batch=True)
    result = invoke(*JUDGED, "--judge", "mine", "--dry-run")
    assert result.stdout == (
        "the server was never asked: it is taken to know max_tokens, which reasoning models do not\n"
        "judged.jsonl: 3 requests\n"
    )
    lines = [json.loads(line) for line in (folder / "judged.jsonl").read_text().splitlines()]
    assert all(line["body"]["model"] == "gpt-4o-2024-08-06" for line in lines)
    refused = invoke(*JUDGED, "--judge", "rules", "--dry-run", "--force")
    assert refused.stderr == "Error: judge 'rules' asks no server\n  fix: name a judge of the kind openai\n"


def test_an_estimate_sends_nothing_and_says_what_it_assumes(folder: Path) -> None:
    result = invoke("estimate", "--judge", "mine", "--answer-words", "100")
    assert result.exit_code == 0, result.output
    head, *systems = result.stdout.splitlines()
    assert head.split("  ")[0] == "system"
    assert systems[0].split()[:3] == ["aligned", "3", "0"]
    assert result.stdout.endswith(
        "judge mine: gpt-4o-2024-08-06\n"
        "tokens read are taken as 4 bytes each; written are taken as 60 for an aspect with its rationale and 8 for a score alone\n"
        "at most: every reply as long as max_tokens allows, 2,048 tokens; questions that are put again, since their reply is no "
        "verdict, are in neither\n"
        "minutes are at the set limits: 16 requests at a time of 5 s each\n"
        "cost is in the currency of prices in params.yaml\n"
        "33 answers are not there yet and are taken as 100 words each\n"
        "of preferences, every pair is asked about in both orders\n"
    )


def test_an_estimate_reads_the_answers_that_are_there(folder: Path) -> None:
    assumed = json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)
    write_jsonl(folder / "data/generations/aligned.jsonl", [answered(item, "x" * 4_000) for item in INSTRUCTIONS])
    found = json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)
    assert (assumed["systems"]["aligned"]["assumed_answers"], found["systems"]["aligned"]["assumed_answers"]) == (3, 0)
    assert found["systems"]["aligned"]["requests"] == 1 * 3
    grown = found["total"]["input_tokens"] - assumed["total"]["input_tokens"]
    assert grown == 3 * (4_000 - len(" ".join(["words"] * 200))) // 4
    assert found["total"]["requests"] == 33 + 2 * 2 * 3, "of blends, and preferences of two systems in both orders, too"
    assert found["total"]["cost"] > 0


def test_answers_that_are_begun_are_estimated_too(folder: Path) -> None:
    asked = [*INSTRUCTIONS, unsafe("u1"), unsafe("u2", turns=("How?", "And then?"))]
    write_jsonl(folder / "data/instructions.jsonl", asked)
    assumed = json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)
    # Two texts, begun with four numbers of their tokens, for each of two unsafe instructions; 0 tokens are the system's own answer.
    assert {name: part["requests"] for name, part in assumed["safety_depth"].items()} == {
        "aligned": 16, "base-zero-shot": 16, "base-urial": 16,
    }  # fmt: skip
    parts = [part for key in ("systems", "preferences", "safety_depth") for part in assumed[key].values()]
    assert assumed["total"]["requests"] == sum(part["requests"] for part in parts)
    said = invoke("estimate", "--judge", "mine").stdout
    assert any(line.split("  ")[0] == "aligned, begun answers" for line in said.splitlines())
    # 11 systems answer 6 messages each.
    assert f"{11 * 6 + 3 * 16} answers are not there yet" in said

    rows = [
        begun(name="u1"),
        begun(prefix="Set a", name="u1"),
        begun(prefix="Set a trap", name="u2"),
        unanswered("whole", name="u2"),
    ]
    write_jsonl(folder / "data/safety_depth/aligned.jsonl", rows)
    write_jsonl(folder / "data/generations/microworld-refusing.jsonl", [answered(asked[3])])
    found = json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)["safety_depth"]
    assert (found["aligned"]["requests"], found["aligned"]["assumed_answers"]) == (2, 0)
    assert (found["base-urial"]["requests"], found["base-urial"]["assumed_answers"]) == (12, 12)


def test_rows_of_other_instructions_are_no_begun_answers_of_these(folder: Path) -> None:
    write_jsonl(folder / "data/instructions.jsonl", [unsafe("u1")])
    write_jsonl(folder / "data/safety_depth/aligned.jsonl", [begun(prefix="Set a", name="other")])
    found = json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)["safety_depth"]
    assert (found["aligned"]["requests"], found["aligned"]["assumed_answers"]) == (8, 8)


def test_an_estimate_without_a_price_says_so(folder: Path) -> None:
    set_judge("http://127.0.0.1:9/v1", model="other", budget=None)
    result = invoke("estimate", "--judge", "mine")
    assert "no price known: add 'other' to prices in params.yaml\n" in result.stdout
    assert json.loads(invoke("estimate", "--judge", "mine", "--json").stdout)["total"]["cost"] is None


def test_a_tokenizer_that_no_hub_has_is_asked_for_once(folder: Path) -> None:
    """Transformers asks eleven times, with waits of 46 seconds in all, where there is no network."""
    done = invoke("estimate", "--judge", "mine", "--tokenizer", "nope/nope")
    assert done.stderr.startswith("Error: model nope/nope (revision main) cannot be found: ")
    assert "Retrying" not in done.stderr


def test_a_tokenizer_counts_if_named(folder: Path) -> None:
    from tests.tiny_models import tiny_folder

    result = invoke("estimate", "--judge", "mine", "--tokenizer", str(tiny_folder("llama")))
    assert f"tokens read are counted by the tokenizer {tiny_folder('llama')}; " in result.stdout


@pytest.mark.parametrize("arguments", [JUDGED, ("estimate",)])
def test_elsewhere_than_in_a_project_the_commands_say_so(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "params.yaml").unlink()
    assert invoke(*arguments).stderr == no_project(folder)


def test_judges_in_this_process_cost_nothing(folder: Path) -> None:
    for arguments in (("estimate",), ("estimate", "answers.jsonl")):
        done = invoke(*arguments)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == "judge 'rules' is in this process: nothing is sent, and nothing is to be paid\n"
    missing = invoke("estimate", "nowhere.jsonl")
    assert (missing.exit_code, missing.stderr.splitlines()[0]) == (
        1, "Error: nowhere.jsonl: no such file"
    )  # fmt: skip
    found = json.loads(invoke("estimate", "--json").stdout)
    assert (found["judge"], found["systems"], found["total"]["requests"], found["total"]["cost"]) == ("rules", {}, 0, 0)


def test_an_estimate_is_of_the_folder_that_is_named(folder: Path) -> None:
    for name, problem in (("nowhere", "no instructions.jsonl in it"), ("prompts", "no instructions.jsonl in it")):
        assert invoke("estimate", "--judge", "mine", "--data", name).stderr == (
            f"Error: {name}: {problem}\n  expected: the folder data of a run\n  fix: leave --data out\n"
        )
    both = invoke("estimate", "answers.jsonl", "--judge", "mine", "--data", "data")
    assert both.stderr.startswith("Error: ANSWERS and --data are two things to estimate\n")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"instruction_id": 1, "status": 2}\n', b"\x00" * 10])
def test_what_is_no_file_of_answers_is_refused_with_its_line(folder: Path, content: bytes) -> None:
    (folder / "answers.jsonl").write_bytes(content)
    result = invoke(*JUDGED, "--judge", "mine")
    if content:
        assert (result.exit_code, "Error: answers.jsonl, line 1" in result.stderr) == (1, True)
        assert not (folder / "judged.jsonl").exists()
    else:
        assert result.stderr == (
            "Error: answers.jsonl: no answers to judge\n  expected: completions, or a question and an answer a row\n"
        )


def test_repeated_judgings_are_asked_anew_and_have_keys_of_their_own(folder: Path) -> None:
    with judging() as server:
        set_judge(server.url)
        once = invoke(*JUDGED, "--judge", "mine")
        asked = len(server.questions())
        again = invoke(*JUDGED, "--judge", "mine", "--repeat", "3", "--force")
        assert once.exit_code == again.exit_code == 0, again.output
        # The first judging is on record.
        assert len(server.questions()) - asked == 2 * 3
        before = len(server.questions())
        assert invoke(*JUDGED, "--judge", "mine", "--repeat", "3", "--force").exit_code == 0
        assert len(server.questions()) == before
    judgments = [read_jsonl(folder / name, Judgment) for name in ("judged.jsonl", "judged-2.jsonl", "judged-3.jsonl")]
    assert len({row.key for rows in judgments for row in rows}) == 9
    assert judgments[0][0].scores == judgments[1][0].scores
    assert "judged-3.jsonl: 3 judgments: 3 scored" in again.stdout
    # What each judging used, and not what all did so far.
    used = re.findall(r"^(\d+) replies \((\d+) from the row cache\): (\d+) tokens read", again.stdout, re.M)
    assert used == [("3", "3", "300"), ("3", "0", "300"), ("3", "0", "300")]
    assert "same in all %" in again.stdout
    spread = json.loads(invoke("agreement", "judged.jsonl", "judged-2.jsonl", "judged-3.jsonl", "--json").stdout)[
        "spread"
    ]
    assert (spread["depth"]["judgings"], spread["depth"]["same"]) == (3, {"count": 3, "of": 3, "share": 1.0})


def test_a_deterministic_judge_judges_once(folder: Path) -> None:
    result = invoke(*JUDGED, "--repeat", "3")
    assert result.stdout == (
        "the judge is deterministic: it judges once, since every judging would be the same\n"
        "judged.jsonl: 3 judgments: 0 scored; 3 not applicable\n"
    )
    assert not (folder / "judged-2.jsonl").exists()
    assert "leave --repeat out" in invoke(*JUDGED, "--repeat", "2", "--dry-run", "--force").stderr
    (folder / "judged-2.jsonl").touch()
    refused = invoke(*JUDGED, "--repeat", "2", "--force")
    assert refused.exit_code == 0
    (folder / "judged.jsonl").unlink()
    assert invoke(*JUDGED, "--repeat", "2").stderr.startswith("Error: judged-2.jsonl: already exists\n")
