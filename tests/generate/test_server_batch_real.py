"""The engine with a real inference server on loopback: `transformers serve`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.served import aligned_plan, base_plan, served_folders, served_model
from tests.tiny_models import decoding, save_folder, tiny_folder, tiny_model, tiny_tokenizer
from urial.cli.chat.stream_text import UNFINISHED
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.generate.engine import NoAnswer, Request
from urial.generate.run import generate
from urial.generate.server_batch import OpenAIEngine
from urial.generate.transformers_batch import TransformersEngine
from urial.prompts.versions.assembly import assemble
from urial.records.completion import Answer
from urial.records.model import Limits
from urial.records.params.file import Decoding

pytestmark = pytest.mark.slow
PROMPTS = (
    "# Query:\n```\nWhat is the capital of Ardovia?\n```\n\n# Answer:\n```\n",
    "Tell me.",
    "漢字 🙂",
    "A B C " * 20,
)
QUERIES = [make_query(f"q{number}", turns=(text,)) for number, text in enumerate(("Why?", "What is it?", "Tell me!"))]


def answers_of(engine: Any, requests: list[Request], settings: Decoding) -> list[Answer]:
    found = dict(engine.complete(requests, range(len(requests)), settings))
    answers = [found[index] for index in range(len(requests))]
    assert all(isinstance(answer, Answer) for answer in answers), answers
    return answers


def whole(answers: list[Answer]) -> list[tuple[str, str]]:
    """Text and finish, less a last character that is not finished, which this server leaves out."""
    return [(answer.text.rstrip(UNFINISHED), answer.finish) for answer in answers]


def test_a_served_base_model_answers_as_in_process(inference_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_folder("llama")
    served, local = (
        OpenAIEngine(served_model(inference_server, str(folder))),
        TransformersEngine(folder, 1, batch_size=4),
    )
    free = [Request(prompt, True, (), 0) for prompt in PROMPTS]
    expected = answers_of(local, free, decoding())
    assert whole(answers_of(served, free, decoding())) == whole(expected)
    stops = [answer.text[4:6] for answer in expected]
    stopped = [Request(prompt, True, (stop, stop + "x"), 0) for prompt, stop in zip(PROMPTS, stops, strict=True)]
    answers = answers_of(OpenAIEngine(served_model(inference_server, str(folder))), stopped, decoding())
    assert whole(answers) == whole(answers_of(local, stopped, decoding()))
    assert {answer.finish for answer in answers} == {"stop_string"}
    assert all(answer.token_ids is None for answer in answers)
    assert inference_server not in capsys.readouterr().err, "it obeys max_tokens, temperature 0 and stop strings"


def test_the_rows_of_a_served_pair_are_those_of_the_same_pair_in_process(
    inference_server: str, tiny_aligned: Path, tmp_path: Path
) -> None:
    base_model, aligned_model = (
        served_model(inference_server, str(tiny_folder("llama"))),
        served_model(inference_server, str(tiny_aligned)),
    )
    folders = served_folders(base_model, aligned_model, tmp_path / "models")
    local = {"base": tiny_folder("llama"), "aligned": tiny_aligned}
    for plan in (base_plan(base_model), aligned_plan(aligned_model)):
        here = plan.model_copy(update={"served": None})
        with RowCache(tmp_path / plan.system) as cache:
            rows = generate(plan, QUERIES, assemble(plan, QUERIES, folders / plan.model), folders / plan.model, cache)
            prompts = assemble(here, QUERIES, local[plan.model])
            expected = generate(here, QUERIES, prompts, local[plan.model], cache)
        texts = [[row.answer.text.rstrip(UNFINISHED) for row in some if row.answer] for some in (rows, expected)]
        assert texts[0] == texts[1]
        assert len(set(texts[0])) == len(QUERIES)


def refusal(inference_server: str, folder: Path, settings: Decoding, form: str = "text") -> str:
    request = Request(PROMPTS[0], True, (), 3)
    if form == "messages":
        request = Request(json.dumps([{"role": "user", "content": "Why?"}]), False, (), 3, "messages")
    with pytest.raises(UrialError) as caught:
        list(OpenAIEngine(served_model(inference_server, str(folder))).complete([request], [0], settings))
    return (
        str(caught.value)
        .removeprefix(f"{inference_server}: the server does not obey the decoding parameters: ")
        .partition("\n")[0]
    )


UNKNOWN = "repetition_penalty is refused: Unexpected fields in the request: {'repetition_penalty'}"


@pytest.mark.parametrize("form", ["text", "messages"])
def test_this_server_knows_no_repetition_penalty(inference_server: str, tiny_aligned: Path, form: str) -> None:
    assert refusal(inference_server, tiny_aligned, decoding(repetition_penalty=1.1), form) == UNKNOWN


def test_this_server_does_not_sample_unless_the_model_s_author_says_so(inference_server: str) -> None:
    found = refusal(inference_server, tiny_folder("llama"), decoding(temperature=1))
    assert found == "temperature is ignored: what is sampled is the greedy answer"


def folder_with(folder: Path, **configured: Any) -> Path:
    model = tiny_model("llama", seed=3)
    for name, value in configured.items():
        setattr(model.generation_config, name, value)
    return save_folder(folder, model, "aligned")


def test_where_it_samples_it_obeys_temperature_seed_and_top_p(
    inference_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path / "sampling", do_sample=True, top_k=0)
    # One after the other: this server has one seed for all that it does at a time.
    model = served_model(inference_server, str(folder), limits=Limits(concurrency=1))
    requests = [Request(PROMPTS[0], True, (), seed) for seed in (5, 6, 5)]
    first, other, again = answers_of(OpenAIEngine(model), requests, decoding(temperature=1.0, top_p=0.95))
    assert first == again != other
    assert inference_server not in capsys.readouterr().err


def test_a_penalty_that_the_model_s_author_recommends_is_found(inference_server: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "penalized", repetition_penalty=1.8)
    assert refusal(inference_server, folder, decoding(), "messages") == (
        "it penalizes repetition though none is asked for (decoding.repetition_penalty)"
    )


def test_this_server_answers_beyond_the_context_which_is_found_where_it_is_given(inference_server: str) -> None:
    prompt = "word " * 600
    tokens = len(tiny_tokenizer()(prompt)["input_ids"])
    request = Request(prompt, True, (), 0)
    model = served_model(inference_server, str(tiny_folder("llama")), context_window=512)
    assert dict(OpenAIEngine(model).complete([request], [0], decoding())) == {
        0: NoAnswer(
            "too_long",
            f"the prompt has {tokens:,} tokens and the answer may have 12, but the model's context has 512",
        )
    }
