"""Blended decoding by its description: a row at a time, one whole pass of each model a token, no cache, float64."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import RepetitionPenaltyLogitsProcessor

from tests.tiny_models import save_folder, tiny_folder, tiny_model, tiny_tokenizer, write_manifest
from urial.blending.engine import BlendedEngine, BlendRequest
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.microworld.training import model
from urial.records.blend import PlannedRule, RandomShare
from urial.records.completion import Answer
from urial.records.params.file import Decoding

SHARED = "# Query:\n```\nWhat is the capital of Ardovia?\n```\n\n"
ENDS = ("A", "What does the fennoth eat? " * 4, "漢字 é 🙂 " * 3, "B C")
REQUESTS = tuple(
    BlendRequest(Request(SHARED + end, True, (), 7 * n), Request(f"<|user|>{end}<|assistant|>", False, (), 7 * n))
    for n, end in enumerate(ENDS)
)
# Base and helper: windows, states, both, distances, experts, rotation that depends on the length; what shares nothing, too.
# The first pair is tried with all rules and ways to choose.
PAIRS = (
    ("llama", "qwen2"), ("gemma2-narrow-window", "mamba"), ("mamba", "gpt2"), ("lfm2", "falcon-h1"),
    ("phi3-longrope", "bloom"), ("rwkv", "cohere"), ("gpt-oss", "minimax"), ("deepseek-v3", "qwen3-next"),
)  # fmt: skip
_FOLDERS = tempfile.TemporaryDirectory(prefix="urial-blended-models-")
NEVER = RandomShare(kind="random", share=0, unit="token", seed=0)


@dataclass(frozen=True)
class Engines:
    """Two models, alone and blended; the blend's rule is set for each use."""

    base: TransformersEngine
    helper: TransformersEngine
    blended: BlendedEngine

    def blend(
        self,
        rule: PlannedRule,
        decoding: Decoding,
        helper_decoding: Decoding | None = None,
        *,
        requests: Sequence[BlendRequest] = REQUESTS,
        batch_size: int = 4,
    ) -> list[Answer]:
        """Answers to all requests, in their order."""
        self.blended.rule, self.blended.batch_size = rule, batch_size
        numbers = range(len(requests))
        found = answers(self.blended, requests, numbers, decoding, helper_decoding or decoding)
        return [found[number] for number in numbers]


def answers(
    engine: BlendedEngine, requests: Sequence[BlendRequest], wanted: Sequence[int], *decodings: Decoding
) -> dict[int, Answer]:
    """Those wanted, none of which is missing."""
    base, helper = decodings
    found = dict(engine.complete(requests, wanted, base, helper))
    return {number: answer for number, answer in found.items() if isinstance(answer, Answer)}


@lru_cache
def engines(base: str, helper: str) -> Engines:
    """Loaded once; the blend has the very models that decode alone, which are tried once."""
    alone = [TransformersEngine(tiny_folder(name), threads=1, batch_size=4) for name in (base, helper)]
    blended = BlendedEngine(tiny_folder(base), tiny_folder(helper), NEVER, threads=1, batch_size=4)
    for voice, engine in zip((blended.base, blended.helper), alone, strict=True):
        voice.model = engine.model
    return Engines(alone[0], alone[1], blended)


@lru_cache
def other_tokenizer() -> Any:
    """Of fewer tokens, which split text otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "VOCABULARY", 400)
        return model.train_tokenizer([SHARED, *ENDS, "Thank you for asking. Sure, here is what the gorster eats."])


@lru_cache
def other_folder(name: str = "qwen2", **changes: Any) -> Path:
    """A model with that tokenizer; read it, do not write to it."""
    tokenizer = other_tokenizer()
    number = len(list(Path(_FOLDERS.name).iterdir()))
    folder = save_folder(
        Path(_FOLDERS.name) / f"other-{number}", tiny_model(name, vocab_size=len(tokenizer), **changes)
    )
    tokenizer.save_pretrained(folder)
    write_manifest(folder)
    return folder


@torch.inference_mode()
def logits(network: Any, ids: Sequence[int]) -> Any:
    """Of the token after ``ids``, float64 [vocabulary]."""
    return network(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0, -1].double()


def chosen(found: Any, seen: Sequence[int], penalty: float) -> int:
    """The greedy choice, by transformers' own penalty on what is in prompt and answer."""
    processor = RepetitionPenaltyLogitsProcessor(float(penalty))
    return int(processor(torch.tensor([list(seen)]), found[None].clone()).argmax())


@dataclass
class Plain:
    """Both models over one row."""

    engines: Engines
    prompts: tuple[list[int], list[int]]
    penalties: tuple[float, float]
    ids: list[int]

    def logits(self, side: int) -> Any:
        return logits((self.engines.base, self.engines.helper)[side].model, [*self.prompts[side], *self.ids])

    def choice(self, side: int, found: Any = None) -> int:
        found = self.logits(side) if found is None else found
        return chosen(found, [*self.prompts[side], *self.ids], self.penalties[side])


def prompts_of(request: BlendRequest) -> tuple[list[int], list[int]]:
    """Token ids of what base and helper are asked."""
    tokenizer = tiny_tokenizer()
    return (
        tokenizer(request.base.text)["input_ids"],
        tokenizer(request.helper.text, add_special_tokens=False)["input_ids"],
    )


def nudged(plain: Plain, threshold: float, length: int) -> list[int]:
    """While the base's most probable token has a smaller probability than the threshold, a word of the helper's; else that token."""
    while len(plain.ids) < length:
        if plain.logits(0).softmax(-1).max() >= threshold:
            plain.ids.append(plain.choice(0))
            continue
        word = ""
        for _ in range(16):
            token = plain.choice(1)
            piece = tiny_tokenizer().decode([token], skip_special_tokens=True)
            if word.strip() and (piece[:1].isspace() or len(word.lstrip().split()) > 1 or word[-1].isspace()):
                break
            word += piece
            plain.ids.append(token)
    return plain.ids[:length]


def token_by_token(plain: Plain, choice: Callable[[Plain], int], length: int) -> list[int]:
    """A token at a time, each by ``choice``."""
    while len(plain.ids) < length:
        plain.ids.append(choice(plain))
    return plain.ids
