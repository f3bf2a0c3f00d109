import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT, make_query, run_python
from tests.models.test_models import COMMIT, aligned_folder, make_folder
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.store import write_jsonl
from urial.plan.planning import Plans, make_plans
from urial.prompts.versions.library import load_prompt, prompt_hash
from urial.records.params.file import ParamsFile
from urial.records.plans import JudgePlan, RulesPlan, TrainedModels

PROMPTS = ROOT / "prompts"
TREE = json.loads(json.dumps(YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text("utf-8"))))


def params_with(*changes: tuple[str, Any]) -> ParamsFile:
    """The committed parameters with the value at each dotted path replaced."""
    tree = json.loads(json.dumps(TREE))
    for path, value in changes:
        *parents, last = path.split("/")
        node = tree
        for step in parents:
            node = node.setdefault(step, {})
        node[last] = value
    return ParamsFile.model_validate_json(json.dumps(tree))


def refusal(*changes: tuple[str, Any], prompts: Path = PROMPTS) -> str:
    params = params_with(*changes)
    with pytest.raises(UrialError) as caught:
        make_plans(params, prompts)
    return str(caught.value)


def local_pair(folder: Path, **changes: Any) -> list[tuple[str, Any]]:
    base, aligned = make_folder(folder / "base"), aligned_folder(folder / "aligned")
    write_jsonl(folder / "set.jsonl", [make_query()])
    pair = {"kind": "models", "base": {"folder": str(base)}, "aligned": {"folder": str(aligned)}, **changes}
    return [
        ("run/study", "local"),
        ("run/instructions", "own"),
        ("studies/local", pair),
        ("instruction_sets/own", {"kind": "jsonl", "source": str(folder / "set.jsonl")}),
    ]


@pytest.fixture
def plans(committed_params: ParamsFile) -> Plans:
    return make_plans(committed_params, PROMPTS)


def test_the_committed_parameters_make_complete_plans(plans: Plans) -> None:
    assert [system.system for system in (*plans.systems, *plans.blends)] == list(plans.report.systems)
    assert isinstance(plans.models.models, TrainedModels)
    assert plans.models.models.checkpoint is None
    seed = plans.models.models.seed
    seeds = (plans.instructions.microworld_seed, plans.token_shift.microworld_seed)
    assert seeds == (seed, seed)
    assert plans.judge == JudgePlan(name="rules", judge=RulesPlan(kind="rules", microworld_seed=seed))
    assert (plans.report.study, plans.report.instructions) == ("embedded", "microworld")


@pytest.mark.parametrize(
    ("section", "name", "better"),
    [
        ("systems", "base-zs.v2", "base-zs-v2"),
        ("systems", "7b", "s-7b"),
        ("judges", "gpt-4.1", "gpt-4-1"),
        ("studies", "qwen2.5-0.5b", "qwen2-5-0-5b"),
        ("instruction_sets", "2024-01", "i-2024-01"),
    ],
)
def test_a_name_that_an_experiment_cannot_spell_is_refused(section: str, name: str, better: str) -> None:
    entry = {
        "systems": {"model": "base", "prompt": "zero-shot"},
        "judges": {"kind": "rules"},
        "studies": {"kind": "microworld", "seed": 1},
        "instruction_sets": {"kind": "microworld"},
    }[section]
    assert refusal((f"{section}/{name}", entry)) == (
        f"{section}.{name}: `dvc exp run -S` cannot spell the name {name!r}\n  where: params.yaml\n"
        "  expected: a letter, then letters, digits, '_' and '-'\n"
        f"  fix: name it {better}, here and where it is named"
    )


def test_a_run_needs_no_judge() -> None:
    assert make_plans(params_with(("run/judge", None)), PROMPTS).judge == JudgePlan(name=None, judge=None)


def test_a_system_carries_its_whole_prompt_and_its_hash(plans: Plans) -> None:
    by_name = {system.system: system for system in plans.systems}
    urial = by_name["base-urial"]
    assert urial.prompt_name == "microworld/urial-k3"
    assert urial.prompt == load_prompt("microworld/urial-k3", PROMPTS)
    assert urial.prompt is not None
    assert urial.prompt_hash == prompt_hash(urial.prompt)
    aligned = by_name["aligned"]
    assert (aligned.prompt_name, aligned.prompt, aligned.prompt_hash) == (None, None, None)


def test_plans_are_pure(committed_params: ParamsFile) -> None:
    assert make_plans(committed_params, PROMPTS) == make_plans(committed_params, PROMPTS)


def test_planning_writes_nothing_and_loads_no_heavy_library(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from urial.records.params.file import read_params
from urial.plan.planning import make_plans
make_plans(read_params(Path({str(ROOT / "params.yaml")!r})), Path({str(PROMPTS)!r}))
heavy = {{"torch", "transformers", "datasets", "pandas", "pyarrow", "altair", "vl_convert", "scipy", "huggingface_hub"}}
print(sorted(heavy & set(sys.modules)))
"""
    (tmp_path / "home").mkdir()
    places = {"HOME": str(tmp_path / "home"), "URIAL_CACHE_DIR": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)}
    done = run_python(code, cwd=tmp_path, **places)
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["home"]


WHERE = "\n  where: params.yaml"
UNKNOWN = [
    ([("run/study", "embeded")], f"run.study: no 'embeded' in studies{WHERE}\n  fix: did you mean 'embedded'?"),
    ([("run/judge", "rule")], f"run.judge: no 'rule' in judges{WHERE}\n  fix: did you mean 'rules'?"),
    (
        [("run/instructions", "just-evil")],
        f"run.instructions: no 'just-evil' in instruction_sets{WHERE}\n  fix: did you mean 'just-eval'?",
    ),
    (
        [("token_shift/answer_system", "alined")],
        f"token_shift.answer_system: no 'alined' in systems{WHERE}\n"
        "  expected: a system of the aligned model; or no token shift: token_shift.base_systems: []\n"
        "  fix: did you mean 'aligned'?",
    ),
    (
        [("token_shift/base_systems", ["base-zero-shot", "base-uriel"])],
        f"token_shift.base_systems.1: no 'base-uriel' in systems{WHERE}\n  fix: did you mean 'base-urial'?",
    ),
    (
        [("token_shift/base_systems", ["aligned"])],
        f"token_shift.base_systems.0: system 'aligned' uses the aligned model{WHERE}\n"
        "  expected: a system of the base model",
    ),
    (
        [("token_shift/answer_system", "base-urial")],
        f"token_shift.answer_system: system 'base-urial' uses the base model{WHERE}\n"
        "  expected: a system of the aligned model",
    ),
    (
        [("token_shift/base_systems", ["base-urial", "base-urial"])],
        f"token_shift.base_systems: a system is named twice{WHERE}\n  expected: each once",
    ),
    (
        [("systems/base-urial/prompt", None)],
        f"systems.base-urial: a base model needs a prompt{WHERE}\n"
        "  fix: set systems.base-urial.prompt, for example to zero-shot",
    ),
    (
        [("systems/base-urial/prompt", "urial-k33")],
        f"unknown prompt 'microworld/urial-k33'\n  where: {PROMPTS}\n  fix: did you mean 'microworld/urial-k3'?",
    ),
]


@pytest.mark.parametrize(("changes", "message"), UNKNOWN)
def test_a_reference_that_leads_nowhere_is_refused(changes: list[tuple[str, Any]], message: str) -> None:
    assert refusal(*changes) == message


def test_an_aligned_model_may_have_a_prompt_of_any_collection() -> None:
    plans = make_plans(params_with(("systems/aligned/prompt", "general/urial-k3")), PROMPTS)
    assert plans.systems[0].prompt_name == "general/urial-k3"


def test_a_prompt_with_a_missing_field_stops_the_plan(tmp_path: Path) -> None:
    shutil.copytree(PROMPTS, tmp_path / "prompts")
    path = tmp_path / "prompts/microworld/urial-k3.yaml"
    path.write_text(path.read_text("utf-8").replace("licence: Apache-2.0\n", ""))
    assert refusal(prompts=tmp_path / "prompts") == (
        f"{path}: missing field 'licence'\n  expected: the record Prompt as in schemas/"
    )


ROW = make_query("a").model_dump_json().encode()
BAD_SETS: list[tuple[bytes | None, str]] = [
    (None, "instruction set 'own': no file {path}\n  fix: correct instruction_sets.own.source"),
    (b"", "instruction set 'own' is empty\n  expected: at least one instruction"),
    (ROW + b"\n" + ROW + b"\n", "instruction set 'own': id 'a' in rows 1 and 2\n  expected: every id once"),
    (ROW + b'\n{"\xc3(', "{path}, line 2 (the last line has no end: is the file truncated?): invalid UTF-8 at byte 2"),
    (ROW + b"\n" + ROW[:-9], "{path}, line 2 (the last line has no end: is the file truncated?): field 'the whole"),
    (
        ROW.replace(b"Why?", b"x" * 1_000_000) + b"\n",
        "{path}, line 1: field 'turns.0': string should have at most 100000 ",
    ),
]


@pytest.mark.parametrize(("data", "message"), BAD_SETS)
def test_a_bad_instruction_set_stops_the_plan(tmp_path: Path, data: bytes | None, message: str) -> None:
    changes, path = local_pair(tmp_path), tmp_path / "set.jsonl"
    path.unlink() if data is None else path.write_bytes(data)
    assert refusal(*changes).startswith(message.replace("{path}", str(path)))


@pytest.mark.parametrize("source", ["/" + "x" * 10_000, "a\0.jsonl", "."])
def test_a_hostile_source_is_a_missing_file(tmp_path: Path, source: str) -> None:
    changes = [*local_pair(tmp_path), ("instruction_sets/own/source", source)]
    assert refusal(*changes).startswith("instruction set 'own': no file ")


def test_the_embedded_world_s_queries_need_the_embedded_pair(tmp_path: Path) -> None:
    message = refusal(*local_pair(tmp_path), ("run/instructions", "microworld"))
    assert message.startswith(
        "instruction set 'microworld' is about the embedded pair's world, and another pair is run"
    )


def without_file(name: str, role: str) -> Callable[[Path], object]:
    return lambda folder: (folder / role / name).unlink()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "base"), "studies.local.base: no folder "),
        (without_file("config.json", "base"), "studies.local.base: {path}/base has no config.json"),
        (without_file("model.safetensors", "aligned"), "studies.local.aligned: {path}/aligned has no *.safetensors"),
        (
            without_file("chat_template.jinja", "aligned"),
            "studies.local.aligned: the tokenizer in {path}/aligned has no chat",
        ),
    ],
)
def test_a_model_folder_that_cannot_work_stops_the_plan(
    tmp_path: Path, break_it: Callable[[Path], object], message: str
) -> None:
    changes = local_pair(tmp_path)
    break_it(tmp_path)
    assert refusal(*changes).startswith(message.replace("{path}", str(tmp_path)))


def test_local_data_is_planned_with_its_hash(tmp_path: Path) -> None:
    plans = make_plans(params_with(*local_pair(tmp_path), ("run/limit", 1)), PROMPTS)
    assert plans.instructions.source_hash == file_hash(tmp_path / "set.jsonl")
    assert plans.instructions.limit == 1
    assert plans.judge.judge == RulesPlan(kind="rules", microworld_seed=None)


def test_pinned_hub_data_need_no_network(tmp_path: Path) -> None:
    data = {"kind": "just-eval", "source": "no-such-owner/d", "revision": COMMIT}
    plans = make_plans(params_with(*local_pair(tmp_path), ("instruction_sets/own", data)), PROMPTS)
    assert plans.instructions.set.model_dump()["revision"] == COMMIT


def test_decoding_and_catalogue_changes_leave_the_plan_of_the_models_alone(committed_params: ParamsFile) -> None:
    before = make_plans(committed_params, PROMPTS).models
    changed = params_with(("studies/embedded/max_new_tokens", 7), ("studies/embedded/base_repetition_penalty", 1.3))
    assert make_plans(changed, PROMPTS).models == before


def test_a_checkpoint_of_the_embedded_base_model_is_planned() -> None:
    models = make_plans(params_with(("studies/embedded/checkpoint", "step-46")), PROMPTS).models.models
    assert isinstance(models, TrainedModels)
    assert models.checkpoint == "step-46"


def test_a_change_to_one_system_changes_its_plan_alone(plans: Plans) -> None:
    other = make_plans(params_with(("systems/base-urial/decoding", {"max_new_tokens": 9})), PROMPTS)
    differing = [one.system for one, two in zip(plans.systems, other.systems, strict=True) if one != two]
    assert differing == ["base-urial"]
    assert (other.models, other.instructions, other.token_shift, other.judge, other.report) == (
        plans.models, plans.instructions, plans.token_shift, plans.judge, plans.report,
    )  # fmt: skip


@pytest.mark.parametrize(("own", "threads"), [(None, None), (3, 3)])
def test_threads_are_the_machines_own_for_models_of_the_user(
    tmp_path: Path, own: int | None, threads: int | None
) -> None:
    plans = make_plans(params_with(*local_pair(tmp_path), ("run/threads", own)), PROMPTS)
    assert {plans.models.threads, plans.token_shift.threads, *(plan.threads for plan in plans.systems)} == {threads}


@pytest.mark.parametrize(("own", "threads"), [(None, 2), (3, 3)])
def test_threads_of_the_embedded_pair_are_the_same_on_every_machine(own: int | None, threads: int) -> None:
    plans = make_plans(params_with(("run/threads", own)), PROMPTS)
    assert {plans.models.threads, plans.token_shift.threads, *(plan.threads for plan in plans.systems)} == {threads}
