"""What `urial verify` and `urial trace` advise is done as it is printed, and helps."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.provenance.finished import copied
from tests.provenance.tracing import edit, failed
from urial.provenance.verify.verification import verify_links

pytestmark = pytest.mark.slow
COMMAND = re.compile(r"\b(?:dvc|git) (?:pull|checkout)[^`;]*")


@pytest.fixture
def pulled(finished_run: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A finished run, to be changed, whose DVC remote has all of it."""
    monkeypatch.chdir((run := copied(finished_run, tmp_path)).folder)
    return run


@pytest.fixture
def unpulled(pulled: Clone) -> Clone:
    """The same as a fresh clone has it."""
    shutil.rmtree(pulled.folder / ".dvc/cache")
    pulled.run("git", "clean", "-d", "--force", "-x", "--quiet", "data")
    return pulled


def first_broken(run: Clone) -> str:
    """What `urial verify` says of the first broken link; empty: all hold."""
    link = next((link for link in verify_links(run.folder) if link.status == "broken"), None)
    return f"{link.name}\n{link.problems[0]}" if link else ""


def follow(run: Clone, message: str) -> str:
    """Run the first command that a message advises, and return it."""
    _, _, fix = message.partition("  fix: ")
    command = COMMAND.search(fix)
    assert command, message
    run.run(*shlex.split(command[0]))
    return command[0]


def test_a_clone_that_was_not_pulled_is_told_to_pull(unpulled: Clone) -> None:
    message = first_broken(unpulled)
    assert message == (
        "outputs\ndata/environment/plan.json: not here, nor are 41 more of 44 outputs\n  where: dvc.lock, outs\n"
        "  fix: run `dvc pull`; or compute them: `dvc checkout --allow-missing`, then `dvc repro`"
    )
    assert follow(unpulled, message) == "dvc pull"
    assert first_broken(unpulled) == ""


def test_edited_and_missing_files_come_back_as_advised(pulled: Clone) -> None:
    data = pulled.folder / "data"
    edit(data / "judgments/base-urial.jsonl", '"score":5', '"score":4')
    edit(data / "report/tables/scores.md", "base-urial", "base_urial")
    (data / "report/metrics.json").unlink()
    (data / "report/tables/scores.csv").unlink()
    shutil.rmtree(data / "models/aligned")
    (data / "instructions.jsonl").unlink()
    said = [first_broken(pulled)]
    commands = []
    while said[-1] and len(said) < 9:
        commands.append(follow(pulled, said[-1]))
        said.append(first_broken(pulled))
    assert commands == [
        "dvc pull data/models/aligned data/instructions.jsonl",
        "git checkout data/report/metrics.json",
        "dvc checkout --force data/judgments/base-urial.jsonl",
        "dvc pull data/report/tables/scores.csv",
        "dvc checkout --force data/report/tables/scores.md",
    ]
    assert said[-1] == ""
    assert said[0] == (
        "outputs\ndata/models/aligned: not here\n  where: dvc.lock, stage models, outs\n"
        "  fix: run `dvc pull data/models/aligned data/instructions.jsonl`; or compute them: `dvc checkout --allow-missing`, then `dvc repro`"
    )
    assert said[3] == (
        "files of report\ndata/report/tables/scores.csv: not here\n  where: dvc.lock, stage report, outs\n"
        "  fix: run `dvc pull data/report/tables/scores.csv`; or compute it: `dvc checkout --allow-missing`, then `dvc repro`"
    )


def test_an_edited_file_comes_back_where_the_cache_has_lost_it(pulled: Clone) -> None:
    shutil.rmtree(pulled.folder / ".dvc/cache")
    edit(pulled.folder / "data/judgments/base-urial.jsonl", '"score":5', '"score":4')
    assert follow(pulled, first_broken(pulled)) == "dvc pull --force data/judgments/base-urial.jsonl"
    assert first_broken(pulled) == ""


@pytest.mark.parametrize("pointer", ["aligned.helpfulness", "context_comparisons.0.explained", "judge"])
def test_a_trace_of_a_partial_clone_names_all_that_it_needs(finished_run: Clone, unpulled: Clone, pointer: str) -> None:
    rows = "data/judgments/aligned.jsonl"
    (unpulled.folder / rows).parent.mkdir(exist_ok=True)
    shutil.copy(finished_run.folder / rows, unpulled.folder / rows)
    said = failed(pointer)
    assert said.startswith("Error: data/")
    assert follow(unpulled, said) == "dvc pull"
    assert invoke("trace", pointer).exit_code == 0


def test_a_plan_that_was_pulled_in_part_and_edited_comes_back(unpulled: Clone) -> None:
    follow(unpulled, failed("aligned.helpfulness"))
    edit(unpulled.folder / "data/plan/report.json", '"study": "embedded"', '"study": "other"')
    # It is traced all the same, and says so.
    said = invoke("trace", "aligned.helpfulness").output
    assert follow(unpulled, said) == "dvc checkout --force data/plan/report.json"
    assert invoke("trace", "aligned.helpfulness").exit_code == 0
