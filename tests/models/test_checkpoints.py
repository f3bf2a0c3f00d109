"""Which checkpoints a study has, in which order, and what an experiment sets for one of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_python
from tests.small_hub import COMMIT, Ref, commit_of, small_hub
from urial.core.errors import UrialError
from urial.models import checkpoints as listing
from urial.models.checkpoints import checkpoints_of, settings_of
from urial.models.trained import pair_folder
from urial.records.checkpoint import Checkpoint
from urial.records.params.file import ParamsFile
from urial.records.plans import TrainedModels

MODEL = {"config.json": b"{}", "model.safetensors": b"w", "tokenizer_config.json": b"{}"}


@pytest.fixture
def with_study(committed_params: ParamsFile) -> Any:
    """The committed parameters with a study of the given fields."""

    def make(**fields: Any) -> ParamsFile:
        value = json.loads(committed_params.model_dump_json(exclude_unset=True))
        value["studies"]["own"] = {"kind": "models", "base": {"folder": "/models/base"}, **fields}
        value["run"]["study"] = "own"
        return ParamsFile.model_validate_json(json.dumps(value))

    return make


def make_folder(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        for file, content in MODEL.items():
            (folder / name / file).write_bytes(content)
    return folder


def names(found: tuple[Checkpoint, ...]) -> list[str]:
    return [checkpoint.name for checkpoint in found]


def refusal(params: ParamsFile) -> str:
    with pytest.raises(UrialError) as caught:
        checkpoints_of(params)
    return str(caught.value)


def test_a_study_without_checkpoints_has_none(with_study: Any) -> None:
    assert checkpoints_of(with_study()) == ()
    assert checkpoints_of(with_study(checkpoints=[])) == ()


def test_the_folders_below_one_are_sorted_by_step(with_study: Any, tmp_path: Path) -> None:
    folder = make_folder(tmp_path, "step-1000", "step-200", "checkpoint-30", "final")
    (folder / "runs" / "events").mkdir(parents=True)
    (folder / "notes.txt").write_text("x")
    (folder / "latest").symlink_to(folder / "step-1000")
    params = with_study(base={"folder": "/models/base"}, checkpoints={"folder": str(folder)})
    found = checkpoints_of(params)
    assert names(found) == ["checkpoint-30", "step-200", "step-1000", "final"]
    assert [checkpoint.step for checkpoint in found] == [30, 200, 1000, None]
    assert settings_of(params, found[1]) == {
        "studies.own.base.folder": str(folder),
        "studies.own.base.checkpoint": "step-200",
    }


def test_a_folder_whose_name_tells_a_step_is_listed_although_it_has_no_weights(with_study: Any, tmp_path: Path) -> None:
    # What is wrong with it, its experiment says; the others go on.
    (make_folder(tmp_path, "step-1") / "step-2").mkdir()
    assert names(checkpoints_of(with_study(checkpoints={"folder": str(tmp_path)}))) == ["step-1", "step-2"]


def test_a_folder_without_any_model_is_refused(with_study: Any, tmp_path: Path) -> None:
    (tmp_path / "step-1").mkdir()
    assert refusal(with_study(checkpoints={"folder": str(tmp_path)})) == (
        f"studies.own.checkpoints: {tmp_path} has no checkpoints\n  where: params.yaml"
        "\n  expected: folders below it with a config.json and weights as safetensors"
        "\n  fix: name the folder that they lie in"
    )
    assert refusal(with_study(checkpoints={"folder": f"{tmp_path}/none"})) == (
        f"studies.own.checkpoints: no folder {tmp_path}/none\n  where: params.yaml\n  fix: correct the path"
    )


def test_two_of_one_step_are_named(with_study: Any, tmp_path: Path) -> None:
    params = with_study(checkpoints={"folder": str(make_folder(tmp_path, "step-7", "step_7", "step-8"))})
    assert refusal(params) == (
        "studies.own.checkpoints: step-7, step_7 are both of step 7\n  where: params.yaml"
        "\n  expected: one checkpoint a step\n  fix: name the checkpoints that you mean as a list"
    )


def test_two_of_one_step_are_kept_where_stage_or_tokens_tell_them_apart(with_study: Any, tmp_path: Path) -> None:
    kept = ["step7-tokens1B", "step7-tokens2B", "stage1-step7", "stage2-ingredient1-step7", "stage2-ingredient2-step7"]
    assert names(checkpoints_of(with_study(checkpoints={"folder": str(make_folder(tmp_path, *kept))}))) == kept


def test_a_list_of_models_is_sorted_by_what_their_names_tell(with_study: Any) -> None:
    base = {"hub": "o/m", "revision": "main"}
    listed = [
        {"gguf": "/models/late.gguf"},
        {"hub": "o/m", "revision": "step900"},
        {"folder": "/models/step-20"},
        {"hub": "o/m", "revision": COMMIT, "checkpoint": "step3-tokens1B"},
    ]
    params = with_study(base=base, checkpoints=listed)
    found = checkpoints_of(params)
    assert names(found) == ["o/m@step3-tokens1B", "/models/step-20", "o/m@step900", "/models/late.gguf"]
    assert [settings_of(params, checkpoint) for checkpoint in found] == [
        {"studies.own.base.revision": COMMIT, "studies.own.base.checkpoint": "step3-tokens1B"},
        {"~studies.own.base.hub": None, "~studies.own.base.revision": None, "studies.own.base.folder": "/models/step-20"},
        {"studies.own.base.revision": "step900"},
        {"~studies.own.base.hub": None, "~studies.own.base.revision": None, "studies.own.base.gguf": "/models/late.gguf"},
    ]  # fmt: skip


def test_a_model_that_is_listed_twice_is_named(with_study: Any) -> None:
    listed = [{"folder": "/models/a"}, {"folder": "/models/a"}]
    assert refusal(with_study(checkpoints=listed)) == (
        "studies.own.checkpoints: /models/a is named 2 times\n  where: params.yaml\n  fix: name each once"
    )


def test_the_engine_of_the_base_model_stays(with_study: Any, tmp_path: Path) -> None:
    folder = make_folder(tmp_path, "step-1")
    base = {"hub": "o/m", "revision": "r", "engine": {"kind": "vllm"}}
    params = with_study(base=base, checkpoints={"folder": str(folder)})
    (found,) = checkpoints_of(params)
    assert settings_of(params, found) == {
        "~studies.own.base.hub": None,
        "~studies.own.base.revision": None,
        "studies.own.base.folder": str(folder),
        "studies.own.base.checkpoint": "step-1",
    }


def test_those_of_the_embedded_pair_are_known_before_and_after_its_training(
    committed_params: ParamsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = committed_params.studies["embedded"].model_copy(update={"documents": 20, "chats": 2})
    params = committed_params.model_copy(update={"studies": {"embedded": study}})
    before = checkpoints_of(params)
    assert [checkpoint.step for checkpoint in before] == sorted(checkpoint.step or 0 for checkpoint in before)
    assert settings_of(params, before[0]) == {"studies.embedded.checkpoint": before[0].name}
    models = TrainedModels(kind="microworld", seed=0, documents=20, chats=2)
    monkeypatch.setattr(listing, "read_pair", lambda folder: None if folder == pair_folder(models, 2) else 1 / 0)
    assert checkpoints_of(params) == before


# Holes, a missing prefix, one commit of two names, other phases, and what is no checkpoint.
REFS = {
    "stage1-step2000-tokens5B": Ref(MODEL),
    "stage1-step10000-tokens21B": Ref(MODEL),
    "step150-tokens1B": Ref(MODEL),
    "stage2-ingredient1-step9-tokens1B": Ref(MODEL),
    "stage2-ingredient2-step9-tokens1B": Ref({"README.md": b"no weights"}),
    "long/context-step-4": Ref(MODEL, tag=True),
    "v1.0": Ref(MODEL, tag=True),
    "v1": Ref(MODEL, commit=COMMIT),
}
SORTED = [
    "step150-tokens1B", "stage1-step2000-tokens5B", "stage1-step10000-tokens21B", "stage2-ingredient1-step9-tokens1B",
    "stage2-ingredient2-step9-tokens1B", "long/context-step-4", "v1", "v1.0",
]  # fmt: skip
LIST = """
import json, sys
from urial.core.errors import UrialError
from urial.models.checkpoints import checkpoints_of, settings_of
from urial.records.params.file import ParamsFile
params = ParamsFile.model_validate_json(sys.argv[1])
try:
    found = checkpoints_of(params)
    print(json.dumps([[one.name, one.revision, one.tokens, settings_of(params, one)] for one in found]))
except UrialError as error:
    print(error)
"""


def listed(params: ParamsFile, **environment: Any) -> str:
    done = run_python(LIST, params.model_dump_json(exclude_unset=True), **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_branches_and_tags_of_a_repository_are_listed_by_the_hub(with_study: Any, tmp_path: Path) -> None:
    params = with_study(base={"hub": "o/m"}, checkpoints={"hub": "o/m"})
    with small_hub({"o/m": MODEL}, {"o/m": REFS}) as address:
        found = json.loads(listed(params, HF_ENDPOINT=address, HF_HOME=str(tmp_path)))
    assert [name for name, *_ in found] == SORTED
    for name, revision, _, settings in found:
        assert revision == commit_of(name, REFS[name])
        assert settings == {"studies.own.base.revision": revision, "studies.own.base.checkpoint": name}
    assert [tokens for _, _, tokens, _ in found] == [10**9, 5 * 10**9, 21 * 10**9, 10**9, 10**9, None, None, None]


def test_what_the_hub_does_not_list_is_an_error(with_study: Any, tmp_path: Path) -> None:
    def error(hub: str, **environment: str) -> str:
        params = with_study(base={"hub": "o/m"}, checkpoints={"hub": hub})
        return listed(params, **{"HF_ENDPOINT": address, "HF_HOME": str(tmp_path), **environment})

    with small_hub({"o/alone": MODEL, "o/gated": {}}) as address:
        assert error("o/alone") == (
            "studies.own.checkpoints: o/alone has no branch or tag but main\n  where: params.yaml"
            "\n  expected: a repository with a branch or tag for each checkpoint"
            "\n  fix: name one that has, or the checkpoints as a list of models\n"
        )
        for hub, environment in (("o/none", {}), ("o/gated", {}), ("o/alone", {"HF_HUB_OFFLINE": "1"})):
            said = error(hub, **environment)
            assert said.startswith(f"studies.own.checkpoints: the branches and tags of {hub} cannot be listed: ")
            assert said.endswith("or name the checkpoints as a list of models\n")
        assert error("a b").startswith("studies.own.checkpoints: 'a b': neither a file or folder that is here")


RESOLVE = """
import sys
from urial.core.errors import UrialError
from urial.models.resolve import resolve_model
from urial.records.model import HubModel, Loading
for reference in sys.argv[1:]:
    hub, revision, checkpoint = (part or None for part in reference.split(" "))
    try:
        planned = resolve_model(HubModel(hub=hub, revision=revision, checkpoint=checkpoint), "base", Loading(), "base")
        print(planned.revision, planned.checkpoint, planned.label)
    except UrialError as error:
        print(str(error).replace(chr(10), " / "))
"""


def test_a_ref_becomes_a_commit_and_stays_beside_it(tmp_path: Path) -> None:
    name = "stage1-step2000-tokens5B"
    commit = commit_of(name, REFS[name])
    references = (
        f"o/m  {name}", f"o/m {commit} {name}", "o/m  long/context-step-4",  # as params.yaml, as a sweep, and with a slash
        "o/m  stage1-step2000", f"o/m {'f' * 40} {name}", f"o/m {'f' * 40} gone", "o/m  stage2-ingredient2-step9-tokens1B",
    )  # fmt: skip
    with small_hub({"o/m": MODEL}, {"o/m": REFS}) as address:
        done = run_python(RESOLVE, *references, HF_ENDPOINT=address, HF_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    named, pinned, with_slash, unknown, moved, vanished, empty = done.stdout.splitlines()
    assert named == pinned == f"{commit} {name} o/m@{name}"
    assert with_slash.startswith(commit_of("long/context-step-4", REFS["long/context-step-4"]))
    assert unknown.startswith("model o/m (checkpoint stage1-step2000) cannot be found: ")
    assert unknown.endswith(
        "fix: the repository has no branch or tag 'stage1-step2000': did you mean 'stage1-step2000-tokens5B'?"
    )
    assert moved.endswith(f"fix: {name!r} is now at commit {commit}; list the checkpoints again")
    assert "fix: the repository has no branch or tag 'gone': known names: " in vanished
    assert empty.startswith("base: o/m@stage2-ingredient2-step9-tokens1B has no config.json /   expected: ")
