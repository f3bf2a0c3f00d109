"""What differs between two runs on the disk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provenance.written import write_run
from tests.report.conftest import HASH, make_instruction, small_run
from urial.core.errors import UrialError
from urial.provenance.compare.inputs import Side, leaves, run_inputs
from urial.provenance.compare.records import InputDifference, RunInputs
from urial.provenance.compare.text import MAX_FILES, _inputs
from urial.records.model import ModelManifest, ServerModel
from urial.report.inputs import ReportInputs
from urial.run.files import Digests

PARAMS = "run: {seed: 0}\nsystems: {base: {prompt: urial-k3}}\n"
OTHER = "sha256:" + "cd" * 32


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Side, Side]:
    """Two runs that do not differ, with code, prompts and environment records."""
    return make_side(tmp_path / "first"), make_side(tmp_path / "here")


def make_side(folder: Path, inputs: ReportInputs | None = None) -> Side:
    found = inputs or small_run()
    write_run(found, folder)
    texts = {"params.yaml": PARAMS, "urial/a/one.py": "1", "urial/a/two.py": "2", "stages/judge.py": "3",
             "prompts/test/k3.yaml": "4"}  # fmt: skip
    for name, text in texts.items():
        write(folder, name, text)
    for stage in ("plan", "judge/base", "judge/aligned"):
        write(folder, f"data/environment/{stage}.json", json.dumps({"packages": {"torch": "2.13"}, "cpu": "x"}))
    record(folder)
    return folder, found


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def record(folder: Path, command: str = "python -m stages.judge base") -> None:
    """Write the lock anew, with code and prompts as they are now."""
    lock = json.loads((folder / "dvc.lock").read_text("utf-8"))
    for name, stage in lock["stages"].items():
        deps = {"plan": ["prompts"], "judge@base": ["urial/a", "stages/judge.py"]}.get(name, [])
        stage["deps"] = [item for item in stage["deps"] if item["path"].startswith("data/")]
        stage["deps"] += [entry(folder, path) for path in deps if (folder / path).exists()]
    lock["stages"]["judge@base"]["cmd"] = command
    write(folder, "dvc.lock", json.dumps(lock))


def entry(folder: Path, path: str) -> dict[str, Any]:
    found = Digests(folder).of(folder / path)
    return {**found.model_dump(include={"md5", "size", "nfiles"}, exclude_none=True), "path": path, "hash": "md5"}


def differing(first: Side, here: Side) -> list[tuple[str, str, str | None, str | None]]:
    found = run_inputs(first, here, "here")
    assert found.unknown == ()
    return [(item.kind, item.key, item.first, item.here) for item in found.differences]


def test_the_same_inputs_do_not_differ(runs: tuple[Side, Side]) -> None:
    assert run_inputs(*runs, "here") == RunInputs(run="here", differences=(), unknown=())


def test_parameters_by_dotted_key(runs: tuple[Side, Side]) -> None:
    write(runs[1][0], "params.yaml", "run: {seed: 1, 'a.b': [1, 2]}\nsystems: {base: {prompt: null}}\n")
    assert differing(*runs) == [
        ("parameters", "run.seed", "0", "1"),
        ("parameters", "systems.base.prompt", '"urial-k3"', "null"),
        ("parameters", 'run."a.b"', None, "[1,2]"),
    ]


def test_prompts_by_version_and_by_file(runs: tuple[Side, Side]) -> None:
    (folder, found), system = runs[1], runs[1][1].systems["base"]
    plan = system.plan.model_copy(update={"prompt_hash": OTHER})
    write(folder, "prompts/test/k3.yaml", "edited")
    write(folder, "prompts/test/new.yaml", "new")
    record(folder)
    here = (folder, replace(found, systems={**found.systems, "base": replace(system, plan=plan)}))
    edited, new = (f"md5:{Digests(folder).of(folder / f'prompts/test/{name}.yaml').md5}" for name in ("k3", "new"))
    before = f"md5:{Digests(runs[0][0]).of(runs[0][0] / 'prompts/test/k3.yaml').md5}"
    assert differing(runs[0], here) == [
        ("prompts", "system base", f"test/zero-shot {HASH}", f"test/zero-shot {OTHER}"),
        ("prompts", "prompts/test/k3.yaml", before, edited),
        ("prompts", "prompts/test/new.yaml", None, new),
    ]


def test_data_and_models(runs: tuple[Side, Side]) -> None:
    folder, found = runs[1]
    weights = found.models["base"].model.model_copy(update={"files": {"model.safetensors": OTHER}})
    model = found.models["base"].model_copy(update={"source": weights})
    served = ModelManifest(role="aligned", source=ServerModel(server="http://localhost/v1", model="big"))
    here = replace(
        found,
        models={"base": model, "aligned": served},
        instructions=[*found.instructions[1:], make_instruction("r1", "New?")],
    )
    found_differences = differing(runs[0], (folder, here))
    assert [item[:2] for item in found_differences] == [
        ("data", "instructions"),
        ("models", "base"),
        ("models", "aligned"),
    ]
    assert found_differences[0][2] != found_differences[0][3]
    assert found_differences[2][3] == "big on http://localhost/v1"


def test_code_by_file_and_by_command(runs: tuple[Side, Side]) -> None:
    folder = runs[1][0]
    write(folder, "urial/a/two.py", "edited")
    (folder / "urial/a/one.py").unlink()
    write(folder, "stages/judge.py", "edited")
    record(folder, "python -B -m stages.judge base")
    found = run_inputs(*runs, "here").differences
    assert [(item.key, item.where, item.here is None) for item in found] == [
        ("stages/judge.py", ("judge",), False),
        ("urial/a/one.py", ("judge",), True),
        ("urial/a/two.py", ("judge",), False),
        ("command of judge@base", (), False),
    ]


def test_a_folder_that_is_no_longer_as_recorded_is_compared_as_a_whole(runs: tuple[Side, Side]) -> None:
    folder = runs[1][0]
    write(folder, "urial/a/two.py", "edited")
    record(folder)
    write(folder, "urial/a/two.py", "edited again")
    assert [item.key for item in run_inputs(*runs, "here").differences] == ["urial/a"]


def test_versions_with_the_stages_that_they_concern(runs: tuple[Side, Side]) -> None:
    folder = runs[1][0]
    newer = json.dumps({"packages": {"torch": "2.14", "scipy": "1"}, "cpu": "x"})
    for stage in ("plan", "judge/base", "judge/aligned"):
        write(folder, f"data/environment/{stage}.json", newer)
    write(folder, "data/environment/judge/base.json", newer.replace('"x"', '"y"'))
    write(folder, "data/environment/judge/alone.json", newer)
    found = {item.key: item for item in run_inputs(*runs, "here").differences}
    expected = {
        "cpu": InputDifference(kind="versions", key="cpu", first='"x"', here='"y"', where=("judge@base",)),
        "packages.scipy": InputDifference(kind="versions", key="packages.scipy", first=None, here='"1"'),
        "packages.torch": InputDifference(kind="versions", key="packages.torch", first='"2.13"', here='"2.14"'),
    }
    assert found == expected


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    first, here = make_side(tmp_path / "first"), (tmp_path / "here", small_run())
    write(here[0], "params.yaml", PARAMS)
    assert run_inputs(first, here, "here") == RunInputs(
        run="here",
        differences=(),
        unknown=(
            "files of code and prompts: a run has no dvc.lock",
            "versions: a run has no environment records",
        ),
    )


def test_parameters_that_cannot_be_read(runs: tuple[Side, Side]) -> None:
    write(runs[1][0], "params.yaml", "a: [1\n")
    with pytest.raises(UrialError) as error:
        run_inputs(*runs, "here")
    assert str(error.value).startswith(f"{runs[1][0]}/params.yaml, line 2: not valid YAML: ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('a."é', max_size=3),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text('a."é', min_size=1, max_size=3), below, max_size=3)
    ),
    max_leaves=8,
)


@given(first=JSON, second=JSON)
def test_leaves_are_the_same_for_the_same_tree_alone(first: Any, second: Any) -> None:
    trees = [{"top": value} for value in (first, second)]
    same = json.dumps(trees[0], sort_keys=True) == json.dumps(trees[1], sort_keys=True)
    assert (dict(leaves(trees[0])) == dict(leaves(trees[1]))) == same


def test_long_lists_of_code_are_cut_for_people() -> None:
    files = tuple(
        InputDifference(kind="code", key=f"f{number}", first=f"md5:{'0' * 32}", here=None)
        for number in range(MAX_FILES + 2)
    )
    table = _inputs(RunInputs(run="a", differences=files, unknown=()))
    assert len(table.rows) == MAX_FILES
    assert table.caption == "And 2 more of code; --json has all."
    assert table.rows[0] == ["code", "f0", f"md5:{'0' * 12}", "(nothing)", None]
