"""A completions server on loopback that computes what it tells of a prompt's tokens with a tiny model, or withholds it.

with serving_faulty(ScoringModel().reply) as server:  # as vLLM; see the fields for others
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch

from tests.faulty_server import Asked, Reply, answers, fails
from tests.tiny_models import CONTEXT, tiny_model, tiny_tokenizer

_LOCK = threading.Lock()
BOTH = frozenset({"prompt_logprobs", "echo"})
ECHO = frozenset({"echo"})


@lru_cache
def scoring_model() -> Any:
    """The model that is served."""
    return tiny_model("llama")


@lru_cache(maxsize=64)
def logits_of(ids: tuple[int, ...]) -> torch.Tensor:
    """What the model gives at each position of a prompt, [tokens, vocabulary], as float32."""
    with _LOCK, torch.inference_mode():
        logits: torch.Tensor = scoring_model()(input_ids=torch.tensor([ids])).logits[0].float()
    return logits


@dataclass(frozen=True)
class ScoringModel:
    """What the server does with a request; as it is made, all that vLLM does."""

    # The others are taken and ignored, or refused.
    knows: frozenset[str] = BOTH
    refuses_unknown: bool = False
    # The most candidates that it gives; more are refused, or left out.
    most: int | None = None
    refuses_more: bool = True
    refuses_zero: bool = False
    # Whether it says which ids a text has.
    tells_ids: bool = True
    counts: bool = True
    # How it writes tokens: decoded, as in the vocabulary, decoded without a leading space, or as if all ids were others.
    writes: Literal["text", "raw", "stripped", "other"] = "text"
    # Whether candidates are objects in a list.
    lists: bool = False
    only_generated: bool = False
    # Whether it echoes where it has a token to generate alone.
    only_echoes_generating: bool = False
    forgets_numbers: bool = False
    # Whether it puts a token of beginning in front of ids.
    adds_begin: bool = False
    context: int = CONTEXT

    def reply(self, asked: Asked) -> Reply:
        """A script for serving_faulty."""
        body = asked.body
        told = {name: value for name, value in body.items() if name in ("prompt_logprobs", "echo", "logprobs")}
        for name in ("prompt_logprobs", "echo"):
            if name in told and name not in self.knows:
                if self.refuses_unknown:
                    return fails(400, f"Unrecognized request argument supplied: {name}")
                del told[name]
        if refusal := self._refusal(body, told):
            return fails(400, refusal)
        prompt = body["prompt"]
        ids = tiny_tokenizer()(prompt)["input_ids"] if isinstance(prompt, str) else [1] * self.adds_begin + prompt
        if len(ids) + max(1, body["max_tokens"]) > self.context:
            return fails(
                400,
                f"This model's maximum context length is {self.context} tokens. However, you requested {len(ids) + 1} "
                f"tokens ({len(ids)} in the messages, 1 in the completion). Please reduce the length of the messages.",
            )
        return answers(self._completion(body, told, tuple(ids)))

    def _refusal(self, body: dict[str, Any], told: dict[str, Any]) -> str | None:
        wanted = max(told.get("prompt_logprobs", 0), told.get("logprobs", 0))
        if self.most is not None and wanted > self.most and self.refuses_more:
            return f"Requested prompt logprobs of {wanted}, which is greater than max allowed: {self.most}"
        if self.refuses_zero and body["max_tokens"] == 0:
            return "max_tokens must be at least 1, got 0."
        return None

    def _completion(self, body: dict[str, Any], told: dict[str, Any], ids: tuple[int, ...]) -> dict[str, Any]:
        logits = logits_of(ids)
        generated = [int(logits[-1].argmax())] * body["max_tokens"]
        choice: dict[str, Any] = {"index": 0, "text": self._text(generated), "finish_reason": "length"}
        logprobs = logits.log_softmax(-1)
        if "prompt_logprobs" in told:
            rows = [self._candidates(*pair, told["prompt_logprobs"]) for pair in zip(logprobs, ids[1:], strict=False)]
            choice["prompt_logprobs"] = [None, *rows]
            if self.tells_ids and body.get("return_token_ids"):
                choice["prompt_token_ids"] = list(ids)
        if "logprobs" in told and not (self.only_echoes_generating and not generated):
            shown = [*ids, *generated]
            first = 0 if told.get("echo") and not self.only_generated else len(ids)
            choice["logprobs"] = self._echo(logprobs, shown, first, told["logprobs"])
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(generated)}
        return {"id": "c", "choices": [choice], **({"usage": usage} if self.counts else {})}

    def _candidates(self, logprobs: torch.Tensor, token: int, count: int) -> dict[str, Any]:
        """One entry of prompt_logprobs; a rank counts the tokens that are exactly as probable."""
        top = logprobs.topk(self._given(count)).indices.tolist()
        ranks = {token: int((logprobs >= logprobs[token]).sum()), **{item: place + 1 for place, item in enumerate(top)}}
        return {
            str(item): {"logprob": float(logprobs[item]), "rank": rank, "decoded_token": self._text([item])}
            for item, rank in ranks.items()
        }

    def _echo(self, logprobs: torch.Tensor, shown: Sequence[int], first: int, count: int) -> dict[str, Any]:
        """The legacy logprobs of the tokens from ``first`` on."""
        numbers: list[float | None] = []
        tops: list[Any] = []
        for place in range(first, len(shown)):
            if place == 0 or self.forgets_numbers:
                numbers.append(None)
                tops.append(None)
                continue
            row = logprobs[place - 1]
            numbers.append(float(row[shown[place]]))
            # The token itself comes first, and again if it is a candidate.
            top = [*row.topk(self._given(count)).indices.tolist()]
            named = {self._text([item]): float(row[item]) for item in [shown[place], *top]}
            listed = [{"token": self._text([item]), "logprob": float(row[item])} for item in top]
            tops.append(listed if self.lists else named)
        tokens = [self._text([item]) for item in shown[first:]]
        offsets = [sum(map(len, tokens[:place])) for place in range(len(tokens))]
        return {"tokens": tokens, "token_logprobs": numbers, "top_logprobs": tops, "text_offset": offsets}

    def _given(self, count: int) -> int:
        return min(count, self.most or count)

    def _text(self, ids: Sequence[int]) -> str:
        tokenizer = tiny_tokenizer()
        if self.writes == "raw":
            return "".join(tokenizer.convert_ids_to_tokens(list(ids)))
        shift = 7 if self.writes == "other" else 0
        text: str = tokenizer.decode([(item + shift) % len(tokenizer) for item in ids])
        return text.removeprefix(" ") if self.writes == "stripped" else text
