"""`urial prompts`, as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import no_project, prompts
from tests.conftest import ROOT
from tests.tiny_models import tiny_folder, tiny_tokenizer
from urial.prompts.authoring.released import released
from urial.prompts.rubrics.rubrics import rubric_names
from urial.prompts.versions.library import list_prompts, load_prompt, prompt_hash, read_prompt
from urial.prompts.versions.rendering import constant_text, render

COMMAND = Path(sys.executable).with_name("urial")
CONVERSATION = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Two."},
]


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The committed prompts, to be changed."""
    return shutil.copytree(ROOT / "prompts", tmp_path / "prompts")


def real(*arguments: str | bytes) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    command = [COMMAND, "prompts", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, cwd=ROOT, env=environment, check=False)


def test_all_prompts_are_listed_with_their_hash() -> None:
    rows = json.loads(prompts("list", "--json").stdout)
    assert [row["name"] for row in rows] == list_prompts()
    for row in rows:
        prompt = load_prompt(row["name"])
        assert row == {
            "name": row["name"],
            "method": prompt.method,
            "k": prompt.retrieval.k if prompt.retrieval else len(prompt.examples),
            "dialect": "backticks",
            "hash": prompt_hash(prompt),
            "released": row["name"] in released(),
            "description": prompt.description,
        }


def test_tokens_are_those_of_the_text_before_the_query() -> None:
    rows = json.loads(prompts("list", "--json", "--tokenizer", tiny_folder("llama")).stdout)
    found = {row["name"]: row["tokens"] for row in rows}
    text = constant_text(load_prompt("general/urial-k3"))
    assert found["general/urial-k3"] == len(tiny_tokenizer()(text)["input_ids"])
    assert found["microworld/zero-shot"] == 1  # BOS alone
    assert found["microworld/retrieval-k3"] is None  # other examples for every query


def test_an_unknown_tokenizer_is_an_error(tmp_path: Path) -> None:
    result = prompts("list", "--tokenizer", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: tokenizer {tmp_path} cannot be loaded: ")


def test_a_tokenizer_of_the_run_that_is_not_here_says_how_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = prompts("list", "--tokenizer", "data/models/no-such")
    assert result.stderr.splitlines()[1:] == [
        "  fix: run `dvc pull models`, or `dvc repro models` where none are recorded; or name a model folder or a hub id"
    ]
    assert "no folder" in prompts("list", "--tokenizer", tmp_path / "none").stderr


def test_the_table_of_prompts_has_a_line_each_under_aligned_headings() -> None:
    lines = prompts("list").stdout.splitlines()
    assert len(lines) == len(list_prompts()) + 1
    assert lines[0].split() == ["name", "method", "k", "dialect", "hash", "released", "description"]
    column = lines[0].index("method")
    methods = {line[column:].split()[0] for line in lines[1:]}
    assert methods == {"zero-shot", "vanilla-icl", "retrieval-icl", "urial"}


@pytest.mark.parametrize("name", ["microworld/urial-k3-b", "prompts/microworld/urial-k3-b.yaml"])
def test_a_prompt_is_shown_as_its_file(name: str) -> None:
    assert prompts("show", name).stdout_bytes == (ROOT / "prompts/microworld/urial-k3-b.yaml").read_bytes()


def test_a_prompt_is_shown_as_json() -> None:
    prompt = load_prompt("general/zero-shot")
    expected: dict[str, Any] = {
        "file": "prompts/general/zero-shot.yaml",
        "hash": prompt_hash(prompt),
        **prompt.model_dump(mode="json"),
    }
    assert json.loads(prompts("show", "general/zero-shot", "--json").stdout) == expected


@pytest.mark.parametrize("command", [["show"], ["render", "--query", "x"], ["diff", "general/urial-k3"]])
def test_an_unknown_prompt_exits_with_one_and_a_hint(command: list[str]) -> None:
    result = prompts(*command, "general/zero-shoot")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: unknown prompt 'general/zero-shoot'\n  where: prompts\n  fix: did you mean 'general/zero-shot'?\n"
    )


@pytest.mark.parametrize("query", ["Why?", "", "`x`\n```\n\r\n\té\u2028\U0001f600", "--help", "$(x) {y} %s"])
def test_a_prompt_is_rendered_to_the_byte(query: str) -> None:
    expected = render(load_prompt("general/urial-k3"), query).text.encode("utf-8")
    assert prompts("render", "general/urial-k3", "--query", query).stdout_bytes == expected


def test_the_real_command_renders_to_the_byte() -> None:
    done = real("render", "microworld/zero-shot", "--query", "é\n")
    assert done.stdout == "# Query:\n```\né\n\n```\n\n# Answer:\n```\n".encode()
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_history_stands_before_the_query(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text(json.dumps(CONVERSATION))
    done = prompts("render", "microworld/zero-shot", "--query", "Three?", "--history", tmp_path / "history.json")
    assert done.stdout == (
        "# Query:\n```\nOne?\n```\n\n# Answer:\n```\nTwo.\n```\n\n# Query:\n```\nThree?\n```\n\n# Answer:\n```\n"
    )


def test_retrieved_examples_are_those_of_the_first_query(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text(json.dumps(CONVERSATION))
    alone = prompts("render", "microworld/retrieval-k3", "--query", "One?").stdout
    later = prompts("render", "microworld/retrieval-k3", "--query", "X?", "--history", tmp_path / "history.json").stdout
    assert alone.count("# Query:") == 4
    assert later == f"{alone}Two.\n```\n\n# Query:\n```\nX?\n```\n\n# Answer:\n```\n"


def test_a_query_of_bytes_that_are_no_text_is_an_error() -> None:
    done = real("render", "general/zero-shot", "--query", b"a\xff")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"Error: --query or --history is not valid UTF-8\n  fix: check the terminal's encoding\n"


@pytest.mark.parametrize("arguments", [["list"], ["show", "general/urial-k1"], ["lint"]])
def test_outside_of_a_project_the_prompts_that_came_with_urial_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(ROOT)
    inside = prompts(*arguments)
    monkeypatch.chdir(tmp_path)
    outside = prompts(*arguments)
    assert (outside.exit_code, outside.stdout.replace(f"{ROOT}/", "")) == (0, inside.stdout)


@pytest.mark.parametrize("arguments", [["new", "mine/x"], ["release", "general/urial-k1"]])
def test_outside_of_a_project_nothing_is_written_into_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prompts(*arguments).stderr == no_project(tmp_path)


def test_two_prompts_are_compared_as_a_model_sees_them() -> None:
    result = prompts("diff", "microworld/urial-k0", "microworld/zero-shot")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:2] == ["--- microworld/urial-k0", "+++ microworld/zero-shot"]
    assert {"-method: urial", "+method: zero-shot", "-# Instruction", " # Query:"} <= set(lines)
    same = prompts("diff", "microworld/urial-k3", "prompts/microworld/urial-k3.yaml")
    assert (same.exit_code, same.stdout) == (0, "")


def test_the_committed_prompts_pass_lint() -> None:
    result = prompts("lint")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        result.stdout == f"prompts: {len(list_prompts())} prompt versions, {len(rubric_names())} rubrics, no problem\n"
    )


def test_an_edited_released_prompt_fails_lint(copied: Path) -> None:
    path = copied / "microworld/urial-k3.yaml"
    path.write_text(path.read_text("utf-8").replace("Hello!", "Hallo!", 1), "utf-8")
    result = prompts("lint", "--dir", copied)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: microworld/urial-k3: changed after its release, and numbers may cite it\n"
        "  expected: the file as it was released\n"
        "  fix: restore it, and give the new version a name of its own\n"
    )


def test_a_new_prompt_is_written_released_and_never_replaced(copied: Path) -> None:
    made = prompts("new", "general/mine", "--from", "general/urial-k1", "--dir", copied)
    path = copied / "general/mine.yaml"
    assert (made.exit_code, made.stdout) == (0, f"{path}\n")
    listed = prompts("list", "--dir", copied)
    assert (listed.exit_code, "general/urial-k1 " in listed.stdout) == (1, True)
    assert prompts("show", "general/mine", "--dir", copied).stdout_bytes == path.read_bytes()
    refused = prompts("lint", "--dir", copied)
    assert listed.stderr == refused.stderr
    assert refused.stderr == (
        f"Error: {path}: ${{write one line for people who choose between prompts}}, ${{write who wrote the text}} are still to be "
        "written\n"
    )
    text = path.read_text("utf-8")
    text = text.replace("${write one line for people who choose between prompts}", "mine")
    path.write_text(text.replace("${write who wrote the text}", "me"), "utf-8")
    assert prompts("lint", "--dir", copied).exit_code == 0
    assert prompts("release", "general/mine", "--dir", copied).stdout == f"{copied}/released.json: general/mine\n"
    assert released(copied)["general/mine"].prompt == prompt_hash(read_prompt(path))
    again = prompts("new", "general/mine", "--dir", copied)
    assert (again.exit_code, again.stderr) == (
        1,
        f"Error: {path}: already exists\n  fix: choose another name; a prompt version is never replaced\n",
    )


def test_an_empty_scaffold_says_what_is_to_be_written(copied: Path) -> None:
    assert prompts("new", "mine/first", "--dir", copied).exit_code == 0
    text = (copied / "mine/first.yaml").read_text("utf-8")
    assert "${write the system text}" in text
    assert "${write its answer}" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine", "'mine' names no collection\n  expected: COLLECTION/NAME\n  fix: for example general/mine\n"),
        ("../x/y", "'../x/y' has more than two parts\n  expected: COLLECTION/NAME\n"),
        ("../x", "'..' is no name\n  expected: letters, digits, '.', '_' and '-', not beginning with a sign\n"),
        ("x/..", "'..' is no name\n  expected: letters, digits, '.', '_' and '-', not beginning with a sign\n"),
        ("judge/x/2", "'judge/x/2' would be a rubric\n  fix: copy the two files of a rubric to a new version\n"),
        ("x/", "'' is no name\n  expected: letters, digits, '.', '_' and '-', not beginning with a sign\n"),
    ],
)
def test_a_bad_name_is_refused(copied: Path, name: str, message: str) -> None:
    result = prompts("new", name, "--dir", copied)
    assert (result.exit_code, result.stderr) == (1, f"Error: {message}")


def test_an_ablation_is_shown_as_a_prompt_of_its_own(tmp_path: Path) -> None:
    options = ("--ablation", "answers=plain", "--ablation", "system_sentences=0")
    shown = prompts("show", "microworld/urial-k3", *options)
    (tmp_path / "plain.yaml").write_text(shown.stdout)
    plain = read_prompt(tmp_path / "plain.yaml")
    assert [len(item.answer) < 40 for item in plain.examples] == [True, True, True]
    found = json.loads(prompts("show", "microworld/urial-k3", *options, "--json").stdout)
    assert found["hash"] == prompt_hash(plain)
    text = prompts("render", "microworld/urial-k3", "--query", "q", *options).stdout
    assert text == render(plain, "q").text
    no_queries = prompts("show", "microworld/urial-k3", "--ablation", "queries=none").stdout
    assert "shown: answers\n" in no_queries


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("answers=shufled", "--ablation: field 'answers': input should be 'shuffled', 'in-domain'"),
        ("answer=shuffled", "--ablation: unknown field 'answer'; did you mean 'answers'?"),
        ("answers", "--ablation 'answers'\n  expected: FIELD=VALUE, as in answers=shuffled"),
        ("examples=51", "--ablation: field 'examples': input should be less than or equal to 50, got 51"),
        ("examples=" + "9" * 5000, "--ablation: field 'examples': input should be a valid integer, got '9999"),
        ("examples=3", "--ablation '3 examples': examples: 3 leaves the prompt as it is"),
    ],
)
def test_an_ablation_that_cannot_be_made_is_refused(given: str, message: str) -> None:
    done = prompts("show", "microworld/urial-k3", "--ablation", given)
    assert done.exit_code == 1
    assert f"Error: {message}" in done.output


def test_a_rubric_has_no_ablation() -> None:
    for command in (("show",), ("render", "--query", "q", "--answer", "a")):
        assert (
            "--ablation is for prompts"
            in prompts(command[0], "judge/multi/1", *command[1:], "--ablation", "answers=none").output
        )
