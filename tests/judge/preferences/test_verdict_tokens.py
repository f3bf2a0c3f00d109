"""A verdict by the probabilities of two tokens: on a server, through its batch API, and of a model in this process."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import ROOT, make_query
from tests.judge.local.local_judges import make_plan as local_plan
from tests.judge.preferences.comparing import answered, compare, parts, planned
from tests.judge_server import completion, judging
from tests.tiny_models import tiny_folder, tiny_tokenizer, write_manifest
from urial.core.row_cache import RowCache
from urial.judge.local.layout import Layout
from urial.judge.preferences.run import compare_completions, make_preference_judge
from urial.judge.server import batch_api
from urial.judge.server.verdict_tokens import verdict_probabilities
from urial.local_models.decoding.prepared import prepared_model
from urial.prompts.preferences.rubrics import ShownAnswer, comparison_question, load_preference_rubric
from urial.records.plans import PreferencesPlan
from urial.records.preference_rubric import PlannedPreferenceRubric

TOKENS = ("A", "B")


def chat(tops: dict[str, float], said: str = "A") -> dict[str, Any]:
    """A completion of one token with the probabilities of the likeliest."""
    body = completion(said, "length")
    body["usage"]["completion_tokens"] = 1
    listed = [{"token": token, "logprob": math.log(part) if part else -9999.0} for token, part in tops.items()]
    body["choices"][0]["logprobs"] = {
        "content": [{"token": said, "logprob": math.log(tops.get(said) or 0.01), "top_logprobs": listed}]
    }
    return body


def weighing(body: dict[str, Any]) -> Any:
    """The answer "ours" has three times the probability of the other, whichever place it has."""
    if body["messages"][0]["content"].startswith("Say hello"):
        return completion("Hello")
    ours_first = parts(body)[0] == "ours"
    return chat({"A": 0.6, "B": 0.2} if ours_first else {" B": 0.6, "A": 0.2}, "A" if ours_first else " B")


@pytest.fixture
def cache(tmp_path: Path) -> Any:
    with RowCache(tmp_path / "rows") as opened:
        yield opened


@pytest.mark.parametrize("batch", [False, True])
def test_a_server_s_probabilities_are_the_preference(
    cache: RowCache, batch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_api, "POLL_SECONDS", 0.01)
    with judging(weighing) as server:
        row = compare(
            planned(server.url, "tokens", batch=batch, temperature=0, max_reasks=2), cache, [("ours", "theirs")]
        )[0]
        asked = [body for body in server.asked if "Say hello" not in body["messages"][0]["content"]]
        again = compare(
            planned(server.url, "tokens", batch=batch, temperature=0, max_reasks=2), cache, [("ours", "theirs")]
        )
        assert len(server.questions()) == 2
    assert row == again[0]
    assert [one.choices[0].preference for one in row.comparisons] == pytest.approx([0.75, 0.75])
    assert row.results[0].outcome == "win"
    assert row.comparisons[0].replies[0].verdict_probabilities == pytest.approx((0.6, 0.2))
    for body in asked:
        assert (body["max_tokens"], body["logprobs"], body["top_logprobs"], body["temperature"]) == (1, True, 5, 1)
        assert "response_format" not in body


def test_a_server_that_gives_none_leaves_the_row_invalid_and_is_not_asked_again(cache: RowCache) -> None:
    with judging(lambda body: completion("A", "length")) as server:
        row = compare(planned(server.url, "tokens", max_reasks=5), cache, [("x", "y")])[0]
        assert len(server.questions()) == 2
    assert row.results[0].outcome == "invalid"
    assert str(row.comparisons[0].choices[0].rationale).endswith(
        "neither A nor B is among the most probable first tokens: 'A'"
    )


@pytest.mark.parametrize(
    ("tops", "said", "expected"),
    [
        ({"A": 0.5, "B": 0.25}, "A", (0.5, 0.25)),
        ({" A": 0.5, "A": 0.25, "B": 0.125}, "A", (0.75, 0.125)),
        ({"A": 0.5, "C": 0.25}, "A", (0.5, 0.0)),
        ({"a": 0.5, "\uff22": 0.25, "\u200bA": 0.1, "AB": 0.05, "A.": 0.01}, "a", None),
        ({"B": 0.0}, "x", None),
        ({}, "B", (0.0, 0.01)),
    ],
)
def test_a_token_counts_as_it_is_written(
    tops: dict[str, float], said: str, expected: tuple[float, float] | None
) -> None:
    found = verdict_probabilities(chat(tops, said)["choices"][0], TOKENS)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    "logprobs",
    [None, [], {}, {"content": None}, {"content": []}, {"content": ["A"]}, {"content": [{"token": "A"}]},
     {"content": [{"token": 1, "logprob": 0}]}, {"content": [{"token": "A", "logprob": "0"}]},
     {"content": [{"token": "A", "logprob": float("nan"), "top_logprobs": 5}]}, {"tokens": ["A"], "token_logprobs": [0.0]}],
)  # fmt: skip
def test_what_is_no_list_of_probabilities_is_none(logprobs: Any) -> None:
    assert verdict_probabilities({"logprobs": logprobs}, TOKENS) is None
    assert verdict_probabilities(None, TOKENS) is None
    assert verdict_probabilities(chat({"A": 1.0})["choices"][0], None) is None


def short_rubric(verdict: Any) -> PlannedPreferenceRubric:
    """One that a tiny model's context has room for."""
    template = "${conversation}${instruction}${answer_a}${answer_b}${reply}${marker}"
    whole = load_preference_rubric(
        "preference/token-1" if verdict == "tokens" else "preference/overall-1", verdict, ROOT / "prompts"
    )
    return whole.model_copy(update={"rubric": whole.rubric.model_copy(update={"template": template})})


def test_a_model_in_this_process_is_read_by_the_chain_rule(cache: RowCache) -> None:
    folder, rubric = tiny_folder("llama"), short_rubric("tokens")
    plan = PreferencesPlan(baseline="other", orders="both", name="local", judge=local_plan(folder), rubric=rubric)
    asked = make_query("q", turns=("Why?",))
    ours, theirs = answered(asked, "ours"), answered(asked, "theirs", system="other")
    judge = make_preference_judge(plan, cache)
    row = compare_completions(judge, plan, [asked], [ours], [theirs])[0]
    write_manifest(folder)
    model, tokenizer = prepared_model(folder, 1), tiny_tokenizer()
    for comparison in row.comparisons:
        pair = ("ours", "theirs") if comparison.order == "system_first" else ("theirs", "ours")
        text = comparison_question(rubric, "Why?", ShownAnswer(pair[0]), ShownAnswer(pair[1]))
        ids = Layout(tokenizer).prompt_ids(text)
        with torch.inference_mode():
            logprobs = model(input_ids=torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
        first, second = (
            float(logprobs[tokenizer(token, add_special_tokens=False)["input_ids"][0]].exp()) for token in TOKENS
        )
        expected = first / (first + second)
        found = comparison.choices[0].preference
        assert found == pytest.approx(expected if comparison.order == "system_first" else 1 - expected, abs=2e-6)
    assert row.judge is not None
    assert '"response_format":"verdict_tokens"' in row.judge.model_dump_json()


def test_a_model_in_this_process_is_held_to_the_schema(cache: RowCache) -> None:
    rubric = short_rubric("json")
    judge = local_plan(tiny_folder("llama"), max_tokens=200)
    plan = PreferencesPlan(baseline="other", orders="both", name="local", judge=judge, rubric=rubric)
    asked = make_query("q", turns=("Why?",))
    row = compare_completions(
        make_preference_judge(plan, cache),
        plan,
        [asked],
        [answered(asked, "ours")],
        [answered(asked, "theirs", system="other")],
    )[0]
    for comparison in row.comparisons:
        (reply,) = comparison.replies
        # A random model seldom ends its rationale, and is then cut off; what it wrote is the beginning of such JSON.
        assert reply.text.startswith('{"overall": {"rationale": "')
        assert reply.finish in ("stop", "length")
        assert comparison.choices[0].status in ("decided", "invalid")
