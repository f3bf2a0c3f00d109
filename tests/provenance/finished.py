"""A finished run of the embedded pair in a clone of its own: three systems of the run of record, without any training."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.clones import LEFT_OUT, SYSTEMS, Clone, commit_all, copy_project
from urial.core.hashing import canonical_json
from urial.run.files import Digests

OUTPUTS = (
    "models", "instructions",
    *(f"{stage}@{name}" for stage in ("assemble", "generate", "judge") for name in SYSTEMS),
    *(f"token_shift@{name}" for name in SYSTEMS[1:]),
)  # fmt: skip

FURTHER_STAGES = ("blend", "judge_blend", "given_shift", "safety_depth", "judge_safety_depth")


def make_finished_run(folder: Path) -> Clone:
    """A committed clone whose artifacts come out of the bundled remote; the plan and the report are computed anew."""
    clone = copy_project(folder)
    clone.edit("resamples: 2000", "resamples: 100")
    for name in LEFT_OUT:
        (system,) = re.findall(rf"^  {name}:.*\n(?:    .*\n)+", (clone.folder / "params.yaml").read_text("utf-8"), re.M)
        clone.edit(system, "")
    leave_out_further_measurements(clone.folder / "params.yaml")
    clone.run("git", "init", "--quiet")
    commit_all(clone, "clone")
    clone.run("dvc", "pull", *OUTPUTS)
    clone.run("dvc", "repro")
    leave_out_former_stages(clone.folder / "dvc.lock")
    clone.run("urial", "report", "--into", "README.md")
    commit_all(clone, "run")
    # The bundled remote has the run of record only.
    clone.run("dvc", "push")
    return clone


def leave_out_further_measurements(params: Path) -> None:
    """No blends, given texts and begun answers: the run of record has them, and each takes a process a stage."""
    text = params.read_text("utf-8")
    for section, none in (
        (r"^blends:\n(?:  .*\n)+", "blends: {}\n"),
        (r"^  given:.*\n(?:    .*\n)+", "  given: {}\n"),
        (r"^(safety_depth:\n(?:  #.*\n)*)  systems:.*\n(?:  - .*\n)+", r"\1  systems: []\n"),
    ):
        text, count = re.subn(section, none, text, flags=re.MULTILINE)
        assert count == 1, section
    params.write_text(text, "utf-8")


def make_record_clone(folder: Path) -> Clone:
    """A repository of the run of record, its artifacts out of the bundled remote."""
    clone = copy_project(folder)
    clone.run("git", "init", "--quiet")
    commit_all(clone, "run of record")
    clone.run("dvc", "pull")
    return clone


def leave_out_former_stages(lock: Path) -> None:
    """DVC itself keeps the stages of removed systems."""
    from dvc.utils.serialize import dumps_yaml, loads_yaml

    found = loads_yaml(lock.read_text("utf-8"))
    for name in list(found["stages"]):
        stage, _, item = name.partition("@")
        if item in LEFT_OUT or stage in FURTHER_STAGES:
            del found["stages"][name]
    lock.write_text(dumps_yaml(found), "utf-8")


def copied(run: Clone, folder: Path) -> Clone:
    """The run again, to be changed."""
    shutil.copytree(run.folder, folder / "run", symlinks=True)
    return Clone(folder / "run", run.cache)


def repair_lock(folder: Path) -> None:
    """Record in dvc.lock what the files are now, as somebody would who hides an edit."""
    lock, digests = folder / "dvc.lock", Digests(folder)

    def now(entry: re.Match[str]) -> str:
        found = digests.of(folder / entry["path"])
        values = {"md5": found.md5, "size": found.size, "nfiles": found.nfiles}
        return entry["head"] + "".join(f"      {key}: {value}\n" for key, value in values.items() if value is not None)

    # As text: DVC's own reader and writer take most of a second.
    lines = r"(?P<head>    - path: (?P<path>\S+)\n      hash: md5\n)(?:      (?:md5|size|nfiles): \S+\n)+"
    text, count = re.subn(lines, now, lock.read_text("utf-8"))
    assert count == text.count("- path: ")
    lock.write_text(text, "utf-8")


def edit_row(path: Path, line: int, change: Callable[[Any], None]) -> None:
    """Change one row of a JSONL file, and write it in its canonical form."""
    lines = path.read_bytes().splitlines()
    row = json.loads(lines[line - 1])
    change(row)
    lines[line - 1] = canonical_json(row)
    path.write_bytes(b"\n".join(lines) + b"\n")
