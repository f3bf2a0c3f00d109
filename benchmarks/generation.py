"""Compare plain `model.generate`, row by row, with this project's engine: shared prefix once, rows in batches.

The model has the size of the embedded pair and random weights; the prompts are the micro-world's under URIAL.
All ways have to give the same tokens.

python benchmarks/generation.py --json /tmp/generation.json
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from urial.core.hashing import file_hash
from urial.core.store import write_json
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.local_models.decoding.prefix import shared_prefix_length
from urial.microworld.training.corpus import documents
from urial.microworld.training.model import new_model, train_tokenizer
from urial.microworld.world.language import held_out_instructions
from urial.microworld.world.world import build_world
from urial.prompts.versions.library import load_prompt
from urial.prompts.versions.rendering import render
from urial.records.model import EmbeddedWeights, Loading, ModelManifest
from urial.records.params.file import Decoding

PROMPT = "microworld/urial-k3"
ROWS = 24
NEW_TOKENS = 32
BATCH_SIZES = (1, 16)
DECODING = Decoding(max_new_tokens=NEW_TOKENS, temperature=0, top_p=1, repetition_penalty=1, seed=0)

Ids = list[list[int]]


@dataclass(frozen=True)
class Timing:
    """One way of generating; `ratio` is plain generation's seconds over this one's."""

    way: str
    seconds: float
    tokens_per_second: float
    ratio: float


def make_engine(folder: Path, threads: int) -> TransformersEngine:
    """The engine on an untrained model whose answers are varied and have no end."""
    tokenizer = train_tokenizer(text for _, text in documents(build_world(0), 0)[:500])
    model = new_model(tokenizer, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.2, generator=generator)
    model.generation_config.eos_token_id = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    files = {path.name: file_hash(path) for path in folder.iterdir()}
    write_json(
        folder / "manifest.json",
        ModelManifest(role="base", source=EmbeddedWeights(embedded="microworld", loading=Loading(), files=files)),
    )
    engine = TransformersEngine(folder, threads, batch_size=1)
    engine.end_ids = frozenset()
    return engine


def plain(engine: TransformersEngine, prompts: Ids) -> Ids:
    """transformers' own generation, a row at a time."""
    answers = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        output = engine.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            min_new_tokens=NEW_TOKENS,
            max_new_tokens=NEW_TOKENS,
        )
        answers.append(output[0, len(prompt) :].tolist())
    return answers


def ours(engine: TransformersEngine, texts: Sequence[str], batch_size: int) -> Ids:
    """This project's engine."""
    engine.batch_size = batch_size
    requests = [Request(text, True, (), 0) for text in texts]
    found = dict(engine.complete(requests, range(len(requests)), DECODING))
    return [list(found[index].token_ids or ()) for index in range(len(requests))]


def measure(threads: int) -> dict[str, Any]:
    """Times of every way, in one run and on the same model."""
    with tempfile.TemporaryDirectory() as scratch:
        engine = make_engine(Path(scratch), threads)
        prompt = load_prompt(PROMPT)
        texts = [render(prompt, item.turns[0]).text for item in held_out_instructions(build_world(0))[:ROWS]]
        prompts: Ids = [engine.tokenizer(text)["input_ids"] for text in texts]
        ways: dict[str, Callable[[], Ids]] = {"model.generate, row by row": lambda: plain(engine, prompts)}
        for size in BATCH_SIZES:
            ways[f"urial, batch size {size}"] = lambda size=size: ours(engine, texts, size)  # type: ignore[misc]
        plain(engine, prompts[:2])  # warm-up
        timings: list[Timing] = []
        answers: list[Ids] = []
        for way, run in ways.items():
            started = time.perf_counter()
            answers.append(run())
            seconds = time.perf_counter() - started
            first = timings[0].seconds if timings else seconds
            timings.append(Timing(way, seconds, ROWS * NEW_TOKENS / seconds, first / seconds))
    assert all(item == answers[0] for item in answers), "the ways disagree on the tokens"
    return {
        "rows": ROWS,
        "new_tokens": NEW_TOKENS,
        "prompt_tokens": sum(map(len, prompts)) / ROWS,
        "shared_prefix_tokens": shared_prefix_length(prompts),
        "threads": threads,
        "ways": [asdict(timing) for timing in timings],
    }


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    print(
        f"{result['rows']} prompts of {result['prompt_tokens']:.0f} tokens, {result['shared_prefix_tokens']} of them "
        f"shared; {result['new_tokens']} new tokens each; {result['threads']} threads"
    )
    print(f"{'':28}{'seconds':>9}{'tokens/s':>10}{'ratio':>7}")
    for way in result["ways"]:
        print(f"{way['way']:28}{way['seconds']:9.2f}{way['tokens_per_second']:10.0f}{way['ratio']:7.1f}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="more than are free make it much slower")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    result = measure(arguments.threads)
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
