"""The table of a run's files is the pipeline's."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from urial.run.paths import COMPLETIONS, COVERAGE, ENVIRONMENT, INSTRUCTIONS, RUN_FILES, TOKEN_SHIFT, RunFile

STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]


def outs(stage: str) -> list[str]:
    body = STAGES[stage].get("do", STAGES[stage])
    kept = [*body["outs"], *body.get("metrics", [])]
    named = [next(iter(out)) if isinstance(out, dict) else out for out in kept]
    return [out.replace("${key}", "KEY").replace("${item}", "KEY") for out in named]


@pytest.mark.parametrize("kind", RUN_FILES, ids=lambda kind: kind.pattern)
def test_the_stage_of_a_file_writes_it(kind: RunFile[Any]) -> None:
    if kind is ENVIRONMENT:
        for stage, body in STAGES.items():
            assert kind.path(stage if "do" not in body else f"{stage}/KEY") in outs(stage)
        return
    keys = ["base", "aligned"] if kind.each == "role" else ["KEY"]
    for path in map(kind.path, keys):
        assert any(path == out or Path(out) in Path(path).parents for out in outs(kind.stage)), path


def test_every_file_that_a_stage_writes_for_others_has_a_line() -> None:
    known = [Path(kind.path("KEY")) for kind in RUN_FILES] + [Path(ENVIRONMENT.path("STAGE/KEY"))]
    shown = {"data/report/tables", "data/report/site", "data/models/base", "data/models/aligned"}
    for stage in STAGES:
        for out in outs(stage):
            same = Path(out) in known or any(Path(out) in path.parents for path in known)
            assert same or out in shown or out.startswith("data/environment/"), out


def test_files_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("generations/b.jsonl", "generations/a.x.jsonl", "generations/notes.txt", "generations/a/b.jsonl",
                 "token_shift/a.parquet", "token_shift/a.coverage.jsonl", "environment/plan.json",
                 "environment/generate/a.json", "instructions.jsonl", "more/instructions.jsonl"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def keys(kind: RunFile[Any]) -> list[str]:
        found = list(kind.present(tmp_path))
        assert [path for _, path in found] == [tmp_path / kind.below(key) for key, _ in found]
        return [key for key, _ in found]

    assert keys(COMPLETIONS) == ["a.x", "b"]
    assert keys(TOKEN_SHIFT) == keys(COVERAGE) == ["a"]
    assert keys(ENVIRONMENT) == ["generate/a", "plan"]
    assert keys(INSTRUCTIONS) == [""]
