"""Compare the token shift measurement with the passes that it cannot do without, and with the original algorithm.

Models have random weights, and answers are the aligned one's own greedy ones. All in one run, a way at a time in turn,
the median of the rounds:

- ``original``: a full forward pass per token and model, without cache (AlignTDS); timed on a few tokens of every length
- ``bare``: one forward pass of both models over the same ids in one batch, logits of all positions
- ``floor``: the same with logits of the answers' positions alone
- ``urial``: this project, figures of every position included
- ``fused torch``: the same, with passes over the logits by torch in place of compiled loops: fused as far as separate
  operations can be, in float64 as the definitions are, block by block in the cache

A ratio is seconds of ``urial`` over those of the other way, the median of the rounds' ratios; of ``original`` and ``fused
torch``, the inverse, of medians. ``processor seconds`` are those of all threads, which other work on the machine changes less. A first round, in which loops are compiled where they never were on this machine (some seconds), is
not counted. Memory, and how both grow, is measured by ``token_shift_scale.py``.

python benchmarks/token_shift.py --json /tmp/token_shift.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from urial.microworld.training.model import FEED_FORWARD, HEADS, HIDDEN, LAYERS
from urial.token_shift.measure import distributions
from urial.token_shift.measure.blocks import GROUP, LOWEST, Block, Both, Sums, TorchPasses
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.measure import LocalModel, PairedTeacherForced, PairMeasurement
from urial.token_shift.measure.states import TeacherForced, bytes_per_token

PROMPT, MEMORY_MIB, TOP_K = 100, 256, 5
FUSED = "fused torch"


@dataclass(frozen=True)
class Case:
    """A pair of Llama shape and its answers."""

    name: str
    hidden: int
    inner: int
    layers: int
    heads: int
    vocabulary: int
    answers: int
    length: int


EMBEDDED = Case("embedded pair", HIDDEN, FEED_FORWARD, LAYERS, HEADS, 2_048, 8, 300)
CASES = (
    EMBEDDED,
    Case("hidden 384, vocabulary 32k", 384, 1_024, 6, 6, 32_000, 8, 300),
    Case("hidden 128, vocabulary 128k", 128, 384, 6, 4, 128_000, 8, 300),
)
GPU = Case("7 billion parameters, bfloat16", 4_096, 11_008, 32, 32, 32_000, 32, 512)


def make_pair(case: Case, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """Two models with random weights, made on the device."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(
        vocab_size=case.vocabulary,
        hidden_size=case.hidden,
        intermediate_size=case.inner,
        num_hidden_layers=case.layers,
        num_attention_heads=case.heads,
        num_key_value_heads=case.heads,
        max_position_embeddings=4_096,
        tie_word_embeddings=False,
    )
    models = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        with torch.device(device):
            models.append(AutoModelForCausalLM.from_config(config, dtype=dtype).eval())
    return models[0], models[1]


def make_answers(case: Case, aligned: Any | None = None) -> list[PairedTeacherForced]:
    """Answers of the aligned model, or of random tokens, behind prompts of random tokens that share nothing."""
    random = np.random.default_rng(0)

    def tokens(count: int) -> list[int]:
        return [int(token) for token in random.integers(0, case.vocabulary, count)]

    prompts = [tokens(PROMPT) for _ in range(case.answers)]
    if aligned is None:
        answers = [tokens(case.length) for _ in prompts]
    else:
        sizes = {"min_new_tokens": case.length, "max_new_tokens": case.length}
        ids = torch.tensor(prompts, device=aligned.device)
        found = aligned.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, **sizes)
        answers = found[:, PROMPT:].tolist()
    return [
        PairedTeacherForced(TeacherForced(tokens(PROMPT), ids), TeacherForced(prompt, ids))
        for prompt, ids in zip(prompts, answers, strict=True)
    ]


class FusedTorchPasses(TorchPasses):
    """The passes of TorchPasses in as few operations as their precision allows, on buffers that stay in a cache."""

    write_numbers, compare_numbers = 2**17, 2**15

    def __init__(self) -> None:
        super().__init__()
        self.block_numbers, self.scratch_numbers = self.write_numbers, 0

    def _added(self, block: Block) -> torch.Tensor:
        """Terms in float32, as the compiled loops add them."""
        groups = block.padded.view(-1, GROUP, block.padded.shape[1])
        torch.amax(groups, 1, out=block.group_peaks).clamp_(min=LOWEST)
        peak = block.group_peaks.amax(0)
        powers = block.tokens - peak
        values = powers.exp()
        weighted = powers.clamp_(min=LOWEST).mul_(values)
        return torch.stack([peak.double(), values.sum(0).double(), weighted.sum(0).double()])

    def compare(self, logits: Both, sums: tuple[Sums, Sums], bars: Both) -> tuple[torch.Tensor, torch.Tensor]:
        """Divergences in float64: of float32 terms, those of nearly equal distributions would lose their digits."""
        size = max(1, self.compare_numbers // logits[0].shape[1])
        divergences, counts = [], []
        for left, right in zip(*(torch.split(side, size) for side in logits), strict=True):
            # Sums of float32 are many times as fast as those of bool, and exact up to 2 to the power of 24.
            sides = zip((left, right), bars, strict=True)
            counts.append(torch.stack([test(side, bar).float().sum(0) for side, bar in sides for test in RANKS]))
            p, q = left.double().sub_(sums[0].log_total), right.double().sub_(sums[1].log_total)
            ratio = q - p
            p.exp_()
            q.exp_()
            weighted = p * ratio
            forward, backward = (q * ratio).sum(0), -weighted.sum(0)
            # q log(q / m) + p log(p / m) of the mixture m is (p + q) log(q / m) - p log(q / p).
            p.add_(q)
            separate = q.mul_(2).div_(p).log_().mul_(p).sub_(weighted).sum(0)
            divergences.append(torch.stack([forward, backward, separate / 2]))
        return torch.stack(divergences).sum(0), torch.stack(counts).sum(0).long()


RANKS = (torch.gt, torch.eq)


def _in_memory(model: Any) -> LocalModel:
    return LocalModel(lambda: model, bytes_per_token(model.config, model.dtype.itemsize), None)


def urial(pair: tuple[Any, Any], answers: Sequence[PairedTeacherForced], passes: TorchPasses | None = None) -> None:
    """This project's measurement; ``passes`` None: those of the device."""
    base, aligned = map(_in_memory, pair)
    with patch.object(distributions, "passes_for", lambda *_: passes) if passes else nullcontext():
        columns = list(PairMeasurement((base, aligned), answers, Settings(TOP_K, MEMORY_MIB)).columns())
    assert len(columns) == len(answers)


@torch.inference_mode()
def forward(pair: tuple[Any, Any], answers: Sequence[PairedTeacherForced], keep: int) -> None:
    """One pass of both models over all ids; ``keep`` last positions have logits, 0: all."""
    for model, rows in zip(pair, ([row.base for row in answers], [row.aligned for row in answers]), strict=True):
        ids = torch.tensor([[*row.prompt, *row.ids[:-1]] for row in rows], device=model.device)
        model(input_ids=ids, use_cache=False, logits_to_keep=keep)
    _wait(pair)


@torch.inference_mode()
def original_seconds(pair: tuple[Any, Any], answer: PairedTeacherForced, samples: int = 12) -> float:
    """Seconds for one answer: a few of its positions are timed, spread over its length, and stand for the others."""
    places = np.linspace(0, len(answer.base.ids) - 1, samples).astype(int)
    started = time.perf_counter()
    for model, row in zip(pair, (answer.base, answer.aligned), strict=True):
        for place in places:
            ids = torch.tensor([[*row.prompt, *row.ids[:place]]], device=model.device)
            model(input_ids=ids, use_cache=False).logits[0, -1].softmax(-1).sort(descending=True)
    _wait(pair)
    return (time.perf_counter() - started) / samples * len(answer.base.ids)


def ways_of(case: Case, pair: tuple[Any, Any], answers: Sequence[PairedTeacherForced]) -> dict[str, Callable[[], None]]:
    """All but the original one."""
    return {
        "bare": lambda: forward(pair, answers, 0),
        "floor": lambda: forward(pair, answers, case.length),
        "urial": lambda: urial(pair, answers),
        **({FUSED: lambda: urial(pair, answers, FusedTorchPasses())} if pair[0].device.type == "cpu" else {}),
    }


def compare(case: Case, rounds: int, device: str = "cpu", dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """Seconds of every way and the ratios of ``urial`` to them."""
    pair = make_pair(case, device, dtype)
    answers = make_answers(case, pair[1])
    ways = ways_of(case, pair, answers)
    timed = [{name: seconds_of(way) for name, way in ways.items()} for _ in range(rounds + 1)][1:]
    turns = [{name: seconds for name, (seconds, _) in turn.items()} for turn in timed]
    original_seconds(pair, answers[0], 1)
    original = original_seconds(pair, answers[0]) * len(answers)
    median = {name: statistics.median(turn[name] for turn in turns) for name in ways}
    return {
        "case": asdict(case),
        "device": device,
        "seconds": {**median, "original": original},
        "processor seconds": {name: min(turn[name][1] for turn in timed) for name in ways},
        "positions_per_second": case.answers * case.length / median["urial"],
        **{
            f"urial/{name}": statistics.median(turn["urial"] / turn[name] for turn in turns)
            for name in ("bare", "floor")
        },
        "original/urial": original / median["urial"],
        "fused torch/urial": median[FUSED] / median["urial"] if FUSED in median else None,
    }


def seconds_of(way: Callable[[], None]) -> tuple[float, float]:
    """Seconds of one run, and processor seconds of all threads."""
    started = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def matrix_rate(device: str, size: int) -> float:
    """Multiply-adds a second, times two, of a square bfloat16 product."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for repeats in (2, 20):
        started = time.perf_counter()
        for _ in range(repeats):
            product = left @ right
        product.sum().item()
    return 2.0 * size**3 * repeats / (time.perf_counter() - started)


def on_device(case: Case, device: str, rounds: int, size: int = 8_192) -> dict[str, Any]:
    """``compare`` in bfloat16, and which share of the device's matrix-multiply rate the measurement keeps busy."""
    found = compare(case, rounds, device, torch.bfloat16)
    weights = case.layers * (4 * case.hidden**2 + 3 * case.hidden * case.inner)
    tokens = case.answers * (PROMPT + case.length)
    operations = 2 * 2.0 * (tokens * weights + case.answers * case.length * case.hidden * case.vocabulary)
    rate = matrix_rate(device, size)
    return {**found, "matrix_rate": rate, "share_of_matrix_rate": operations / found["seconds"]["urial"] / rate}


def _wait(pair: tuple[Any, Any]) -> None:
    if pair[0].device.type == "cuda":
        torch.cuda.synchronize()


def measure(rounds: int, threads: int) -> dict[str, Any]:
    """Everything."""
    torch.set_num_threads(threads)
    return {
        "threads": threads,
        "rounds": rounds,
        "cases": [compare(case, rounds) for case in CASES],
        "gpu": on_device(GPU, "cuda", rounds) if torch.cuda.is_available() else None,
    }


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"8 answers of 300 tokens behind prompts of 100; {result['threads']} threads; medians of {result['rounds']}")
    print(
        f"{'':30}{'positions/s':>12}{'urial/bare':>12}{'urial/floor':>13}{'original/urial':>16}{'fused torch/urial':>19}"
    )
    gpu = [result["gpu"]] if result["gpu"] else []
    for row in result["cases"] + gpu:
        print(
            f"{row['case']['name']:30}{row['positions_per_second']:12.0f}{row['urial/bare']:12.2f}"
            f"{row['urial/floor']:13.2f}{row['original/urial']:16.0f}"
            + (f"{row['fused torch/urial']:19.2f}" if row["fused torch/urial"] else "")
        )
    large = [row["processor seconds"] for row in result["cases"][1:]]
    ratio = sum(row[FUSED] for row in large) / sum(row["urial"] for row in large)
    print(f"processor seconds of both large vocabularies, fused torch/urial: {ratio:.2f}")
    for row in gpu:
        print(
            f"{row['share_of_matrix_rate']:.0%} of the matrix-multiply rate of {row['matrix_rate'] / 1e12:.0f} Tflop/s"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="more than are free make it much slower")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    result = measure(arguments.rounds, arguments.threads)
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
