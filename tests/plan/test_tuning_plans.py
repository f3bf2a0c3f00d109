"""A tuned model is planned with all that it learns: data, layout and base are checked before anything is trained."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.test_planning import local_pair, params_with
from tests.tiny_models import tiny_tokenizer
from urial.core.errors import UrialError
from urial.plan.models import plan_models
from urial.plan.tuning import MOST_PAIRS, chat_template, plan_tuned, require_tunable
from urial.prompts.versions.dialects import DIALECTS
from urial.prompts.versions.library import PROMPTS_DIR, load_prompt
from urial.prompts.versions.rendering import render
from urial.records.model import FolderWeights, GgufWeights, Loading, PlannedHub
from urial.records.params.file import MicroworldStudy, ModelsStudy
from urial.records.plans import PlannedTuned

TEXTS = st.text(st.sampled_from("ab`\n# Query:"), max_size=30)


def study(data: dict[str, str], **recipe: object) -> MicroworldStudy:
    tuned = {"data": data, **recipe}
    return MicroworldStudy.model_validate({"kind": "microworld", "seed": 0, "aligned": {"tuned": tuned}})


def plan(data: dict[str, str], **recipe: object) -> PlannedTuned:
    planned = plan_tuned(study(data, **recipe), "studies.mine", PROMPTS_DIR)
    assert planned is not None
    return planned


def test_the_examples_of_a_prompt_version_are_learned_in_their_order() -> None:
    planned = plan({"prompt": "urial-k3"})
    assert planned.pairs == load_prompt("microworld/urial-k3", PROMPTS_DIR).examples
    # The same examples without the system text are the same data.
    assert plan({"prompt": "microworld/urial-k3-no-system"}).data_hash == planned.data_hash
    assert plan({"prompt": "urial-k3-b"}).data_hash != planned.data_hash


def test_a_pool_and_a_file_are_read(tmp_path: Path) -> None:
    pool = plan({"pool": "general"})
    assert len(pool.pairs) == 120
    copy = tmp_path / "mine.jsonl"
    copy.write_bytes((PROMPTS_DIR / "pools/general.jsonl").read_bytes())
    assert plan({"file": str(copy)}).data_hash == pool.data_hash


def test_a_study_without_one_has_none() -> None:
    assert plan_tuned(MicroworldStudy(kind="microworld", seed=0), "studies.mine", PROMPTS_DIR) is None


@given(queries=st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3), dialect=st.sampled_from(sorted(DIALECTS)))
def test_a_chat_is_the_text_of_the_zero_shot_prompt(queries: list[str], dialect: str) -> None:
    prompt = load_prompt("general/zero-shot", PROMPTS_DIR).model_copy(update={"dialect": dialect})
    history = [(query, f"answer to {query}") for query in queries[:-1]]
    messages = [
        {"role": role, "content": text}
        for turn in history
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    messages.append({"role": "user", "content": queries[-1]})
    tokenizer = tiny_tokenizer()
    text = tokenizer.apply_chat_template(
        messages, chat_template=chat_template(prompt), tokenize=False, add_generation_prompt=True
    )
    assert text == render(prompt, queries[-1], history).text


def test_a_system_message_stands_in_front_as_a_system_text_does() -> None:
    text = tiny_tokenizer().apply_chat_template(
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
        chat_template=chat_template(load_prompt("microworld/zero-shot", PROMPTS_DIR)),
        tokenize=False,
        add_generation_prompt=True,
    )
    urial = load_prompt("microworld/urial-k0", PROMPTS_DIR).model_copy(update={"system": "Be kind."})
    assert text == render(urial, "Hi").text


def row(query: str = "q", answer: str = "a") -> str:
    return json.dumps({"query": query, "answer": answer}) + "\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no rows"),
        (row() + row("other") + row(), "line 3: is line 1 again: 'q'"),
        ('{"query": "q"}\n', "missing field 'answer'"),
        ('{"query": "", "answer": "a"}\n', "field 'query'"),
        ("[1]\n", "Example"),
        (row()[:-3], "truncated"),
        (row() * (MOST_PAIRS + 1), f"has {MOST_PAIRS + 1:,} rows"),
    ],
)
def test_bad_rows_are_named_before_anything_is_trained(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text(content, "utf-8")
    with pytest.raises(UrialError) as caught:
        plan({"file": str(file)})
    assert message.casefold() in str(caught.value).casefold()
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "recipe", "message"),
    [
        (
            {"prompt": "urial-k0"}, {},
            "studies.mine.aligned.tuned: data.prompt: microworld/urial-k0 has no examples: there is nothing to be tuned on\n"
            "  where: params.yaml\n  fix: name a prompt version with examples of its own",
        ),
        (
            {"prompt": "retrieval-k3"}, {},
            "studies.mine.aligned.tuned: data.prompt: microworld/retrieval-k3 chooses its examples for each instruction: there is "
            "nothing to be tuned on\n  where: params.yaml\n"
            "  fix: name a prompt version with examples of its own, or its pool: {pool: microworld}",
        ),
        (
            {"pool": "generl"}, {},
            "studies.mine.aligned.tuned: data: no file prompts/pools/generl.jsonl\n  where: params.yaml\n"
            "  fix: name one of these pools: general, microworld",
        ),
        (
            {"prompt": "urial-k3"}, {"template": "urial-k3"},
            "studies.mine.aligned.tuned: template: microworld/urial-k3 is no zero-shot prompt version\n  where: params.yaml\n"
            "  expected: a layout of query and answer alone: what a tuned model knows is in its weights\n"
            "  fix: name a zero-shot version, such as general/zero-shot",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_refused(data: dict[str, str], recipe: dict[str, object], message: str) -> None:
    with pytest.raises(UrialError) as caught:
        plan(data, **recipe)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("base", "loading", "message"),
    [
        (
            {"server": "http://localhost:8000/v1", "model": "m"}, {},
            "studies.mine.aligned.tuned: the base model is on a server, and its weights cannot be tuned here\n"
            "  where: params.yaml\n  fix: name the base model by its hub id or its files",
        ),
        (
            {"hub": "o/m"}, {"quantization": "bitsandbytes-4bit"},
            "studies.mine.aligned.tuned: loading.quantization packs the base model, and packed weights cannot be tuned\n"
            "  where: params.yaml\n  fix: set loading.quantization to null; a GGUF file can be tuned, since it is unpacked",
        ),
    ],
)  # fmt: skip
def test_a_base_whose_weights_are_not_plain_is_refused(
    base: dict[str, str], loading: dict[str, str], message: str
) -> None:
    mine = ModelsStudy.model_validate(
        {"kind": "models", "base": base, "loading": loading, "aligned": {"tuned": {"data": {"pool": "general"}}}}
    )
    with pytest.raises(UrialError) as caught:
        plan_tuned(mine, "studies.mine", PROMPTS_DIR)
    assert str(caught.value) == message


FOLDER, HUB = "folder", "hub"


def base_of(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> FolderWeights | PlannedHub:
    """A resolved base model whose configuration is in ``folder``."""
    if kind == FOLDER:
        return FolderWeights(folder=str(folder), loading=Loading(), files={})
    monkeypatch.setattr("urial.plan.tuning.download", lambda *_: folder)
    return PlannedHub(hub="OWNER/NAME", revision="0" * 40, loading=Loading())


PACKED = ("packed weights", "name the model that the packed one was made of")
CODE = ("a model that brings its own code", "name a model of an architecture of transformers")
RUN = ("a model that brings its own code", "set loading.trust_remote_code to false")
GPTQ = {"quant_method": "gptq", "bits": 4}


@pytest.mark.parametrize("kind", [FOLDER, HUB])
@pytest.mark.parametrize(
    ("config", "trusted", "refusal"),
    [
        ({"model_type": "llama"}, False, None),
        ({"model_type": "llama", "quantization_config": None}, False, None),
        ({"model_type": "llama", "quantization_config": GPTQ}, False, PACKED),
        ({"model_type": "gemma3", "text_config": {"quantization_config": GPTQ}}, False, PACKED),
        ({"auto_map": {}}, False, CODE),
        ({"model_type": "own", "auto_map": {}}, True, CODE),
        ({"model_type": ["own"], "auto_map": {}}, False, CODE),
        # Of an architecture that transformers has, the author's code is there and does not run, unless it is asked for.
        ({"model_type": "phi3", "auto_map": {}}, False, None),
        ({"model_type": "phi3", "auto_map": {}}, True, RUN),
    ],
)
def test_a_base_that_is_packed_or_runs_code_is_refused(
    *,
    kind: str,
    config: dict[str, object],
    trusted: bool,
    refusal: tuple[str, str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    base, loading = base_of(kind, tmp_path, monkeypatch), Loading(trust_remote_code=trusted)
    if refusal is None:
        require_tunable(base, loading, "studies.mine.aligned.tuned")
        return
    with pytest.raises(UrialError) as caught:
        require_tunable(base, loading, "studies.mine.aligned.tuned")
    what, fix = refusal
    assert str(caught.value) == (
        f"{tmp_path / 'config.json'}: studies.mine.aligned.tuned: {what} cannot be tuned\n  fix: {fix}"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"[1]", "is no JSON object: [1]"),
        (b"\xff\xfe\x00", "is no JSON: "),
    ],
)
def test_a_base_whose_configuration_is_broken_is_named_by_its_file(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes(b"")
    changes = local_pair(tmp_path)
    study = dict(changes)["studies/local"]
    study |= {"base": {"folder": str(tmp_path)}, "aligned": {"tuned": {"data": {"pool": "general"}}}}
    with pytest.raises(UrialError) as caught:
        plan_models(params_with(*changes), PROMPTS_DIR)
    assert str(caught.value).startswith(f"{tmp_path / 'config.json'}: {problem}")


def test_a_packed_gguf_file_is_unpacked_and_can_be_tuned(tmp_path: Path) -> None:
    base = GgufWeights(gguf=str(tmp_path / "m.gguf"), hash="sha256:" + "0" * 64, loading=Loading())
    require_tunable(base, Loading(), "studies.mine.aligned.tuned")
