"""Answers and their cache: computed once, keyed by what they depend on, safe from a killed process."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import CONTEXT, decoding, tiny_folder, tiny_tokenizer, write_manifest
from urial.core.row_cache import RowCache
from urial.generate.keys import completion_key
from urial.generate.run import generate
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import EmbeddedWeights, FolderWeights, HubWeights, ModelManifest, read_manifest
from urial.records.params.file import Generation
from urial.records.plans import SystemPlan

TEXTS = ("# Query:\nWhat is the flag of Ardovia?\n", "# Query:\nA\n", "# Query:\nWhat does the fennoth eat?\n")


def make_plan(**changes: Any) -> SystemPlan:
    values = {
        "system": "base-zero-shot", "model": "base", "prompt_name": None, "prompt": None, "prompt_hash": None,
        "decoding": decoding(), "generation": Generation(batch_size=2, on_context_overflow="record"), "threads": 1,
    }  # fmt: skip
    return SystemPlan.model_validate({**values, **changes})


def make_prompt(text: str, number: int = 0, **changes: Any) -> AssembledPrompt:
    values = {
        "instruction_id": f"q{number}", "system": "base-zero-shot", "text": text, "adds_special_tokens": True,
        "stop": ("\n```",), "n_tokens": len(tiny_tokenizer()(text)["input_ids"]), **changes,
    }  # fmt: skip
    return AssembledPrompt.model_validate(values)


def instruction_of(prompt: AssembledPrompt) -> Instruction:
    return Instruction(id=prompt.instruction_id, turns=("What?",), category="regular", source="test")


def answered(plan: SystemPlan, prompts: Sequence[AssembledPrompt], folder: Path, cache: RowCache) -> list[Completion]:
    """Answers to the first turns alone."""
    return generate(plan, [instruction_of(prompt) for prompt in prompts], prompts, folder, cache)


PROMPTS = [make_prompt(text, number) for number, text in enumerate(TEXTS)]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "cache") as opened:
        yield opened


@pytest.fixture(scope="module")
def manifest() -> ModelManifest:
    return read_manifest(tiny_folder("llama"))


def weights(manifest: ModelManifest) -> EmbeddedWeights:
    assert isinstance(manifest.source, EmbeddedWeights)
    return manifest.source


def changed_file(manifest: ModelManifest, name: str) -> ModelManifest:
    files = {**weights(manifest).files, name: "sha256:" + "1" * 64}
    return manifest.model_copy(update={"source": weights(manifest).model_copy(update={"files": files})})


def loaded_as(manifest: ModelManifest, **changes: Any) -> ModelManifest:
    loading = weights(manifest).loading.model_copy(update=changes)
    return manifest.model_copy(update={"source": weights(manifest).model_copy(update={"loading": loading})})


@pytest.mark.parametrize(
    "decoding_change",
    [{"max_new_tokens": 13}, {"temperature": 0.5}, {"top_p": 0.9}, {"repetition_penalty": 1.1}, {"seed": 1}],
)
def test_key_changes_with_each_decoding_field(decoding_change: dict[str, Any], manifest: ModelManifest) -> None:
    plan = make_plan(decoding=decoding(**decoding_change))
    assert completion_key(manifest, PROMPTS[0], plan) != completion_key(manifest, PROMPTS[0], make_plan())


@pytest.mark.parametrize(
    "change", [{"text": "other"}, {"stop": ("```",)}, {"stop": ()}, {"adds_special_tokens": False}]
)
def test_key_changes_with_the_prompt(change: dict[str, Any], manifest: ModelManifest) -> None:
    prompt = PROMPTS[0].model_copy(update=change)
    assert completion_key(manifest, prompt, make_plan()) != completion_key(manifest, PROMPTS[0], make_plan())


def test_key_changes_with_every_file_of_the_model_and_with_how_it_is_loaded(manifest: ModelManifest) -> None:
    others = [changed_file(manifest, name) for name in weights(manifest).files]
    others += [loaded_as(manifest, dtype="bfloat16"), loaded_as(manifest, quantization="bitsandbytes-8bit")]
    keys = {completion_key(item, PROMPTS[0], make_plan()) for item in (manifest, *others)}
    assert len(weights(manifest).files) >= 4
    assert len(keys) == len(others) + 1


def test_key_changes_with_nothing_else(manifest: ModelManifest) -> None:
    expected = completion_key(manifest, PROMPTS[0], make_plan())
    assert completion_key(loaded_as(manifest, device_map="cpu"), PROMPTS[0], make_plan()) == expected
    files, loading = weights(manifest).files, weights(manifest).loading
    folder = FolderWeights(folder="elsewhere", files=files, loading=loading)
    for source in (folder, HubWeights(hub="o/m", revision="main", files=files, loading=loading)):
        other = ModelManifest(role="aligned", source=source)
        assert completion_key(other, PROMPTS[0], make_plan()) == expected
    plan = make_plan(system="other", threads=2, generation=Generation(batch_size=16, on_context_overflow="error"))
    assert completion_key(manifest, PROMPTS[0], plan) == expected
    moved = PROMPTS[0].model_copy(update={"instruction_id": "q9", "system": "other"})
    assert completion_key(manifest, moved, make_plan()) == expected


def test_finished_rows_come_from_the_cache_without_any_engine(
    cache: RowCache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = answered(make_plan(), PROMPTS, tiny_folder("llama"), cache)
    monkeypatch.setattr(
        "urial.generate.transformers_batch.TransformersEngine", lambda *_: pytest.fail("the engine was loaded")
    )
    other = make_plan(generation=Generation(batch_size=16, on_context_overflow="record"))
    assert answered(other, list(reversed(PROMPTS)), tiny_folder("llama"), cache) == list(reversed(first))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "base-zero-shot: 0 answers from the row cache, 3 to compute",
        "base-zero-shot: 3 answers from the row cache, 0 to compute",
    ]


def test_new_prompt_is_all_that_is_computed(cache: RowCache, capsys: pytest.CaptureFixture[str]) -> None:
    before = answered(make_plan(), PROMPTS[:2], tiny_folder("llama"), cache)
    assert answered(make_plan(), PROMPTS, tiny_folder("llama"), cache)[:2] == before
    assert "2 answers from the row cache, 1 to compute" in capsys.readouterr().out


def test_same_text_is_answered_once_for_every_instruction_that_has_it(cache: RowCache) -> None:
    twice = [*PROMPTS, make_prompt(TEXTS[0], 7)]
    rows = answered(make_plan(decoding=decoding(temperature=1)), twice, tiny_folder("llama"), cache)
    assert [row.instruction_id for row in rows] == ["q0", "q1", "q2", "q7"]
    assert rows[0].answer == rows[3].answer
    assert rows[0].key == rows[3].key
    assert len({row.key for row in rows}) == 3
    assert len({row.answer.token_ids for row in rows[:3] if row.answer}) == 3


def test_seed_decides_sampled_answers(cache: RowCache) -> None:
    def answers(seed: int) -> list[Answer | None]:
        plan = make_plan(decoding=decoding(temperature=1, seed=seed))
        return [row.answer for row in answered(plan, PROMPTS, tiny_folder("llama"), cache)]

    assert answers(0) != answers(1)


def test_prompt_without_room_is_recorded_with_the_reason_and_never_computed(cache: RowCache) -> None:
    long = make_prompt("word " * CONTEXT, 3)
    rows = answered(make_plan(), [PROMPTS[0], long], tiny_folder("llama"), cache)
    assert rows[0].status == "ok"
    assert rows[1] == Completion(
        instruction_id="q3", system="base-zero-shot", status="too_long", answer=None, key=None,
        reason=f"the prompt has {long.n_tokens:,} tokens and the answer may have 12, but the model's context has {CONTEXT:,}",
    )  # fmt: skip
    assert answered(make_plan(), [long], tiny_folder("llama"), cache) == [rows[1]]
    assert answered(make_plan(), [], tiny_folder("llama"), cache) == []


def test_changed_weights_are_answered_anew(cache: RowCache, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_folder("llama"), tmp_path / "copy")
    before = answered(make_plan(), PROMPTS[:1], copy, cache)
    shutil.copy(tiny_folder("qwen2") / "config.json", copy / "config.json")
    shutil.copy(tiny_folder("qwen2") / "model.safetensors", copy / "model.safetensors")
    write_manifest(copy)
    (after,) = answered(make_plan(), PROMPTS[:1], copy, cache)
    assert after.key != before[0].key
    assert after.answer != before[0].answer
