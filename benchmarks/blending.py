"""Compare blended decoding with decoding both models once each over the same rows; it fails above 1.3 times.

Two models with random weights, of the embedded pair's size and of hidden 384 with a vocabulary of 32,000; the prompts are the
micro-world's, under URIAL for the base and as they are for the helper. All ways are timed in turn, and the least time
of each counts, in seconds of the processor too, which other programs disturb less.

python benchmarks/blending.py --json /tmp/blending.json
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from urial.blending.engine import BlendedEngine, BlendRequest
from urial.core.hashing import file_hash
from urial.core.store import write_json
from urial.generate.engine import NoAnswer, Request
from urial.generate.transformers_batch import TransformersEngine
from urial.microworld.training.corpus import documents
from urial.microworld.training.model import new_model, train_tokenizer
from urial.microworld.world.language import held_out_instructions
from urial.microworld.world.world import build_world
from urial.prompts.versions.library import load_prompt
from urial.prompts.versions.rendering import render
from urial.records.base import ROLES, Role
from urial.records.blend import Nudge, PlannedRule, Proxy, RandomShare, Realign, Swap
from urial.records.completion import Answer
from urial.records.model import EmbeddedWeights, Loading, ModelManifest
from urial.records.params.file import Decoding

PROMPT = "microworld/urial-k3"
ROWS = 32
NEW_TOKENS = 32
BATCH_SIZE = 16
MOST = 1.3
DECODING = Decoding(max_new_tokens=NEW_TOKENS, temperature=0, top_p=1, repetition_penalty=1, seed=0)
LARGE = {"hidden_size": 384, "intermediate_size": 1_024, "num_hidden_layers": 6, "num_attention_heads": 6}
RULES: dict[str, PlannedRule] = {
    "nudge": Nudge(kind="nudge", threshold=0.3),
    "swap, kl": Swap(kind="swap", divergence="kl", threshold=1),
    "swap, js": Swap(kind="swap", divergence="js", threshold=0.2),
    "proxy": Proxy(kind="proxy", alpha=0.5),
    "realign": Realign(kind="realign", weight=0.5),
    "random words": RandomShare(kind="random", share=0.2, unit="word", seed=0),
}


@dataclass(frozen=True)
class Timing:
    """One rule; ratios are to decoding both models once each, in seconds by the clock and of the processor."""

    size: str
    rule: str
    seconds: float
    ratio: float
    processor_ratio: float


def save_model(folder: Path, role: Role, large: bool, seed: int) -> Path:
    """An untrained model with varied answers."""
    tokenizer = train_tokenizer(text for _, text in documents(build_world(0), 0)[:500])
    model = new_model(tokenizer, seed=seed)
    if large:
        model = LlamaForCausalLM(LlamaConfig(vocab_size=32_000, tie_word_embeddings=True, **LARGE))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.2, generator=generator)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    files = {path.name: file_hash(path) for path in folder.iterdir()}
    source = EmbeddedWeights(embedded="microworld", loading=Loading(), files=files)
    write_json(folder / "manifest.json", ModelManifest(role=role, source=source))
    return folder


class Pair:
    """Two models, alone and blended; no answer has an end."""

    def __init__(self, folder: Path, large: bool, threads: int) -> None:
        folders = [save_model(folder / role, role, large, seed) for seed, role in enumerate(ROLES)]
        self.alone = [TransformersEngine(path, threads, BATCH_SIZE) for path in folders]
        self.blended = BlendedEngine(folders[0], folders[1], RULES["nudge"], threads, BATCH_SIZE)
        for engine in self.alone:
            engine.end_ids = frozenset()
        for voice in (self.blended.base, self.blended.helper):
            voice.end_ids = frozenset()

    def once_each(self, requests: Sequence[BlendRequest]) -> None:
        """Both models, one after the other."""
        base, helper = self.alone
        self._require_whole(base.complete([item.base for item in requests], range(len(requests)), DECODING))
        self._require_whole(helper.complete([item.helper for item in requests], range(len(requests)), DECODING))

    def blend(self, requests: Sequence[BlendRequest], rule: PlannedRule) -> None:
        """Both models, in step."""
        self.blended.rule = rule
        self._require_whole(self.blended.complete(requests, range(len(requests)), DECODING, DECODING))

    @staticmethod
    def _require_whole(answers: Iterable[tuple[int, Answer | NoAnswer]]) -> None:
        assert all(isinstance(found, Answer) and len(found.token_ids or ()) == NEW_TOKENS for _, found in answers)


def least(ways: dict[str, Callable[[], None]], rounds: int) -> dict[str, tuple[float, float]]:
    """The least time of each way, by the clock and of the processor; all of them in turn."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, run in ways.items():
            clock, processor = time.perf_counter(), time.process_time()
            run()
            if turn:  # The first is to warm up.
                times[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {name: (min(a for a, _ in found), min(b for _, b in found)) for name, found in times.items()}


def measure(threads: int, rounds: int) -> list[Timing]:
    """Times of every rule, by size of the models."""
    timings = []
    prompt = load_prompt(PROMPT)
    queries = [item.turns[0] for item in held_out_instructions(build_world(0))[:ROWS]]
    requests = [
        BlendRequest(Request(render(prompt, query).text, True, (), 0), Request(f"<|user|>{query}", False, (), 0))
        for query in queries
    ]
    for size, large in (("the embedded pair's", False), ("hidden 384, vocabulary 32,000", True)):
        with tempfile.TemporaryDirectory() as scratch:
            pair = Pair(Path(scratch), large, threads)
            ways: dict[str, Callable[[], None]] = {"once each": partial(pair.once_each, requests)}
            ways |= {name: partial(pair.blend, requests, rule) for name, rule in RULES.items()}
            found = least(ways, rounds)
        clock, processor = found.pop("once each")
        timings += [
            Timing(size, name, seconds, seconds / clock, used / processor) for name, (seconds, used) in found.items()
        ]
    return timings


def show(timings: Sequence[Timing]) -> None:
    """Print the table."""
    print(f"{'models':31}{'rule':14}{'seconds':>9}{'ratio':>8}{'processor':>11}")
    for item in timings:
        print(f"{item.size:31}{item.rule:14}{item.seconds:9.2f}{item.ratio:8.2f}{item.processor_ratio:11.2f}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="more than are free make it much slower")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is timed")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    timings = measure(arguments.threads, arguments.rounds)
    show(timings)
    if arguments.json:
        found: list[dict[str, Any]] = [asdict(item) for item in timings]
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if any(item.processor_ratio > MOST for item in timings):
        sys.exit(f"more than {MOST} times")


if __name__ == "__main__":
    main()
