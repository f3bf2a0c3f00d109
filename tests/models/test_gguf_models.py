"""GGUF files as the models of a study, a chat, a measurement and a judge: planned, recorded and refused by name."""

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="the extra gguf is not installed")

from click.testing import CliRunner, Result
from transformers import AutoTokenizer

from tests.conftest import run_python
from tests.judge.local.local_judges import SINGLE, asked, make_plan, replies_of
from tests.small_hub import COMMIT, small_hub
from tests.tiny_gguf import write_gguf
from tests.tiny_models import save_folder, tiny_model
from urial.cli import main
from urial.core.errors import UrialError
from urial.core.hashing import content_hash, file_hash
from urial.core.parquet import read_parquet
from urial.core.store import write_jsonl
from urial.judge.local.judge import TransformersBackend
from urial.local_models.loading.gguf_copy import unpacked
from urial.models.prepare import prepare_models
from urial.models.resolve import resolve_local
from urial.records.base import Role
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.judge import LocalJudgeModel
from urial.records.model import (
    FolderModel,
    GgufModel,
    GgufWeights,
    HubModel,
    Loading,
    LocalReference,
    PlannedHub,
    read_manifest,
)
from urial.records.plans import LoadedModels, ModelsPlan
from urial.records.token_shift import shift_schema
from urial.token_shift.files.measure_file import named_model

HASH = "sha256:" + "0" * 64


def resolved(reference: LocalReference, role: Role = "base", **loading: str) -> object:
    return resolve_local(reference, role, Loading.model_validate(loading), f"studies.own.{role}")


def refusal(reference: LocalReference, role: Role = "base", **loading: str) -> str:
    with pytest.raises(UrialError) as caught:
        resolved(reference, role, **loading)
    return str(caught.value)


def test_a_file_is_fixed_by_its_hash_in_the_plan_and_in_the_manifest(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    expected = GgufWeights(gguf=str(file), hash=file_hash(file), loading=Loading())
    base, aligned = (resolve_local(GgufModel(gguf=str(file)), role, Loading(), role) for role in ("base", "aligned"))
    assert base == aligned == expected
    plan = ModelsPlan(models=LoadedModels(kind="models", base=base, aligned=aligned), threads=1)
    prepare_models(ModelsPlan.model_validate_json(plan.model_dump_json()), tmp_path / "models")
    for role in ("base", "aligned"):
        assert read_manifest(tmp_path / "models" / role).source == expected
        assert [path.name for path in (tmp_path / "models" / role).iterdir()] == ["manifest.json"]


def test_an_aligned_model_needs_a_template_and_a_base_model_none(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf", template=False)
    assert isinstance(resolved(GgufModel(gguf=str(file))), GgufWeights)
    assert refusal(GgufModel(gguf=str(file)), "aligned") == (
        f"studies.own.aligned: the tokenizer in {file} has no chat template"
        "\n  expected: tokenizer.chat_template in the file's metadata"
        "\n  fix: use the model as base, or add the template that it was tuned with"
    )


def test_a_file_that_is_named_as_something_else_is_named_right(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "files" / "model.gguf")
    assert f"fix: name one of its GGUF files, as in {{gguf: {file}}}" in refusal(FolderModel(folder=str(file.parent)))
    assert f"no folder {file}\n  fix: name it as {{gguf: {file}}}" in refusal(FolderModel(folder=str(file)))
    assert f"is a folder\n  expected: a GGUF file\n  fix: name it as {{folder: {file.parent}}}" in refusal(
        GgufModel(gguf=str(file.parent))
    )
    assert refusal(GgufModel(gguf=str(tmp_path / "none.gguf"))) == (
        f"studies.own.base: no file {tmp_path}/none.gguf\n  fix: correct the path; "
        "`urial models fetch` brings those that `urial models list` shows"
    )
    weights = save_folder(tmp_path / "folder", tiny_model("llama")) / "model.safetensors"
    assert f"as in {{folder: {weights.parent}}}" in refusal(GgufModel(gguf=str(weights)))
    part = file.rename(file.parent / "model-00001-of-00003.gguf")
    assert f"{part.name} is a part of a model\n  fix: join the parts" in refusal(GgufModel(gguf=str(part)))


@pytest.mark.parametrize("path", ["/" + "x" * 10_000 + ".gguf", "~no-such-user/m.gguf", "/a\0b.gguf"])
def test_a_hostile_path_is_a_missing_file(path: str) -> None:
    assert refusal(GgufModel(gguf=path)).startswith("studies.own.base: no file ")


def test_a_file_is_not_packed_again(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    for reference in (GgufModel(gguf=str(file)), HubModel(hub="o/m", revision=COMMIT, gguf_file="m.gguf")):
        message = refusal(reference, quantization="bitsandbytes-4bit")
        assert message.startswith("studies.own.base: a GGUF file is packed already")
        assert "fix: set loading.quantization to null" in message


def test_one_string_names_a_file_here_or_one_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    on_hub = HubModel(hub="o/m", revision="v1", gguf_file="q/model.gguf")
    assert named_model("o/m/q/model.gguf", "v1") == on_hub
    for name in (
        "model.gguf",
        "./model.gguf",
        "../o/m/model.gguf",
        "/o/m/model.gguf",
        "~/o/m/model.gguf",
        "o/model.gguf",
    ):
        assert named_model(name, None) == GgufModel(gguf=name)
    write_gguf(tmp_path / "o" / "m" / "q" / "model.gguf")
    assert named_model("o/m/q/model.gguf", None) == GgufModel(gguf="o/m/q/model.gguf")
    with pytest.raises(UrialError, match=r"model\.gguf: a file has no revision 'v1'"):
        named_model("model.gguf", "v1")


# Plans and prepares models of the hub, and prints what they are, or the refusal.
PROGRAM = """
import json, sys
from pathlib import Path
from urial.core.errors import UrialError
from urial.local_models.loading.gguf_copy import unpacked
from urial.models.prepare import prepare_model
from urial.models.resolve import resolve_local
from urial.records.model import HubModel, Loading, read_manifest
for number, (role, reference) in enumerate(json.loads(sys.argv[1])):
    try:
        planned = resolve_local(HubModel(**reference), role, Loading(), role)
        prepare_model(HubModel(**reference), role, Loading(), Path(sys.argv[2]) / str(number))
        print(json.dumps([planned.revision, read_manifest(Path(sys.argv[2]) / str(number)).source.files]))
    except UrialError as error:
        print(json.dumps(str(error)))
"""


def test_a_file_of_the_hub_is_fixed_by_commit_and_hash(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf", template=False)
    cases = [
        ("base", {"hub": "o/m", "gguf_file": "q/model.gguf"}),
        ("aligned", {"hub": "o/m", "gguf_file": "q/model.gguf", "revision": COMMIT}),
        ("base", {"hub": "o/m", "gguf_file": "q/modle.gguf"}),
        ("base", {"hub": "o/m", "gguf_file": "q/model-00001-of-00002.gguf"}),
        ("base", {"hub": "o/none", "gguf_file": "model.gguf"}),
    ]
    with small_hub({"o/m": {"README.md": b"# m\n", "q/model.gguf": file.read_bytes()}}) as address:
        done = run_python(
            PROGRAM, json.dumps(cases), str(tmp_path / "out"), HF_ENDPOINT=address, HF_HOME=str(tmp_path / "hf"),
            PYTHONPATH=os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH")))),
        )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(cases), done.stderr
    assert found[0] == [COMMIT, {"gguf": file_hash(file)}]
    assert "has no chat template" in found[1]
    assert found[2] == "base: o/m has no file 'q/modle.gguf'\n  fix: did you mean 'q/model.gguf'?"
    assert found[3].startswith("q/model-00001-of-00002.gguf is a part of a model")
    assert found[4].startswith("model o/none (revision main) cannot be found: ")


def test_a_judge_may_be_a_file_and_is_known_by_its_hash(tmp_path: Path) -> None:
    file, folder = write_gguf(tmp_path / "model.gguf"), save_folder(tmp_path / "folder", tiny_model("llama"))
    scores = {"response_format": "score_tokens"}
    plan = make_plan(folder, **scores)
    of_file = plan.model_copy(update={"model": GgufWeights(gguf=str(file), hash=file_hash(file), loading=Loading())})
    backend, other = TransformersBackend(of_file), TransformersBackend(plan)
    question = asked("It is Karmost.", SINGLE, "depth")
    assert replies_of(backend, [question]) == replies_of(other, [question])
    assert isinstance(backend.model, LocalJudgeModel)
    assert (backend.model.model, backend.model.revision) == (None, None)
    assert backend.model.files == content_hash({"gguf": file_hash(file)})
    hub = PlannedHub(hub="o/m", revision=COMMIT, gguf_file="a.gguf", loading=Loading())
    assert TransformersBackend(plan.model_copy(update={"model": hub})).model.model == "o/m/a.gguf"


def folder_of(file: Path, folder: Path) -> Path:
    """The weights of a file in a folder, with its tokenizer, which splits prompts otherwise than that of tiny_models."""
    save_folder(folder, tiny_model("llama"))
    AutoTokenizer.from_pretrained(unpacked(file, file_hash(file), "float32")).save_pretrained(folder)
    (folder / "manifest.json").unlink()
    return folder


def invoke(*arguments: str, lines: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=lines)


def test_a_chat_with_a_file_says_what_the_weights_in_a_folder_say(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    folder = folder_of(file, tmp_path / "folder")
    few = ("--prompt", "microworld/zero-shot", "--max-new-tokens", "8", "--dtype", "float32")
    saved = tmp_path / "talk.json"
    own = invoke(
        "chat", "--base", str(file), "--aligned", str(file), *few, lines=f"Why?\n/compare Why?\n/save {saved}\n"
    )
    other = invoke("chat", "--base", str(folder), "--aligned", str(folder), *few, lines="Why?\n/compare Why?\n")
    assert (own.exit_code, own.stdout) == (0, other.stdout), own.output
    assert json.loads(saved.read_text("utf-8"))["model"]["source"]["hash"] == file_hash(file)
    missing = invoke("chat", "--base", str(tmp_path / "none.gguf"), *few, lines="Why?\n")
    assert missing.output.endswith(f"base model: no file {tmp_path}/none.gguf\n  fix: correct --base\n")


def test_the_shift_of_a_file_is_that_of_the_weights_in_a_folder(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    folder = folder_of(file, tmp_path / "folder")
    aligned = write_gguf(tmp_path / "aligned.gguf", model=tiny_model("llama", seed=5))
    answer = Answer(text="Quwer", token_ids=(300, 301, 2), finish="end_token")
    row = Completion(instruction_id="q", system="aligned", status="ok", reason=None, answer=answer, key=HASH)
    write_jsonl(tmp_path / "answers.jsonl", [row])
    question = Instruction(id="q", turns=("What?",), category="regular", source="test")
    write_jsonl(tmp_path / "instructions.jsonl", [question])
    tables = []
    for base in (file, folder):
        out = tmp_path / f"{base.name}.parquet"
        result = invoke(
            "token-shift", "measure", str(tmp_path / "answers.jsonl"), "--instructions", str(tmp_path / "instructions.jsonl"),
            "--base", str(base), "--aligned", str(aligned), "--prompt", "microworld/zero-shot", "--out", str(out),
            "--threads", "1",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        tables.append(read_parquet(out, shift_schema()).to_pylist())
    assert tables[0] == tables[1]
    assert len(tables[0]) == 3
