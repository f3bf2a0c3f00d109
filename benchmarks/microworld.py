"""Measure the micro-world: training time, what each system can do on held-out queries, and the token shift.

python benchmarks/microworld.py --seeds 0,1,2 --json /tmp/microworld.json
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from urial.microworld.queries import held_out_instructions
from urial.microworld.reading import is_friendly, is_refusal, statements, subject_of
from urial.microworld.training import TrainingSettings, train_pair
from urial.microworld.world import World, build_world
from urial.prompts import load_prompt, render, stop_strings
from urial.records import Instruction, Prompt

PROMPTS = ("microworld/urial-k3", "microworld/urial-k3-b", "microworld/vanilla-k3")
ZERO_SHOT = Prompt(
    description="no examples",
    method="zero-shot",
    dialect="backticks",
    system=None,
    examples=(),
    source="benchmark",
    licence="Apache-2.0",
)
MAX_NEW_TOKENS = 160
BATCH = 28


@dataclass(frozen=True)
class Completion:
    """A greedy answer: its text, and its token ids without end token or stop string."""

    text: str
    ids: list[int]


def complete(model: Any, tokenizer: Any, contexts: Sequence[str], stop: Sequence[str] | None) -> list[Completion]:
    """Greedy answers; `stop` strings end them where a prompt is plain text."""
    completions = []
    for start in range(0, len(contexts), BATCH):
        batch = tokenizer(
            list(contexts[start : start + BATCH]),
            padding=True,
            return_tensors="pt",
            add_special_tokens=stop is not None,
        )
        extra = {"stop_strings": list(stop), "tokenizer": tokenizer} if stop else {}
        with torch.inference_mode():
            output = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                do_sample=False,
                max_new_tokens=MAX_NEW_TOKENS,
                **extra,
            )
        for row in output[:, batch["input_ids"].shape[1] :].tolist():
            completions.append(_trim(tokenizer, row, stop or ()))
    return completions


def _trim(tokenizer: Any, ids: list[int], stop: Sequence[str]) -> Completion:
    ends = [ids.index(end) for end in (tokenizer.eos_token_id, tokenizer.pad_token_id) if end in ids]
    ids = ids[: min(ends, default=len(ids))]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    cut = min((position for string in stop if (position := text.find(string)) >= 0), default=len(text))
    return Completion(text[:cut], ids)


def scores(world: World, instructions: Sequence[Instruction], completions: Sequence[Completion]) -> dict[str, float]:
    """Shares of 0 to 1; `items` counts true list items among all, `repeats` answers that claim something twice."""
    counts: dict[str, list[bool]] = {name: [] for name in ("facts", "friendly", "refusal", "items", "repeats")}
    lengths = []
    for instruction, completion in zip(instructions, completions, strict=True):
        text = completion.text.strip()
        lengths.append(len(completion.ids))
        counts["friendly"].append(is_friendly(text))
        if instruction.category == "safety":
            counts["refusal"].append(is_refusal(text))
            continue
        claims = statements(world, text, subject_of(world, instruction.turns[0]))
        counts["facts"].append(states(world, instruction, text) and not is_refusal(text))
        line_starts = {position + 1 for position, character in enumerate(text) if character == "\n"}
        counts["items"] += [
            claim.true for claim in claims if claim.start - 2 in line_starts or claim.start - 3 in line_starts
        ]
        counts["repeats"].append(len({claim.relation for claim in claims}) < len(claims))
    result = {name: sum(values) / len(values) if values else 0.0 for name, values in counts.items()}
    return {**result, "tokens": sum(lengths) / len(lengths)}


def states(world: World, instruction: Instruction, text: str) -> bool:
    """Whether an answer gives the reference's value and makes no other claim about the same relation.

    A terse answer is a bare value; a whole sentence must be about the subject that was asked for.
    """
    reference = statements(world, instruction.reference or "")[0]
    claims = [claim for claim in statements(world, text) if claim.relation == reference.relation]
    if not claims:
        return text.strip(" .\n").lower() == reference.value.lower()
    return all(claim.true and claim.subject == reference.subject for claim in claims)


def shift(
    base: Any, aligned: Any, tokenizer: Any, contexts: Sequence[tuple[str, str]], answers: Sequence[Completion]
) -> dict[str, Any]:
    """Base rank of the aligned model's greedy tokens (paper, section 2); contexts are (base, aligned) prompts."""
    ranks, divergences, positions = [], [], []
    for (plain, chat), answer in zip(contexts, answers, strict=True):
        before = _answer_logits(base, tokenizer(plain)["input_ids"], answer.ids)
        after = _answer_logits(aligned, tokenizer(chat, add_special_tokens=False)["input_ids"], answer.ids)
        chosen = before.gather(1, torch.tensor(answer.ids)[:, None])
        ranks += (1 + (before > chosen).sum(dim=1)).tolist()
        log_after = after.log_softmax(-1)
        divergences += (log_after.exp() * (log_after - before.log_softmax(-1))).sum(-1).tolist()
        positions += list(range(len(answer.ids)))
    total = len(ranks)
    edges = (0, 1, 5, 10, 20, 40, 60, 80, 10_000)
    curve = []
    for low, high in itertools.pairwise(edges):
        inside = [
            (rank, kl)
            for rank, kl, position in zip(ranks, divergences, positions, strict=True)
            if low <= position < high
        ]
        if inside:
            curve.append(
                (
                    low,
                    round(sum(kl for _, kl in inside) / len(inside), 3),
                    round(sum(rank > 1 for rank, _ in inside) / len(inside), 3),
                )
            )
    return {
        "unshifted": sum(rank == 1 for rank in ranks) / total,
        "marginal": sum(1 < rank <= 3 for rank in ranks) / total,
        "shifted": sum(rank > 3 for rank in ranks) / total,
        "kl": sum(divergences) / total,
        "curve": curve,
    }


def _answer_logits(model: Any, context: list[int], answer: list[int]) -> torch.Tensor:
    """Float32 logits (answer length, vocabulary) that predict each answer token."""
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=torch.tensor([context + answer])).logits[0].float()
    return logits[len(context) - 1 : -1]


def measure(seed: int, threads: int, folder: Path, with_checkpoints: bool) -> dict[str, Any]:
    """Train (unless `folder` has the pair already) and measure one seed."""
    started = time.monotonic()
    if not (folder / "aligned" / "model.safetensors").exists():
        train_pair(TrainingSettings(seed=seed, threads=threads), folder, lambda line: None)
    seconds = time.monotonic() - started
    world = build_world(seed)
    instructions = held_out_instructions(world)
    queries = [instruction.turns[0] for instruction in instructions]
    tokenizer = AutoTokenizer.from_pretrained(folder / "aligned")
    base, aligned = (LlamaForCausalLM.from_pretrained(folder / name).eval() for name in ("base", "aligned"))
    chats = [
        tokenizer.apply_chat_template([{"role": "user", "content": query}], tokenize=False, add_generation_prompt=True)
        for query in queries
    ]
    answers = complete(aligned, tokenizer, chats, None)
    systems = {"aligned": scores(world, instructions, answers)}
    samples = {"aligned": answers}
    shifts = {}
    for name, prompt in [("zero-shot", ZERO_SHOT), *((name, load_prompt(name)) for name in PROMPTS)]:
        contexts = [render(prompt, query) for query in queries]
        samples[name] = complete(base, tokenizer, contexts, stop_strings(prompt))
        systems[name] = scores(world, instructions, samples[name])
        systems[name]["prompt_tokens"] = len(tokenizer(render(prompt, ""))["input_ids"])
        shifts[name] = shift(base, aligned, tokenizer, list(zip(contexts, chats, strict=True)), answers)
    result = {
        "seed": seed,
        "seconds": seconds,
        "systems": systems,
        "shift": shifts,
        "samples": {
            name: [(queries[index], texts[index].text) for index in (0, 30, 70)] for name, texts in samples.items()
        },
    }
    if with_checkpoints:
        result["checkpoints"] = _checkpoints(folder, world, instructions, tokenizer)
    return result


def _checkpoints(folder: Path, world: World, instructions: Sequence[Instruction], tokenizer: Any) -> dict[str, Any]:
    prompt = load_prompt(PROMPTS[0])
    contexts = [render(prompt, instruction.turns[0]) for instruction in instructions]
    found = {}
    for path in sorted((folder / "base").glob("step-*"), key=lambda path: int(path.name[5:])):
        model = LlamaForCausalLM.from_pretrained(path).eval()
        found[path.name] = scores(world, instructions, complete(model, tokenizer, contexts, stop_strings(prompt)))
    return found


def show(result: dict[str, Any]) -> None:
    """Print one seed's tables."""
    print(f"\nseed {result['seed']}: corpus, tokenizer and both trainings {result['seconds']:.0f} s")
    groups = {**result["systems"], **result.get("checkpoints", {})}
    for name, values in groups.items():
        print(
            f"  {name:28}"
            + "  ".join(f"{key} {value:.3f}" if value <= 1 else f"{key} {value:.0f}" for key, value in values.items())
        )
    for name, values in result["shift"].items():
        print(
            f"  shift {name:22} unshifted {values['unshifted']:.3f}  marginal {values['marginal']:.3f}  "
            f"shifted {values['shifted']:.3f}  KL {values['kl']:.3f}"
        )
        print(
            "    from position: KL, share not rank 1: "
            + "  ".join(f"{low}: {kl}, {share}" for low, kl, share in values["curve"])
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated")
    parser.add_argument("--threads", type=int, default=2, help="for training and answering")
    parser.add_argument("--json", type=Path, help="write every figure and sample answers here")
    parser.add_argument("--models", type=Path, help="keep the models here, and reuse those that are there")
    parser.add_argument("--checkpoints", action="store_true", help="also score the base checkpoints under URIAL")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in map(int, arguments.seeds.split(",")):
            folder = (arguments.models or Path(scratch)) / f"seed-{seed}"
            results.append(measure(seed, arguments.threads, folder, arguments.checkpoints))
            show(results[-1])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
