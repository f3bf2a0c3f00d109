"""What a served base model makes of answers is what the same model says in process, to the last rank."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pytest
import torch

from tests.faulty_server import FaultyServer, serving_faulty
from tests.scoring_server import ECHO, ScoringModel, logits_of
from tests.served import served_model
from tests.tiny_models import tiny_tokenizer
from urial.core.errors import UrialError
from urial.token_shift.served.answer_logprobs import ScoreRequest, Scores, TokenScore
from urial.token_shift.served.logprob_server import ScoringServer

PROMPT = "# Query:\nWhat is the capital of Ardovia?\n\n# Answer:\n"
TEXTS = ("The capital 🙂 of Ardovia is Karmost.\n\n- é and 漢 ok", "Karmost", "🙂🙂")
TOP_K = 5
# Every rank up to the candidates', and some beyond.
WANTED_RANKS = (1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 40, 3, 2, 1, 300, 4, 6, 5)
VLLM, OPENAI = ScoringModel(), ScoringModel(knows=ECHO)


def encoded(text: str, special: bool = True) -> tuple[int, ...]:
    return tuple(tiny_tokenizer()(text, add_special_tokens=special)["input_ids"])


def names(ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(tiny_tokenizer().convert_ids_to_tokens(list(ids)))


@lru_cache
def ranked_answer() -> tuple[int, ...]:
    """An answer of tokens that have the wanted ranks, each found again in its text."""
    ids = encoded(PROMPT)
    for rank in WANTED_RANKS:
        order = logits_of(ids)[-1].argsort(descending=True).tolist()[rank - 1 :]
        ids = next(ids_ for item in order if is_plain(ids_ := (*ids, item)))
    return ids[len(encoded(PROMPT)) :]


def is_plain(ids: tuple[int, ...]) -> bool:
    """Whether the tokenizer makes these tokens of their text, and the candidates for the next one differ in theirs."""
    texts = [tiny_tokenizer().decode([item]) for item in logits_of(ids)[-1].topk(TOP_K + 1).indices.tolist()]
    return encoded(tiny_tokenizer().decode(list(ids[1:]))) == ids and len(set(texts)) == len(texts)


def by_ids(answer: Sequence[int], **changes: Any) -> ScoreRequest:
    return ScoreRequest(encoded(PROMPT), tuple(answer), **{"expected_texts": names(answer), **changes})


def by_text(text: str) -> ScoreRequest:
    return ScoreRequest(PROMPT, text)


IDS = [by_ids(ranked_answer()), *(by_ids(encoded(text, False)) for text in TEXTS)]
BY_TEXT = [by_text(tiny_tokenizer().decode(list(ranked_answer()))), *map(by_text, TEXTS)]


def scores_of(server: FaultyServer, requests: Sequence[ScoreRequest], top_k: int = TOP_K) -> list[Scores]:
    found = dict(ScoringServer(served_model(server.url), top_k, None).score(requests))
    scores = [found[index] for index in range(len(requests))]
    assert all(isinstance(item, Scores) for item in scores)
    return [item for item in scores if isinstance(item, Scores)]


def require_exact(token: TokenScore, row: torch.Tensor, token_id: int, given: int = TOP_K, ranked: int = TOP_K) -> None:
    """``row`` has the log-probabilities in float64; the served numbers are of float32."""
    rank = 1 + int((row > row[token_id]).sum())
    assert token.rank == rank or (token.rank is None and rank > ranked)
    assert token.ties in (int((row == row[token_id]).sum()) - 1, None)
    assert token.logprob == pytest.approx(float(row[token_id]), abs=1e-5)
    top = row.topk(given)
    assert token.top_ids in (tuple(top.indices.tolist()), ())
    texts = [tiny_tokenizer().decode([item]) for item in top.indices.tolist()]
    if token.top_ids or len(set(texts)) == given:
        assert list(token.top_texts) == texts
        assert list(token.top_logprobs) == pytest.approx(top.values.tolist(), abs=1e-5)


def logprobs_of(ids: Sequence[int]) -> torch.Tensor:
    return logits_of(tuple(ids)).double().log_softmax(-1)


@pytest.mark.parametrize(
    "model",
    [VLLM, OPENAI, ScoringModel(knows=ECHO, lists=True), ScoringModel(knows=ECHO, refuses_zero=True, counts=False),
     ScoringModel(knows=ECHO, writes="raw"), ScoringModel(knows=ECHO, only_echoes_generating=True)],
)  # fmt: skip
@pytest.mark.parametrize("requests", [IDS, BY_TEXT])
def test_every_token_s_numbers_are_those_of_the_model(model: ScoringModel, requests: list[ScoreRequest]) -> None:
    with serving_faulty(model.reply) as server:
        found = scores_of(server, requests)
    for request, scores in zip(requests, found, strict=True):
        ids = encoded(request.sent) if isinstance(request.sent, str) else request.sent
        first = len(encoded(PROMPT))
        assert ids[:first] == encoded(PROMPT)
        assert (scores.n_tokens, scores.unmatched, len(scores.tokens)) == (len(ids), 0, len(ids) - first)
        logprobs = logprobs_of(ids)
        for place, token in enumerate(scores.tokens):
            if model.writes == "text":
                require_exact(token, logprobs[first + place - 1], ids[first + place])
            assert token.place == (place if request.form == "ids" else None)
        if isinstance(answer := request.answer, str):
            assert "".join(answer[token.start : token.end] for token in scores.tokens) == answer
        if model == VLLM or request.form == "ids":
            assert [token.token_id for token in scores.tokens] == list(ids[first:])
    ranks = [token.rank for token in found[0].tokens]
    exact = set(range(1, TOP_K + 1))
    assert exact <= set(ranks)
    others = [rank for rank in ranks if rank not in exact]
    # The candidate that is asked for besides is shown, too.
    assert all(rank in (None, 6) for rank in others) or model == VLLM
    assert len(others) > 3


def test_vllm_is_asked_for_its_numbers_and_one_token_at_most() -> None:
    with serving_faulty(VLLM.reply) as server:
        scores_of(server, [IDS[1], BY_TEXT[1]])
    common = {"model": "some/model", "max_tokens": 1, "temperature": 1.0, "prompt_logprobs": TOP_K}
    probe, row, text_probe, text_row = [asked.body for asked in server.asked]
    assert probe == {**common, "prompt": list(IDS[1].sent[:16])}
    assert row == {**common, "prompt": list(IDS[1].sent)}
    assert text_probe.keys() == text_row.keys()
    assert text_row == {**common, "prompt": PROMPT + TEXTS[0], "return_token_ids": True}
    assert {asked.path for asked in server.asked} == {"/v1/completions"}


def test_an_echo_is_asked_for_one_candidate_more_and_nothing_new(capsys: pytest.CaptureFixture[str]) -> None:
    with serving_faulty(OPENAI.reply) as server:
        scores = scores_of(server, [IDS[1]])
    assert [asked.body for asked in server.asked][-1] == {
        "model": "some/model", "prompt": list(IDS[1].sent), "max_tokens": 0, "temperature": 1.0, "echo": True,
        "logprobs": TOP_K + 1,
    }  # fmt: skip
    assert {len(token.top_texts) for token in scores[0].tokens} == {TOP_K}
    assert {token.top_ids for token in scores[0].tokens} == {()}
    assert capsys.readouterr().err == (
        f"{server.url}: ranks up to 5 are all that is known (prompt_logprobs: the reply has no prompt_logprobs)\n"
    )


def test_a_text_whose_ids_are_not_told_is_echoed() -> None:
    with serving_faulty(ScoringModel(tells_ids=False).reply) as server:
        [scores] = scores_of(server, [BY_TEXT[0]])
        [exact] = scores_of(server, [IDS[0]])
    assert {token.token_id for token in scores.tokens} == {None}
    assert None in {token.rank for token in scores.tokens}
    assert None not in {token.rank for token in exact.tokens}


def test_a_token_across_the_boundary_of_prompt_and_answer_is_counted() -> None:
    whole = "The capital"
    prompt, answer = "The cap", "ital of Ardovia"
    assert names(encoded(whole))[1:] == ("The", "Ġcapital")
    with serving_faulty(VLLM.reply) as server:
        [scores] = scores_of(server, [ScoreRequest(prompt, answer)])
    assert (scores.unmatched, scores.tokens[0].text, scores.tokens[0].start) == (1, " of", 4)


def test_without_a_prompt_the_first_token_has_no_number() -> None:
    ids = encoded("The capital", False)
    with serving_faulty(VLLM.reply) as server:
        first, text = scores_of(server, [ScoreRequest((), ids), ScoreRequest("", "The")])
    assert ([token.place for token in first.tokens], first.unmatched) == ([1], 1)
    # Of a text, the server's own token of beginning comes first.
    assert ([token.text for token in text.tokens], text.unmatched) == (["The"], 0)


def test_an_empty_answer_is_not_asked_about() -> None:
    empty = Scores(tokens=(), unmatched=0, n_tokens=0)
    with serving_faulty(VLLM.reply) as server:
        assert scores_of(server, [ScoreRequest((1,), ()), ScoreRequest("a", "")]) == [empty, empty]
    assert server.asked == []


@pytest.mark.parametrize("model", [ScoringModel(writes="raw"), ScoringModel(writes="stripped"), VLLM])
def test_a_server_s_way_of_writing_tokens_is_no_other_tokenizer(model: ScoringModel) -> None:
    with serving_faulty(model.reply) as server:
        found = scores_of(server, IDS)
    assert [len(scores.tokens) for scores in found] == [len(request.answer) for request in IDS]


def test_another_tokenizer_stops_the_run_with_both_texts() -> None:
    with serving_faulty(ScoringModel(writes="other").reply) as server:
        with pytest.raises(UrialError) as caught:
            scores_of(server, [by_ids(encoded("The capital", False))])
        told = tiny_tokenizer().decode([encoded("The", False)[0] + 7])
        assert str(caught.value) == (
            f"{server.url}: token id {encoded('The', False)[0]} is {told!r} to the server and 'The' to the model that "
            "wrote the answers\n"
            "  expected: the same token, since the base model has to rank what the aligned model emitted\n"
            "  fix: serve the base model of the pair, with its own tokenizer"
        )


def test_requests_and_servers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^the ids of prompt and answer are both known or both not$"):
        ScoreRequest((1,), "")
    with pytest.raises(ValueError, match=r"^an expected text belongs to each answer id$"):
        ScoreRequest((1,), (2,), ("a", "b"))
    with pytest.raises(UrialError) as caught:
        ScoringServer(served_model("http://127.0.0.1/v1"), 2, None)
    assert str(caught.value) == (
        "2 candidates of a server cannot tell a marginal token from a shifted one\n"
        "  expected: 3 or more\n  fix: set token_shift.top_k to 3 or more"
    )
