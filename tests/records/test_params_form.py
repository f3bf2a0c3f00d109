"""params.yaml has the form in which DVC writes it, so that `dvc exp run -S` changes the lines that it is told to, and no others."""

import difflib
import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from urial.records.params.file import read_params

PARAMS = ROOT / "params.yaml"


def lines_changed(folder: Path, *changes: str) -> list[str]:
    """What DVC's own change of a copy removes (-) and adds (+); what is left can be read."""
    path = folder / "params.yaml"
    shutil.copy(PARAMS, path)
    apply_overrides(path, list(changes))
    read_params(path)
    before, after = (file.read_text("utf-8").splitlines() for file in (PARAMS, path))
    return [line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[0] in "+-"][2:]


def test_a_value_that_is_there_already_changes_nothing(tmp_path: Path) -> None:
    assert lines_changed(tmp_path, "run.study=embedded", "run.limit=null") == []


CHANGES = [
    (
        ("systems.base-urial.prompt=urial-k3-no-system",),
        ["-    prompt: urial-k3", "+    prompt: urial-k3-no-system"],
    ),
    (
        ("run.limit=5",),
        [
            "-  limit:                # use only the first N instructions; null: all",
            "+  limit: 5              # use only the first N instructions; null: all",
        ],
    ),
    (
        ("run.judge=null",),
        [
            "-  judge: rules          # a key of judges; null: answers are not judged",
            "+  judge:                # a key of judges; null: answers are not judged",
        ],
    ),
    (
        ("studies.embedded.seed=1",),
        ["-  embedded: {kind: microworld, seed: 0}", "+  embedded: {kind: microworld, seed: 1}"],
    ),
    (
        ("+studies.embedded.checkpoint=step-46",),
        ["-  embedded: {kind: microworld, seed: 0}", "+  embedded: {kind: microworld, seed: 0, checkpoint: step-46}"],
    ),
    (("token_shift.base_systems=[base-urial]",), ["-  - base-zero-shot"]),
    (("preferences.systems=[]",), ["-  systems:", "-  - base-zero-shot", "-  - base-urial", "+  systems: []"]),
    (
        ("+systems.mine={model: base, prompt: zero-shot}",),
        ["+  mine:", "+    model: base", "+    prompt: zero-shot"],
    ),
    (("~systems.base-urial-k0",), ["-  base-urial-k0:", "-    model: base", "-    prompt: urial-k0"]),
    (
        ("+published_outputs.gpt4={source: gpt4.jsonl}",),
        ["-published_outputs: {}", "+published_outputs:", "+  gpt4:", "+    source: gpt4.jsonl"],
    ),
    (
        ("prices.gpt-4o-2024-08-06.input=3", "decoding.top_p=0.9"),
        [
            "-  top_p: 1.0",
            "+  top_p: 0.9",
            "-  gpt-4o-2024-08-06: {input: 2.5, output: 10.0}",
            "+  gpt-4o-2024-08-06: {input: 3, output: 10.0}",
        ],
    ),
    (
        ("judges.local-scores.rubrics.regular=multi/1",),
        [
            "-    rubrics: {regular: single/1, safety: single/1}",
            "+    rubrics: {regular: multi/1, safety: single/1}",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "lines"), CHANGES, ids=lambda value: value[0])
def test_a_change_changes_its_own_lines_alone(changes: tuple[str, ...], lines: list[str], tmp_path: Path) -> None:
    assert sorted(lines_changed(tmp_path, *changes)) == sorted(lines)


def test_every_comment_survives_a_change_of_every_section(tmp_path: Path) -> None:
    changes = ("run.limit=1", "decoding.seed=1", "generation.batch_size=1", "token_shift.top_k=1", "report.seed=1")
    more = (
        "preferences.orders=one",
        "studies.embedded.seed=1",
        "judges.served.model=m",
        "systems.aligned.prompt=zero-shot",
    )
    changed = lines_changed(tmp_path, *changes, *more)
    comments = [sorted(line.partition("#")[2] for line in changed if line[0] == sign) for sign in "-+"]
    assert comments[0] == comments[1]
