"""A judge in this process whose replies are held to a schema."""

import json
import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

from tests.judge.local.local_judges import MULTI, SINGLE, asked, make_plan, replies_of
from tests.tiny_models import CONTEXT, save_folder, tiny_folder, tiny_model, tiny_tokenizer
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.judge.local.constrained import Constraints, choose
from urial.judge.local.judge import TransformersBackend
from urial.judge.local.layout import Layout
from urial.judge.model.asking import Backend
from urial.local_models.decoding.prepared import prepared_model
from urial.microworld.training.training import train_pair
from urial.records.judge import JudgeModel, LocalJudgeModel
from urial.records.judgment import Reply
from urial.records.model import FolderWeights, Loading, PlannedHub
from urial.records.plans import TrainedModels, TransformersPlan

MOST = 30
SHARED = "Judge this answer, and reply with an object that has a rationale and a score.\n"
TEXTS = ("Yes.", "No. " * 30, "It is Karmost. <eos><|assistant|>{}", "漢字 é 🙂 " * 5, "", "Yes. Yes.")
QUESTIONS = (
    *(asked(SHARED + text) for text in TEXTS),
    *(asked(SHARED + text, SINGLE, "depth") for text in TEXTS[:3]),
    asked("All of it.", MULTI),
)


@lru_cache
def backend_of(name: str, batch_size: int = 8) -> TransformersBackend:
    return TransformersBackend(make_plan(tiny_folder(name), max_tokens=MOST, batch_size=batch_size))


@lru_cache
def naive_reply(name: str, question: int) -> tuple[list[int], str]:
    """The tokens and the text of a reply by full passes over one row, without any cache."""
    tokenizer, model = tiny_tokenizer(), prepared_model(tiny_folder(name), 1)
    prompt = Layout(tokenizer).prompt_ids(QUESTIONS[question].text)
    matcher, ids = Constraints(tokenizer).start(QUESTIONS[question].rubric.reply_schema), list[int]()
    while not matcher.complete and len(ids) < MOST:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *ids]])).logits[:, -1].float()
        ids += choose(logits, [matcher])
        matcher.take(ids[-1])
    return ids, matcher.text(ids)


@pytest.mark.parametrize(
    ("name", "batch_sizes"),
    # The last one goes one row at a time, whatever was asked for.
    [("llama", (1, 3, 16)), ("gpt2", (3,)), ("gemma2", (3,)), ("mistral-narrow-window", (3,))],
)
def test_replies_are_those_of_plain_passes_at_every_batch_size(name: str, batch_sizes: tuple[int, ...]) -> None:
    expected = [naive_reply(name, number) for number in range(len(QUESTIONS))]
    for batch_size in batch_sizes:
        found = replies_of(backend_of(name, batch_size), QUESTIONS)
        assert [reply.text for reply in found] == [text for _, text in expected]
        assert [reply.output_tokens for reply in found] == [len(ids) for ids, _ in expected]
        assert [reply.aspect for reply in found] == [question.aspect for question in QUESTIONS]


def test_replies_that_end_are_json_of_their_schema_and_others_are_cut_off() -> None:
    ended, cut = 0, 0
    for name in ("llama", "gpt2", "gemma2", "olmo2"):
        for question, reply in zip(QUESTIONS, replies_of(backend_of(name), QUESTIONS), strict=True):
            assert reply.thinking is None
            assert reply.model is None
            assert reply.input_tokens == len(Layout(tiny_tokenizer()).prompt_ids(question.text))
            if reply.finish == "stop":
                jsonschema.validate(json.loads(reply.text), question.rubric.reply_schema)
                ended += 1
            else:
                assert (reply.finish, reply.output_tokens) == ("length", MOST)
                assert reply.text.startswith("{")
                cut += 1
    assert ended > 5
    assert cut > 5


def test_one_question_gets_the_reply_that_it_gets_among_others() -> None:
    everything = replies_of(backend_of("llama"), QUESTIONS)
    assert replies_of(backend_of("llama"), QUESTIONS[::-1]) == everything[::-1]
    assert [replies_of(backend_of("llama"), [question])[0] for question in QUESTIONS] == everything
    # A judge that is opened again says the same.
    assert replies_of(TransformersBackend(make_plan(tiny_folder("llama"), max_tokens=MOST)), QUESTIONS) == everything


def test_pair_of_the_pipeline_judges_through_its_template_and_without_one(tmp_path: Path) -> None:
    plan = TrainedModels(kind="microworld", seed=0, documents=20, chats=2)
    steps = train_pair(plan, 1, tmp_path, lambda line: None)
    for name in (f"base/step-{max(steps)}", "aligned"):
        backend = TransformersBackend(make_plan(tmp_path / name, max_tokens=400))
        for question, reply in zip(QUESTIONS, replies_of(backend, QUESTIONS), strict=True):
            if reply.finish == "stop":
                jsonschema.validate(json.loads(reply.text), question.rubric.reply_schema)
            assert reply.finish in ("stop", "length")


def test_question_without_room_fails_alone_and_says_why() -> None:
    backend = TransformersBackend(make_plan(tiny_folder("llama"), max_tokens=300))
    length = len(Layout(tiny_tokenizer()).prompt_ids("why " * 300))
    found = replies_of(backend, [asked("Yes."), asked("why " * 300, SINGLE, "depth"), asked("Half: \ud83d")])
    assert found[0].finish in ("stop", "length")
    assert found[1] == Reply(
        aspect="depth",
        text=f"the question has {length} tokens and the reply may have 300, but the judge's context has {CONTEXT}",
        finish="failed",
    )
    assert found[2].finish == "failed"
    assert found[2].text.startswith("the judge's tokenizer failed on the question: ")


def test_question_that_fits_to_the_token_is_asked() -> None:
    room = CONTEXT - len(Layout(tiny_tokenizer()).prompt_ids("why " * 100))
    for most, finishes in ((room, {"stop", "length"}), (room + 1, {"failed"})):
        backend = TransformersBackend(make_plan(tiny_folder("llama"), max_tokens=most))
        assert {reply.finish for reply in replies_of(backend, [asked("why " * 100)])} <= finishes


def test_nothing_to_ask_loads_nothing(tmp_path: Path) -> None:
    plan = make_plan(tiny_folder("llama"))
    missing = plan.model.model_copy(update={"folder": str(tmp_path / "nowhere")})
    assert list(TransformersBackend(plan.model_copy(update={"model": missing})).replies([])) == []


def test_folder_that_changed_since_it_was_planned_is_an_error(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "judge", tiny_model("llama"))
    plan = make_plan(folder)
    save_folder(folder, tiny_model("llama", seed=1))
    with pytest.raises(UrialError, match=f"the files in {folder} changed since they were planned"):
        replies_of(TransformersBackend(plan), [asked("Yes.")])


def test_padded_vocabulary_gives_valid_replies(tmp_path: Path) -> None:
    model = tiny_model("llama", vocab_size=2048)
    with torch.no_grad():
        model.lm_head.weight[len(tiny_tokenizer()) :] *= 100
    backend = TransformersBackend(make_plan(save_folder(tmp_path / "padded", model)))
    for reply in replies_of(backend, [asked("Yes.", SINGLE, "depth"), asked("No.", SINGLE, "depth")]):
        assert reply.finish == "stop"
        jsonschema.validate(json.loads(reply.text), dict(SINGLE.reply_schema))


def test_full_memory_says_what_to_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("urial.judge.local.constrained.Batch", no_room)
    with pytest.raises(UrialError) as caught:
        replies_of(TransformersBackend(make_plan(tiny_folder("llama"))), [asked("Yes.")])
    assert str(caught.value) == (
        "the judge does not fit into the device's memory\n"
        "  fix: lower its batch_size or max_tokens, set its max_characters, or load it in bfloat16"
    )


def model_of_judge(plan: TransformersPlan) -> JudgeModel:
    backend: Backend = TransformersBackend(plan)
    return backend.model


def test_identity_names_what_decides_a_reply_and_nothing_else(tmp_path: Path) -> None:
    plan = make_plan(tiny_folder("llama"))
    assert isinstance(plan.model, FolderWeights)
    expected = LocalJudgeModel(kind="transformers",
        algorithm=1, model=None, revision=None, files=content_hash(plan.model.files), dtype="float32",
        quantization=None, max_tokens=60, response_format="json_schema",
    )  # fmt: skip
    assert model_of_judge(plan) == expected
    assert model_of_judge(make_plan(tiny_folder("llama"), batch_size=1, loading={"device_map": "cpu"})) == expected
    elsewhere = shutil.copytree(tiny_folder("llama"), tmp_path / "elsewhere")
    assert model_of_judge(make_plan(elsewhere)) == expected, "where a folder lies changes nothing"
    scored = {"max_tokens": None, "response_format": "score_tokens"}
    assert model_of_judge(make_plan(tiny_folder("llama"), response_format="score_tokens")) == expected.model_copy(
        update=scored
    )
    other = model_of_judge(make_plan(save_folder(tmp_path / "other", tiny_model("llama", seed=1))))
    assert isinstance(other, LocalJudgeModel)
    assert other.files != expected.files
    commit = "0123456789abcdef" * 2 + "01234567"
    hub = PlannedHub(hub="Qwen/Qwen2.5-7B-Instruct", revision=commit, loading=Loading())
    loading = {"dtype": "bfloat16", "quantization": "bitsandbytes-4bit"}
    quantized = make_plan(tiny_folder("llama"), max_tokens=2048, loading=loading).model_copy(update={"model": hub})
    changes = {
        "model": hub.hub, "revision": commit, "files": None, "dtype": "bfloat16",
        "quantization": "bitsandbytes-4bit", "max_tokens": 2048,
    }  # fmt: skip
    assert model_of_judge(quantized) == expected.model_copy(update=changes)


def test_asking_again_gets_the_same_reply() -> None:
    again = [replace(question, attempt=1) for question in QUESTIONS]
    assert replies_of(backend_of("llama"), again) == replies_of(backend_of("llama"), QUESTIONS)
