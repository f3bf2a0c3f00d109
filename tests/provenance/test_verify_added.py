"""What lies beside what a stage read breaks nothing; what it read does."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from urial.provenance.verify.lock import check_files
from urial.provenance.verify.run import Run
from urial.run.files import Digests

PIPELINE = "stages:\n  judge:\n    cmd: python judge.py\n    deps: [code, judge.py]\n    outs: [data/out]\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one stage, with its lock."""
    for name, text in {
        "dvc.yaml": PIPELINE, "params.yaml": "a: 1\n", ".dvcignore": "", "judge.py": "1", "code/a.py": "1", "code/b.py": "2", "data/out/x.txt": "3",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    tree = Digests(tmp_path)
    deps, outs = (
        [
            {
                **tree.of(tmp_path / name).model_dump(include={"md5", "size", "nfiles"}, exclude_none=True),
                "path": name,
                "hash": "md5",
            }
            for name in names
        ]
        for names in (("code", "judge.py"), ("data/out",))
    )
    lock = {"schema": "2.0", "stages": {"judge": {"cmd": "python judge.py", "deps": deps, "outs": outs}}}
    (tmp_path / "dvc.lock").write_text(json.dumps(lock), "utf-8")
    return tmp_path


def checked(run: Path) -> tuple[str, list[str]]:
    found = check_files(Run(run, in_git=False), "judge")
    return found.summary, [problem.what for problem in found.problems]


def test_files_that_were_added_are_named_and_unbroken(run: Path) -> None:
    assert checked(run) == ("3 files and folders as recorded", [])
    (run / "code/mine").mkdir()
    for name in ("notes.md", "mine/one.py", "mine/two.py"):
        (run / "code" / name).write_text("new", "utf-8")
    added = "code/mine/one.py, code/mine/two.py, code/notes.md"
    assert checked(run) == (f"3 files and folders as recorded; since then, without effect: {added}", [])


def edit(run: Path) -> None:
    (run / "code/a.py").write_text("9", "utf-8")


def remove(run: Path) -> None:
    (run / "code/b.py").unlink()


def add_to_output(run: Path) -> None:
    (run / "data/out/y.txt").write_text("new", "utf-8")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (edit, "code: changed since stage judge ran: MD5 "),
        (remove, "code: changed since stage judge ran: MD5 "),
        (add_to_output, "data/out: not as stage judge wrote it: MD5 "),
    ],
)
def test_what_was_read_or_written_is_broken_whatever_was_added(
    run: Path, change: Callable[[Path], None], named: str
) -> None:
    (run / "code/notes.md").write_text("new", "utf-8")
    change(run)
    (problem,) = checked(run)[1]
    assert problem.startswith(named)
