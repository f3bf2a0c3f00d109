"""Own answers and a judge of one's own, as a user has them: no project, no run, no import."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke, no_project
from tests.conftest import ROOT, make_query
from tests.instruction_files import named, write_rows
from tests.judge.preferences.comparing import choosing, longer
from tests.judge_server import judging
from urial.core.store import read_jsonl, write_jsonl
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.preference import Preference

ROWS = [{"question": f"Why {number}?", "answer": f"So {number}."} for number in range(3)]
CHAT = [
    {"role": "user", "content": "Why?"},
    {"role": "assistant", "content": "So."},
    {"role": "user", "content": "And then?"},
    {"role": "assistant", "content": "Thus."},
]
IDS = [named("table", f"Why {number}?") for number in range(3)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is in no project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return tmp_path


def own(url: str, model: str = "judge") -> tuple[str, ...]:
    return ("--judge-server", url, "--judge-model", model)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".json", ".parquet"])
def test_a_table_is_judged_by_a_server_outside_of_a_project(folder: Path, ending: str) -> None:
    write_rows(folder / f"mine{ending}", ROWS)
    with judging() as server:
        result = invoke("judge", f"mine{ending}", *own(server.url), "--out", "judged.jsonl")
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "judged.jsonl: 3 judgments: 3 scored"), (
            result.output
        )
    rows = read_jsonl(folder / "judged.jsonl", Judgment)
    assert [(row.instruction_id, row.system, row.query) for row in rows] == [
        (name, "mine", f"Why {number}?") for number, name in enumerate(IDS)
    ]
    assert invoke("summarize", "judged.jsonl").exit_code == 0


def test_every_turn_of_a_chat_is_judged(folder: Path) -> None:
    write_rows(folder / "chats.jsonl", [{"messages": [{"role": "system", "content": "Be kind."}, *CHAT]}])
    with judging() as server:
        result = invoke("judge", "chats.jsonl", *own(server.url), "--out", "judged.jsonl")
        assert result.stderr.splitlines()[0] == (
            "chats.jsonl: system messages left out: 1, since an instruction is what the user says"
        )
        assert len(server.questions()) == 2
    (row,) = read_jsonl(folder / "judged.jsonl", Judgment)
    assert len(row.later_turns) == 1


def test_remarks_do_not_stand_in_json(folder: Path) -> None:
    write_rows(folder / "chats.jsonl", [{"messages": [{"role": "system", "content": "Be kind."}, *CHAT]}])
    result = invoke("estimate", "chats.jsonl", *own("http://127.0.0.1:9/v1"), "--json")
    assert json.loads(result.stdout)["total"]["requests"] == 2
    assert "system messages left out: 1" in result.stderr


def test_fields_of_the_judge_are_set_by_their_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(folder / "mine.csv", ROWS)
    monkeypatch.setenv("MY_KEY", "secret-key")
    fields = ("max_tokens=77", "limits.concurrency=1", "key_variable=MY_KEY", "response_format=json_object")
    with judging() as server:
        options = [word for text in fields for word in ("--judge-set", text)]
        result = invoke("judge", "mine.csv", *own(server.url), *options, "--out", "judged.jsonl")
        assert result.exit_code == 0, result.output
        assert {body["max_tokens"] for body in server.asked[-3:]} == {77}
        assert {headers["authorization"] for headers in server.headers if "authorization" in headers} == {
            "Bearer secret-key"
        }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--judge-server", "http://x/v1"), "--judge-server without --judge-model\n  expected: both\n  fix: add --judge-model NAME"),
        (("--judge-model", "m"), "--judge-model without --judge-server\n  expected: both\n  fix: add --judge-server URL"),
        (
            ("--judge", "rules", *own("http://x/v1")),
            "--judge and --judge-server name two judges\n  expected: one of them\n"
            "  fix: leave --judge out, or --judge-server and --judge-model",
        ),
        (own("localhost:8000"), "--judge-server is no address\n  expected: http://HOST:PORT/v1, or with https"),
        (
            (*own("http://x/v1"), "--judge-set", "max_tokens"),
            "--judge-set 'max_tokens'\n  expected: FIELD=VALUE, as in max_tokens=512",
        ),
        (
            (*own("http://x/v1"), "--judge-set", "max_token=3"),
            "--judge-set: unknown field 'max_token'; did you mean 'max_tokens'?\n"
            "  expected: a field of judges.NAME, as in params.yaml",
        ),
        (
            (*own("http://x/v1"), "--judge-set", "max_tokens=9", "--judge-set", "max_tokens=99"),
            "--judge-set max_tokens: given twice\n  expected: each field once",
        ),
        (
            (*own("http://x/v1"), "--judge-set", "limits.concurrency=0"),
            "--judge-set: field 'limits.concurrency': input should be greater than or equal to 1, got 0\n"
            "  expected: a field of judges.NAME, as in params.yaml",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["judge", "compare-answers", "estimate"])
def test_wrong_options_are_refused(folder: Path, command: str, options: tuple[str, ...], message: str) -> None:
    write_rows(folder / "mine.csv", ROWS)
    files = {"judge": ["mine.csv"], "compare-answers": ["mine.csv", "mine.csv"], "estimate": ["mine.csv"]}[command]
    out = () if command == "estimate" else ("--out", "out.jsonl")
    result = invoke(command, *files, *out, *options)
    assert (result.exit_code, result.stderr) == (1, f"Error: {message}\n")
    assert not (folder / "out.jsonl").exists()


def test_a_field_of_an_entry_can_be_set_too(folder: Path) -> None:
    write_rows(folder / "mine.csv", ROWS)
    with judging() as server:
        judge = json.dumps({"kind": "openai", "server": server.url, "model": "m"})
        params = (ROOT / "params.yaml").read_text("utf-8").replace("judges:\n", f"judges:\n  mine: {judge}\n")
        (folder / "params.yaml").write_text(params, "utf-8")
        arguments = ("judge", "mine.csv", "--judge", "mine", "--judge-set", "max_tokens=99", "--out", "out.jsonl")
        assert invoke(*arguments).exit_code == 0
        assert server.asked[-1]["max_tokens"] == 99
    refused = invoke("judge", "mine.csv", "--judge", "mein", "--out", "new.jsonl").stderr
    assert refused == "Error: --judge: no 'mein' in judges\n  where: params.yaml\n  fix: did you mean 'mine'?\n"


def test_two_tables_are_compared_by_what_they_answer(folder: Path) -> None:
    write_rows(folder / "ours.csv", ROWS)
    write_rows(
        folder / "theirs.jsonl", [{"prompt": row["question"], "response": "Because it is."} for row in ROWS[::-1][:2]]
    )
    with judging(choosing(longer)) as server:
        options = (*own(server.url), "--judge-set", "response_format=json_object", "--rubric", "preference/overall-1")
        result = invoke("compare-answers", "ours.csv", "theirs.jsonl", *options, "--out", "out.jsonl")
        assert result.exit_code == 0, result.output
        assert len(server.questions()) == 4
    rows = read_jsonl(folder / "out.jsonl", Preference)
    assert [(row.instruction_id, row.status) for row in rows] == [
        (IDS[0], "no_baseline"), (IDS[1], "compared"), (IDS[2], "compared"),
    ]  # fmt: skip
    assert {(row.system, row.baseline) for row in rows} == {("ours", "theirs")}
    rates = invoke("win-rates", "out.jsonl", "--answers", "ours.csv", "--instructions", "absent.jsonl")
    assert "absent.jsonl" in rates.stderr
    shown = invoke("win-rates", "out.jsonl", "--answers", "ours.csv")
    assert (shown.exit_code, "Of the answers of ours, none is meant for a judge" in shown.stdout) == (0, True), (
        shown.output
    )


def test_answers_can_be_taken_under_the_ids_of_instructions(folder: Path) -> None:
    """Also where not all are answered; those of other texts are refused."""
    known = [make_query(f"q{number}", turns=(f"Why {number}?",), category="safety") for number in (2, 7, 0)]
    write_jsonl(folder / "known.jsonl", known)
    write_rows(folder / "mine.csv", [ROWS[0], ROWS[2]])
    with judging() as server:
        arguments = ("judge", "mine.csv", *own(server.url), "--instructions", "known.jsonl", "--out", "out.jsonl")
        assert invoke(*arguments).exit_code == 0
    rows = read_jsonl(folder / "out.jsonl", Judgment)
    assert [(row.instruction_id, row.scores[0].aspect) for row in rows] == [("q2", "safety"), ("q0", "safety")]
    write_rows(folder / "mine.csv", ROWS)
    result = invoke("judge", "mine.csv", *own("http://x/v1"), "--instructions", "known.jsonl", "--out", "new.jsonl")
    assert result.stderr == (
        "Error: mine.csv: 1 of 3 answers are to nothing in known.jsonl, first to 'Why 1?'\n"
        "  expected: answers to these instructions, by their text\n"
        "  fix: name the instructions that were answered, or leave --instructions out\n"
    )


def test_the_instructions_answered_can_be_a_table(folder: Path) -> None:
    """Of any columns, of which one is the question; with tags and ids where it has such columns."""
    write_rows(folder / "asked.csv", [{"id": f"q{n}", "Question": f"Why {n}?", "category": "safety"} for n in range(4)])
    write_rows(folder / "mine.csv", ROWS)
    with judging() as server:
        arguments = ("judge", "mine.csv", *own(server.url), "--instructions", "asked.csv", "--out", "out.jsonl")
        assert (done := invoke(*arguments)).exit_code == 0, done.output
    rows = read_jsonl(folder / "out.jsonl", Judgment)
    assert [(row.instruction_id, row.scores[0].aspect) for row in rows] == [(f"q{n}", "safety") for n in range(3)]
    write_rows(folder / "two.csv", [{"question": "a", "prompt": "b"}])
    refused = invoke("judge", "mine.csv", *own("http://x/v1"), "--instructions", "two.csv", "--out", "new.jsonl")
    assert refused.stderr.startswith(
        "Error: two.csv: question, prompt may each hold the question\n  expected: one of them\n"
    )


def test_options_about_tables_are_refused_for_completions(folder: Path) -> None:
    write_rows(folder / "mine.csv", ROWS)
    known = [make_query(name, turns=(row["question"],)) for name, row in zip(IDS, ROWS, strict=True)]
    write_jsonl(folder / "known.jsonl", known)
    assert invoke("import", "completions", "mine.csv", "--system", "s", "--out", "c.jsonl").exit_code == 0
    judge = ("judge", "c.jsonl", *own("http://x/v1"), "--out", "out.jsonl")
    assert invoke(*judge, "--column", "query=question").stderr == (
        "Error: c.jsonl: completions, whose fields have their names\n  fix: leave --column out: it is for tables of one's own\n"
    )
    assert invoke(*judge, "--instructions", "known.jsonl", "--category", "safety").stderr == (
        "Error: c.jsonl: answers instructions that have their categories, those in known.jsonl\n  fix: leave --category out\n"
    )
    # Of two files, the options are about the one that is a table.
    write_rows(folder / "theirs.csv", [{"q": row["question"], "a": "No."} for row in ROWS])
    columns = ("--column", "query=q", "--column", "answer=a", "--judge-set", "response_format=json_schema")
    for pair in (("c.jsonl", "theirs.csv"), ("theirs.csv", "c.jsonl")):
        requests = f"{pair[0]}.requests"
        done = invoke("compare-answers", *pair, *own("http://x/v1"), *columns, "--dry-run", "--out", requests)
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, f"{requests}: 6 requests"), done.output


@pytest.mark.parametrize("command", ["judge", "compare-answers", "estimate"])
def test_a_file_that_is_not_there_is_named_before_the_project_that_is_not(folder: Path, command: str) -> None:
    write_rows(folder / "mine.csv", ROWS)
    files = {"judge": ["no.csv"], "compare-answers": ["mine.csv", "no.csv"], "estimate": ["no.csv"]}[command]
    out = () if command == "estimate" else ("--out", "out.jsonl")
    assert (
        invoke(command, *files, *out, "--judge", "rules").stderr
        == "Error: no.csv: no such file\n  fix: check the path\n"
    )


def test_a_pipe_is_refused_instead_of_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.csv")
    for name, arguments in (
        ("pipe.csv", ["judge", "pipe.csv", "--out", "o.jsonl"]),
        ("pipe.csv", ["validate", "pipe.csv"]),
        ("./pipe.csv", ["prompts", "show", "./pipe.csv"]),
    ):
        assert invoke(*arguments).stderr == (
            f"Error: {name}: a pipe, which can be read once only\n"
            "  expected: a file: commands look into it before they read it\n  fix: write it to a file first\n"
        )


def test_imported_answers_say_themselves_what_they_answer(folder: Path) -> None:
    write_rows(folder / "mine.csv", ROWS)
    assert invoke("import", "completions", "mine.csv", "--system", "s", "--out", "c.jsonl").exit_code == 0
    with judging() as server:
        result = invoke("judge", "c.jsonl", *own(server.url), "--out", "out.jsonl")
        assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == (
        "c.jsonl: 3 answers say themselves what they answer: taken as regular instructions, unless --instructions names others"
    )
    assert [row.instruction_id for row in read_jsonl(folder / "out.jsonl", Judgment)] == IDS


def test_a_part_of_imported_answers_can_be_the_first_file(folder: Path) -> None:
    """Imported without instructions, so under ids of their own, and of a run's instructions only some."""
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text("utf-8"), "utf-8")
    asked = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(3)]
    write_jsonl(folder / "data/instructions.jsonl", asked)
    write_rows(folder / "mine.csv", ROWS[1:])
    write_rows(folder / "run.csv", [{**row, "answer": "Else."} for row in ROWS])
    for name, more in (("mine", ()), ("run", ("--instructions", "data/instructions.jsonl"))):
        arguments = ("import", "completions", f"{name}.csv", "--system", name, "--out", f"{name}.jsonl", *more)
        assert invoke(*arguments).exit_code == 0
    for first, second in (("mine.jsonl", "run.jsonl"), ("run.jsonl", "mine.jsonl"), ("mine.csv", "run.jsonl")):
        result = invoke("compare-answers", first, second, "--judge", "rules", "--out", "out.jsonl", "--force")
        assert result.exit_code == 0, result.output
        rows = read_jsonl(folder / "out.jsonl", Preference)
        assert sum(row.status == "compared" for row in rows) == 2


def test_an_estimate_of_a_file_asks_nothing(folder: Path) -> None:
    write_rows(folder / "mine.csv", ROWS)
    with judging() as server:
        result = invoke(
            "estimate", "mine.csv", *own(server.url), "--reply-seconds", "60", "--judge-set", "limits.concurrency=1"
        )
        assert (result.exit_code, server.asked) == (0, []), result.output
    head, line = (text.split("  ") for text in result.stdout.splitlines()[:2])
    assert head[0] == "system"
    assert line[0] == "mine"
    assert line[-1].strip() == "3.0", "three requests of a minute, one after the other"
    assert "cost" not in " ".join(head), "no price is known"
    assert "minutes are at the set limits: 1 request at a time of 60 s each\n" in result.stdout
    found = json.loads(invoke("estimate", "mine.csv", *own("http://127.0.0.1:9/v1"), "--json").stdout)
    assert (found["judge"], list(found["systems"]), found["preferences"]) == (None, ["mine"], {})


@pytest.mark.parametrize("form", ["table", "chats"])
def test_completions_are_imported_from_tables(folder: Path, form: str) -> None:
    write_rows(folder / "mine.jsonl", ROWS if form == "table" else [{"messages": CHAT}])
    arguments = ("import", "completions", "mine.jsonl", "--kind", "table", "--system", "s", "--out", "c.jsonl")
    result = invoke(*arguments, "--instructions-out", "i.jsonl")
    assert result.exit_code == 0, result.output
    rows, asked = read_jsonl(folder / "c.jsonl", Completion), read_jsonl(folder / "i.jsonl", Instruction)
    assert [row.instruction_id for row in rows] == [item.id for item in asked]
    if form == "table":
        assert result.stdout == "c.jsonl: 3 completions\n"
        assert [item.id for item in asked] == IDS
    else:
        assert [turn.answer and turn.answer.text for turn in rows[0].later_turns] == ["Thus."]
        assert asked[0].turns == ("Why?", "And then?")
    # As instructions alone, and judged under the same ids.
    table = (
        "import",
        "instructions",
        "mine.jsonl",
        "--kind",
        "table",
        "--column",
        "query=question",
        "--out",
        "j.jsonl",
    )
    if form == "table":
        assert invoke(*table).exit_code == 0
        assert [item.id for item in read_jsonl(folder / "j.jsonl", Instruction)] == IDS


def test_a_table_of_outputs_is_one_s_own(folder: Path) -> None:
    """As nothing in it is AlpacaEval's, ids do not say so."""
    write_rows(folder / "mine.json", [{"instruction": "Why 0?", "output": "So."}])
    assert invoke("import", "completions", "mine.json", "--system", "s", "--out", "c.jsonl").exit_code == 0
    assert [row.instruction_id for row in read_jsonl(folder / "c.jsonl", Completion)] == [IDS[0]]


@pytest.mark.parametrize("rows", [[{"q": "Why?", "a": "So."}], [{"question": "Why?", "a": "So."}]])
@pytest.mark.parametrize("command", ["judge", "measure", "estimate", "import"])
def test_columns_that_were_looked_for_are_named(folder: Path, command: str, rows: list[dict[str, Any]]) -> None:
    write_rows(folder / "mine.csv", rows)
    arguments = {
        "judge": ("judge", "mine.csv", *own("http://x/v1"), "--out", "o.jsonl"),
        "measure": ("token-shift", "measure", "mine.csv", "--out", "o.parquet"),
        "estimate": ("estimate", "mine.csv", *own("http://x/v1")),
        "import": ("import", "completions", "mine.csv", "--system", "s", "--out", "o.jsonl"),
    }[command]
    lacking = "question" if "q" in rows[0] else "answer"
    result = invoke(*arguments)
    assert f"Error: mine.csv: no column that holds the {lacking}\n  expected: one called " in result.stderr
    field = "query" if lacking == "question" else "answer"
    assert result.stderr.endswith(f"; the file has {', '.join(rows[0])}\n  fix: name it with --column {field}=COLUMN\n")


@pytest.mark.parametrize(
    "arguments", [("judge", "mine.csv", "--out", "o.jsonl"), ("estimate", "mine.csv"), ("estimate",)]
)
def test_without_a_project_a_judge_has_to_be_named(folder: Path, arguments: tuple[str, ...]) -> None:
    write_rows(folder / "mine.csv", ROWS)
    assert invoke(*arguments).stderr == no_project(folder)


def test_an_estimate_without_a_project_is_of_a_file(folder: Path) -> None:
    assert invoke("estimate", *own("http://x/v1")).stderr == (
        "Error: no params.yaml here, and no ANSWERS named\n  fix: name a file of answers, or go into a project\n"
    )


def test_a_file_of_judgments_has_no_answers(folder: Path) -> None:
    write_rows(folder / "mine.csv", ROWS)
    with judging() as server:
        assert invoke("judge", "mine.csv", *own(server.url), "--out", "judged.jsonl").exit_code == 0
    said = "Error: judged.jsonl: judgments, and no answers\n  expected: answers\n  fix: name the file that was judged\n"
    for files in (("judge", "judged.jsonl"), ("compare-answers", "mine.csv", "judged.jsonl")):
        assert invoke(*files, *own("http://x/v1"), "--out", "again.jsonl").stderr == said


def test_a_column_of_ids_makes_no_record(folder: Path) -> None:
    """Of a table, ids are the texts' unless a column of them is named."""
    write_rows(folder / "mine.jsonl", [{"instruction_id": 7, **row} for row in ROWS])
    for more, ids in (((), IDS), (("--column", "id=instruction_id"), None)):
        arguments = ("import", "completions", "mine.jsonl", "--system", "s", "--out", "c.jsonl", "--force", *more)
        result = invoke(*arguments)
        if ids:
            assert [row.instruction_id for row in read_jsonl(folder / "c.jsonl", Completion)] == ids
        else:
            assert "mine.jsonl: two rows with the id '7'" in result.stderr


@pytest.mark.parametrize(
    ("kind", "name"), [("just-eval", "just-eval"), ("alpaca-eval", "alpaca-eval"), (None, "table")]
)
def test_the_kind_of_a_file_can_be_said(folder: Path, kind: str | None, name: str) -> None:
    write_rows(folder / "mine.json", [{"instruction": "Why 0?", "output": "So."}])
    arguments = ("import", "completions", "mine.json", "--system", "s", "--out", "c.jsonl")
    assert invoke(*arguments, *(("--kind", kind) if kind else ())).exit_code == 0
    assert [row.instruction_id for row in read_jsonl(folder / "c.jsonl", Completion)] == [named(name, "Why 0?")]
    refused = invoke(*arguments, "--force", "--kind", "mt-bench", "--column", "query=instruction")
    assert refused.stderr == "Error: --column is for --kind table, not for mt-bench\n"


@pytest.mark.parametrize("asked", [3, 2])
def test_answers_to_the_run_s_questions_are_answers_to_its_instructions(folder: Path, asked: int) -> None:
    """With their categories, so that no safety question is judged as another; unless there is a question that the run lacks."""
    known = [make_query(f"q{number}", turns=(f"Why {number}?",), category="safety") for number in range(asked)]
    write_jsonl(folder / "data/instructions.jsonl", known)
    write_rows(folder / "mine.csv", ROWS)
    with judging() as server:
        result = invoke("judge", "mine.csv", *own(server.url), "--out", "out.jsonl")
        again = invoke("judge", "mine.csv", *own(server.url), "--category", "regular", "--out", "regular.jsonl")
        assert result.exit_code == again.exit_code == 0, result.output
    said = "mine.csv: every question is one of data/instructions.jsonl: taken as answers to these instructions\n"
    assert result.stderr.startswith(said) == (asked == 3)
    rows = read_jsonl(folder / "out.jsonl", Judgment)
    assert [row.instruction_id for row in rows] == (["q0", "q1", "q2"] if asked == 3 else IDS)
    assert (rows[0].scores[0].aspect == "safety") == (asked == 3)
    assert [row.instruction_id for row in read_jsonl(folder / "regular.jsonl", Judgment)] == IDS
