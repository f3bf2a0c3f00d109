"""`urial verify` as people and scripts use it: what it prints, and its exit code."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke, no_project
from tests.clones import CONTEXTS, SYSTEMS, Clone
from tests.provenance.finished import copied, edit_row
from urial.cli.runs import MOST_NAMED, _conclude
from urial.provenance.verify.verification import NEVER, Link, Problem, Verification
from urial.run.lockfile import lock_digest

LINKS = (
    "dvc.lock", "stages", "code", "former stages", "outputs", "released prompts", "files of plan", "plan", "files of models", "models",
    "files of instructions", "instructions",
    "files of microworld_answers", "the micro-world's answers", "files of assemble", *(f"prompts of {name}" for name in SYSTEMS),
    "files of generate", *(f"answers of {name}" for name in SYSTEMS), "files of token_shift",
    *(f"token shift of {name}" for name in CONTEXTS), "files of judge", *(f"judgments of {name}" for name in SYSTEMS),
    "files of preferences", *(f"preferences of {name}" for name in CONTEXTS), "files of report", "numbers", "tables, charts and page", "README", "written form", "environment records",
)  # fmt: skip
LAST = """\
Not derived again: answers: the models are not run again; an answer is bound to its model, prompt and decoding by its key.
Not derived again: weights: the training is not repeated; the files have the hashes that their manifest says.
Not derived again: ranks, probabilities and divergences of the token shift: not measured again.
Not derived again: replies of judge models: not asked for again; what they say is read again.
"""
FOLDER = (
    "Does not hold: a folder that is no crate and in no commit: it has no checksums of its own, and who sent it may have made "
    "dvc.lock anew.\n"
)
BROKEN = """
First broken link: files of judge
data/judgments/aligned.jsonl: not as stage judge@aligned wrote it: line 3, scores.0.score: recorded 5, found 1
  where: dvc.lock, stage judge@aligned, outs
  fix: edited by hand or swapped: dvc checkout --force data/judgments/aligned.jsonl; to compute it again: dvc repro

also broken: judgments of aligned: data/judgments/aligned.jsonl: line 3: scores.0.score: judged again 5, found 1
also broken: numbers: data/report/report.json: systems.aligned."""


@pytest.fixture
def run(finished_run: Clone, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """The finished run, never to be changed, in which the command is run."""
    monkeypatch.chdir(finished_run.folder)
    return finished_run


def shown(output: str) -> list[tuple[str, str]]:
    """Mark and name of the links, in their order."""
    lines = output.partition("\n\n")[0].splitlines()
    return [(line[:6].rstrip(), line[8:40].rstrip()) for line in lines]


def lower_score(row: dict[str, Any]) -> None:
    row["scores"][0]["score"] = 1


@pytest.mark.slow
def test_a_finished_run_holds_in_every_link(run: Clone) -> None:
    result = invoke("verify")
    assert (result.exit_code, result.stderr) == (0, "")
    links, end, rest = result.stdout.partition("\n\n")
    assert shown(links) == [("ok", name) for name in LINKS]
    assert f"\n{'ok':6}  {'judgments of aligned':32}  104 answers judged again by the rules\n" in links
    head = run.run("git", "rev-parse", "HEAD").stdout.strip()
    assert end + rest == f"\n\nVerified: the work tree, commit {head}.\n{LAST}38 links hold, 0 broken, 0 not checked.\n"


@pytest.mark.slow
def test_json_is_the_record_of_the_work_tree(run: Clone) -> None:
    result = invoke("verify", "--json")
    found = Verification.model_validate_json(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    head = run.run("git", "rev-parse", "HEAD").stdout.strip()
    assert (found.kind, found.commit, found.experiment, found.dirty) == ("work tree", head, None, ())
    assert (found.lock, found.never) == (lock_digest(run.folder / "dvc.lock"), NEVER)
    assert [(link.name, link.status, link.problems) for link in found.links] == [(name, "ok", ()) for name in LINKS]


@pytest.mark.slow
def test_a_revision_is_verified_as_it_was_committed(
    finished_run: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(finished_run, tmp_path)
    edit_row(run.folder / "data/judgments/aligned.jsonl", 3, lower_score)
    monkeypatch.chdir(run.folder)
    revision = run.run("git", "rev-parse", "--short", "HEAD").stdout.strip()
    result = invoke("verify", "--rev", revision)
    assert (result.exit_code, result.stderr) == (0, "")
    assert shown(result.stdout) == [("ok", name) for name in LINKS]
    head = run.run("git", "rev-parse", "HEAD").stdout.strip()
    assert result.stdout.endswith(
        f"\nVerified: a revision, checked out aside, commit {head}.\n{LAST}38 links hold, 0 broken, 0 not checked.\n"
    )
    # What was edited stays, and nothing is left of the checkout.
    assert '"score":1' in (run.folder / "data/judgments/aligned.jsonl").read_text("utf-8").splitlines()[2]
    assert run.run("git", "worktree", "list").stdout.count("\n") == 1


@pytest.mark.slow
def test_the_first_broken_link_is_explained_and_the_others_are_named(
    finished_run: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(finished_run, tmp_path)
    monkeypatch.chdir(run.folder)
    edit_row(run.folder / "data/judgments/aligned.jsonl", 3, lower_score)
    (run.folder / "notes.txt").write_text("read by no stage", "utf-8")
    with (run.folder / ".dvcignore").open("a", encoding="utf-8") as stream:
        stream.write("# more\n")
    result = invoke("verify")
    assert (result.exit_code, result.stderr) == (1, "")
    broken = ("files of judge", "judgments of aligned", "numbers", "tables, charts and page")
    assert shown(result.stdout) == [("BROKEN" if name in broken else "ok", name) for name in LINKS]
    assert f"\n{'BROKEN':6}  {'judgments of aligned':32}  1 problem\n" in result.stdout
    _, _, rest = result.stdout.partition("\n\n")
    verified, dirty, rest = rest.split("\n", 2)
    assert verified.startswith("Does not hold: the work tree, commit ")
    assert dirty == "The work tree differs from its commit in 1 file that the run depends on, first .dvcignore."
    assert rest.startswith(BROKEN[1:])
    named = [line for line in rest.splitlines() if line.startswith("also broken: ")]
    assert rest.endswith(f"{named[-1]}\n{LAST}34 links hold, 4 broken, 0 not checked.\n")
    found = json.loads(invoke("verify", "--json").stdout)
    problems = [(link["name"], problem["what"]) for link in found["links"] for problem in link["problems"]]
    also = [f"also broken: {name}: {what}" for name, what in problems[1:]]
    assert named == [*also[:MOST_NAMED], f"also broken: {len(also) - MOST_NAMED} more, which --json lists"]


def test_twenty_others_are_named_and_the_rest_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    problems = tuple(Problem(what=f"row {number}", where=None, expected=None, fix=None) for number in range(1_500))
    link = Link(name="numbers", status="broken", summary="", problems=problems)
    _conclude(
        Verification(kind="folder", commit=None, experiment=None, dirty=(), lock=None, links=(link,), never=("this",))
    )
    named = "".join(f"also broken: numbers: row {number}\n" for number in range(1, 21))
    assert capsys.readouterr().out == (
        f"\n{FOLDER}First broken link: numbers\nrow 0\n\n{named}also broken: 1,479 more, which --json lists\n"
        "Not derived again: this.\n0 links hold, 1 broken, 0 not checked.\n"
    )


def commit_nothing(folder: Path) -> Path:
    """A repository with a dvc.yaml, one commit and the branch `main`."""
    clone = Clone(folder, folder)
    (folder / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    clone.run("git", "init", "--quiet", "--initial-branch=main")
    clone.run("git", "add", "dvc.yaml")
    clone.run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "first")
    return folder


def error_of(*arguments: str | Path) -> str:
    result = invoke("verify", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


NO_RUN = ": no run and no crate: a folder with none of dvc.yaml, dvc.lock, ro-crate-metadata.json"
NAME_ONE = "  fix: name the folder of a run, such as one that `urial export` made, or a revision as --rev REV\n"


def test_what_is_neither_revision_nor_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(commit_nothing(tmp_path))
    (tmp_path / "empty").mkdir()
    fetch = "  fix: `git fetch` brings commits, `dvc exp pull REMOTE NAME` an experiment\n"
    unknown = "no such branch, tag, commit or DVC experiment\n"
    assert error_of("--rev", "mian") == f"Error: 'mian': {unknown}  expected: did you mean 'main'?\n{fetch}"
    assert error_of("--rev", "nowhere/run") == f"Error: 'nowhere/run': {unknown}  expected: known names: main\n{fetch}"
    assert error_of("--rev", "x" * 5_000) == f"Error: '{'x' * 78}…: {unknown}  expected: known names: main\n{fetch}"
    assert error_of("--rev", "\x1b[2J") == (
        "Error: '\\x1b[2J': not a revision\n  expected: a branch, tag, commit or DVC experiment\n"
    )
    assert error_of("--rev", "") == "Error: '': not a revision\n  expected: a branch, tag, commit or DVC experiment\n"
    assert error_of("x" * 5_000) == f"Error: '{'x' * 78}…: no run and no crate: there is no such folder\n{NAME_ONE}"
    assert error_of("main") == f"Error: 'main': no run and no crate: there is no such folder\n{NAME_ONE}"
    assert error_of("empty") == f"Error: 'empty'{NO_RUN}\n{NAME_ONE}"
    assert error_of("empty", "--json") == f"Error: 'empty'{NO_RUN}\n{NAME_ONE}"


def test_a_revision_is_the_branch_even_where_a_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(commit_nothing(tmp_path))
    (tmp_path / "main").mkdir()
    head = Clone(tmp_path, tmp_path).run("git", "rev-parse", "HEAD").stdout.strip()
    assert json.loads(invoke("verify", "--rev", "main", "--json").stdout)["commit"] == head


def test_a_folder_and_a_revision_at_once_are_a_usage_error(tmp_path: Path) -> None:
    result = invoke("verify", tmp_path, "--rev", "main")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, "Error: Name a folder or a revision, not both.")


def test_outside_of_a_run_a_folder_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert error_of(tmp_path) == f"Error: '{tmp_path}'{NO_RUN}\n{NAME_ONE}"
    assert error_of() == no_project(tmp_path)
    (tmp_path / "dvc.lock").write_text("", "utf-8")
    assert error_of(".") == f"Error: '.': no run and no crate: it has no dvc.yaml\n{NAME_ONE}"
    (tmp_path / "ro-crate-metadata.json").write_text("{}", "utf-8")
    assert error_of(tmp_path) == (
        f"Error: '{tmp_path}': a crate that is not whole: it has no dvc.yaml\n"
        "  fix: get the crate again from where it came from\n"
    )


def test_a_run_that_is_no_run_yet_is_broken_at_its_first_link(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    result = invoke("verify", tmp_path)
    assert result.exit_code == 1
    assert shown(result.stdout)[0] == ("BROKEN", "dvc.lock")
    assert result.stdout.partition("\n\n")[2].startswith(
        f"{FOLDER}First broken link: dvc.lock\n"
        "dvc.lock: cannot be read: No such file or directory\n"
        "  expected: a file that DVC wrote\n"
        "  fix: run `dvc repro`, or restore it: git checkout dvc.lock\n"
    )
    assert os.listdir(tmp_path) == ["dvc.yaml"]
