import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.clones import Clone
from tests.experiments.leaderboard.written import SCORES, write_run
from tests.leaderboard_entries import make_entry
from tests.provenance.toy import commit, make_toy
from urial.cli import main
from urial.experiments.leaderboard import revisions
from urial.experiments.leaderboard.entry_files import save_entries
from urial.experiments.leaderboard.runs import Runs, read_runs
from urial.run import git

# A pipeline whose stages are called as urial's are, and copy what they write.
PIPELINE = """\
stages:
  models:
    cmd: python copy.py ${value} models/base models/aligned
    params: [value]
    outs: [data/models/base, data/models/aligned]
  judge:
    foreach: [base-urial, base-zero-shot]
    do:
      cmd: python copy.py ${value} judgments/${item}.jsonl
      params: [value]
      outs: ["data/judgments/${item}.jsonl"]
  report:
    cmd: python copy.py ${value} report/report.json
    params: [value]
    outs:
      - data/report/report.json:
          cache: false
"""
COPY = """\
import shutil
import sys
from pathlib import Path

for name in sys.argv[2:]:
    source, target = Path("inputs", sys.argv[1], name), Path("data", name)
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
"""
IGNORED = "/models\n/judgments\n"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A project with a run, an experiment of another model, and one whose report another version of urial wrote."""
    folder = tmp_path_factory.mktemp("leaderboard")
    files = folder / "files"
    for value, hub in (("one", "o/one"), ("two", "o/two"), ("old", "o/old")):
        write_run(files / value, hub=hub)
    report = files / "old/report/report.json"
    report.write_text(json.dumps({**json.loads(report.read_text("utf-8")), "former": 1}), "utf-8")
    inputs = {
        f"inputs/{path.relative_to(files).as_posix()}": path.read_text("utf-8")
        for path in files.rglob("*")
        if path.is_file()
    }
    toy = make_toy(
        folder,
        {"dvc.yaml": PIPELINE, "params.yaml": "value: one\n", "copy.py": COPY, "data/.gitignore": IGNORED, **inputs},
    )
    for name in ("two", "old"):
        toy.run("dvc", "exp", "run", "--temp", "--name", f"exp-{name}", "--set-param", f"value={name}")
    return toy


def named(runs: Runs) -> list[tuple[str, str]]:
    return [(run.name, run.entry.models["base"].label) for run in runs.entries]


def test_revisions_are_read_without_a_checkout_and_one_of_another_version_is_told(
    toy: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "run_folder", None)
    runs = read_runs(["main"], every=True, root=toy.folder)
    assert named(runs) == [("main", "o/one@main"), ("exp-two", "o/two@main")]
    entry = runs.entries[1].entry
    assert entry.experiment == "exp-two"
    assert entry.commit == git.commit_of("exp-two", toy.folder)
    assert entry.systems == make_entry(SCORES).systems
    (old,) = runs.not_shown
    assert old.run == "exp-old"
    assert "exp-old:data/report/report.json: " in old.why
    assert "former" in old.why
    assert "another version of urial computed it" in old.why


def test_all_experiments_are_one_table(toy: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(toy.folder)
    result = CliRunner().invoke(
        main, ["leaderboard", "--all", "--system", "base-urial", "--by", "depth", "--format", "csv"]
    )
    assert result.exit_code == 1
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["model"], row["system"], row["runs"]) for row in rows] == [("o/two", "base-urial", "exp-two")]
    assert "not shown: exp-old:data/report/report.json: " in result.stderr


def test_what_the_cache_lacks_is_fetched_or_missed(toy: Clone, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone", tmp_path / "rows")
    toy.run("git", "clone", "--quiet", str(toy.folder), str(clone.folder))
    without = read_runs(["main"], root=clone.folder)
    assert [run.run for run in without.not_shown] == ["main"]
    assert "outputs are not in the DVC cache" in without.not_shown[0].why
    (clone.folder / ".dvc/config.local").write_text(
        f"['remote \"theirs\"']\n    url = {toy.folder / '.dvc/cache'}\n", "utf-8"
    )
    assert named(read_runs(["main"], root=clone.folder)) == [("main", "o/one@main")]


def test_the_work_tree_a_folder_a_revision_and_their_files_are_one_run(toy: Clone, tmp_path: Path) -> None:
    (entry,) = (run.entry for run in read_runs(["."], root=toy.folder).entries)
    assert entry.commit == git.head_of(toy.folder)
    save_entries([entry], tmp_path / "results")
    runs = read_runs([".", "main", str(toy.folder), f"{tmp_path}/results"], root=toy.folder)
    assert named(runs) == [("workspace", "o/one@main")]
    assert set(runs.same.values()) == {"workspace"}
    assert len(runs.same) == 3


def test_an_edited_work_tree_is_of_no_commit(toy: Clone) -> None:
    path = toy.folder / "params.yaml"
    before = path.read_bytes()
    path.write_bytes(b"value: two\n")
    try:
        (run,) = read_runs(["workspace"], root=toy.folder).entries
        assert (run.entry.commit, run.entry.experiment) == (None, None)
    finally:
        path.write_bytes(before)


def test_a_revision_that_has_not_run_and_a_name_that_nothing_has(toy: Clone, tmp_path: Path) -> None:
    shutil.copytree(toy.folder, tmp_path / "copy", symlinks=True)
    copy = Clone(tmp_path / "copy", tmp_path / "rows")
    (copy.folder / "dvc.lock").unlink()
    bare = commit(copy, "not run")
    runs = read_runs([bare, "exp-tow", "none.json", "HEAD~1"], root=copy.folder)
    assert [run.run for run in runs.not_shown] == [bare, "exp-tow", "none.json"]
    assert "has not been computed" in runs.not_shown[0].why
    assert "did you mean 'exp-two'?" in runs.not_shown[1].why
    assert "none.json: cannot be read: No such file" in runs.not_shown[2].why
    assert named(runs) == [("HEAD~1", "o/one@main")]


def test_a_damaged_file_of_the_cache_is_told(toy: Clone, tmp_path: Path) -> None:
    shutil.copytree(toy.folder, tmp_path / "copy", symlinks=True)
    cached = [
        path for path in (tmp_path / "copy/.dvc/cache").rglob("*") if path.is_file() and b"o/two" in path.read_bytes()
    ]
    for path in cached:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"o/two", b"o/six"))
    assert cached
    runs = read_runs(["exp-two"], root=tmp_path / "copy")
    assert "damaged: its bytes are not those of its name" in runs.not_shown[0].why


def test_a_project_below_the_top_of_its_repository_is_read(toy: Clone, tmp_path: Path) -> None:
    outer = Clone(tmp_path / "outer", tmp_path / "rows")
    inner = Clone(outer.folder / "studies/first", outer.cache)
    shutil.copytree(toy.folder, inner.folder, ignore=shutil.ignore_patterns(".git"))
    outer.run("git", "init", "--quiet", "--initial-branch=main")
    outer.run("git", "config", "user.name", "test")
    outer.run("git", "config", "user.email", "test@localhost")
    commit(outer, "run")
    assert named(read_runs(["main"], root=inner.folder)) == [("main", "o/one@main")]


def test_entries_of_one_name_are_told_apart_and_need_no_project(tmp_path: Path) -> None:
    first = make_entry(SCORES, label="o/a", experiment="exp")
    second = make_entry(SCORES, label="o/b", experiment="exp")
    save_entries([first, second], tmp_path / "results")
    (tmp_path / "results/broken.json").write_text("{", "utf-8")
    runs = read_runs([str(tmp_path / "results")], root=tmp_path)
    assert [run.name for run in runs.entries] == [f"exp ({first.run[7:19]})", f"exp ({second.run[7:19]})"]
    assert [run.run for run in runs.not_shown] == [str(tmp_path / "results/broken.json")]


def test_a_name_that_is_a_folder_and_a_revision_is_refused(
    toy: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(toy.folder, tmp_path / "copy", symlinks=True)
    (tmp_path / "copy/main").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    (missed,) = read_runs(["main"]).not_shown
    assert "'main': a file or folder, and a revision, too" in missed.why
    assert "write ./main for the file or folder" in missed.why
