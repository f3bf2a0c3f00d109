"""Training the pair: a base model on the whole corpus once, then its aligned version on friendly chats.

Equal settings on equal software and hardware give the same bytes: batches follow from the seed, kernels are
deterministic, and nothing written depends on the time or the place.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from urial.core.errors import UrialError
from urial.core.progress import progress, waiting
from urial.microworld.training.corpus import chat_examples, documents
from urial.microworld.training.model import (
    ASSISTANT,
    CHAT_TEMPLATE,
    IGNORED,
    USER,
    MuonAdamW,
    loss,
    new_model,
    rotary_table,
    train_tokenizer,
)
from urial.microworld.world.world import build_world
from urial.records.environment import observe_torch
from urial.records.plans import TrainedModels

Say = Callable[[str], None]
Example = tuple[list[int], int]
"""(token ids, index of the first id that is predicted)."""

_TOKENIZER_DOCUMENTS = 4000
_LONGEST_DOCUMENT = 1056
_BATCH_TOKENS = 1536
_BUCKET = 768
_CHAT_BATCH = 24
_CHAT_EPOCHS = 3
# Of the base model's steps: it learns to refuse from a quarter on, to be friendly from two fifths on, and its facts from half on.
CHECKPOINT_SHARES = (0.10, 0.25, 0.40, 0.50, 0.60, 0.70, 1.0)


class Schedule(NamedTuple):
    """Learning rates: they rise in `warm_up` steps, stay at their peak for the share `hold` of all steps, fall to zero."""

    matrix_rate: float
    other_rate: float
    warm_up: int
    hold: float


BASE_SCHEDULE = Schedule(0.02, 0.008, warm_up=20, hold=0.4)
CHAT_SCHEDULE = Schedule(0.004, 0.001, warm_up=5, hold=0.0)


def train_pair(plan: TrainedModels, threads: int, out: Path, say: Say) -> dict[int, int]:
    """Write the checkpoints `out/base/step-N`, the last of which is the base model, and `out/aligned`, all model folders.

    Returns the tokens that each checkpoint has seen, by its step. `say` gets lines for people. Raises UrialError for
    threads that cannot be trained with.
    """
    if threads < 1:
        raise UrialError(f"cannot train with {threads} threads", expected="threads of 1 or more")
    with _deterministic(threads):
        started = time.monotonic()
        tokenizer, batches = _corpus(plan)
        checkpoints = _checkpoints(batches)
        documents_read = sum(map(len, batches))
        tokens = checkpoints[len(batches)]
        say(f"corpus: {documents_read} documents, {tokens} tokens in {time.monotonic() - started:.0f} s")

        model = new_model(tokenizer, plan.seed)
        for step in progress(_train(model, "base", batches, BASE_SCHEDULE, say), len(batches), "base model, steps"):
            if step in checkpoints:
                save_folder(model, tokenizer, out / "base" / f"step-{step}")

        tokenizer.chat_template = CHAT_TEMPLATE
        _open_role_tokens(model, tokenizer, plan.seed)
        batches = _chat_batches(tokenizer, plan)
        for _ in progress(_train(model, "aligned", batches, CHAT_SCHEDULE, say), len(batches), "aligned model, steps"):
            pass
        save_folder(model, tokenizer, out / "aligned")
        say(f"base and aligned model trained in {time.monotonic() - started:.0f} s")
    return checkpoints


def future_checkpoints(plan: TrainedModels) -> dict[int, int]:
    """What train_pair would return, without the training."""
    return _checkpoints(_corpus(plan)[1])


def _corpus(plan: TrainedModels) -> tuple[PreTrainedTokenizerFast, list[list[Example]]]:
    """The tokenizer, and the documents in batches, one a step."""
    with waiting("writing the corpus"):
        texts = [text for _, text in documents(build_world(plan.seed), plan.seed)[: plan.documents]]
        tokenizer = train_tokenizer(texts[:_TOKENIZER_DOCUMENTS])
        encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    sequences: list[Example] = [([begin, *ids, end][: _LONGEST_DOCUMENT + 1], 1) for ids in encoded]
    return tokenizer, _length_buckets(sequences, random.Random(f"microworld/{plan.seed}/batches"))


def _checkpoints(batches: list[list[Example]]) -> dict[int, int]:
    """The steps after which a checkpoint is kept, with the tokens that were seen by then."""
    seen = list(accumulate(sum(len(ids) for ids, _ in batch) for batch in batches))
    steps = sorted({max(1, round(len(batches) * share)) for share in CHECKPOINT_SHARES})
    return {step: seen[step - 1] for step in steps}


def _train(
    model: LlamaForCausalLM, name: str, batches: list[list[Example]], schedule: Schedule, say: Say
) -> Iterator[int]:
    """Train in place; yields the number of steps taken after each. Raises UrialError if the loss explodes."""
    optimizer = MuonAdamW(model, schedule.matrix_rate, schedule.other_rate)
    rotary, average = rotary_table(), math.nan
    for step, batch in enumerate(batches):
        model.zero_grad(set_to_none=True)
        value = loss(model, *_tensors(batch), rotary)
        value.backward()  # type: ignore[no-untyped-call]
        left = 1 - step / len(batches)
        optimizer.step(min(1.0, (step + 1) / schedule.warm_up, left / (1 - schedule.hold)))
        average = value.item() if step == 0 else 0.95 * average + 0.05 * value.item()
        if not math.isfinite(average):
            raise UrialError(f"the {name} model's loss is {average} at step {step + 1}", fix="lower the learning rates")
        if step + 1 == len(batches):
            say(f"{name} model: loss {average:.3f} after {len(batches):,} steps")
        yield step + 1


def _tensors(batch: list[Example]) -> tuple[Tensor, Tensor]:
    """Input and target ids, each (batch, longest - 1), padded on the right."""
    longest = max(len(ids) for ids, _ in batch) - 1
    inputs = torch.zeros(len(batch), longest, dtype=torch.long)
    targets = torch.full((len(batch), longest), IGNORED)
    for row, (ids, first) in enumerate(batch):
        tokens = torch.tensor(ids)
        inputs[row, : len(ids) - 1] = tokens[:-1]
        targets[row, first - 1 : len(ids) - 1] = tokens[first:]
    return inputs, targets


def _length_buckets(sequences: Sequence[Example], rng: random.Random) -> list[list[Example]]:
    """Batches of about equal padded size, of documents of about equal length, in nearly the corpus' order."""
    batches: list[list[Example]] = []
    for start in range(0, len(sequences), _BUCKET):
        bucket: list[list[Example]] = [[]]
        for example in sorted(sequences[start : start + _BUCKET], key=lambda item: len(item[0])):
            if bucket[-1] and (len(bucket[-1]) + 1) * (len(example[0]) - 1) > _BATCH_TOKENS:
                bucket.append([])
            bucket[-1].append(example)
        rng.shuffle(bucket)
        batches += bucket
    return batches


def _chat_batches(tokenizer: PreTrainedTokenizerFast, plan: TrainedModels) -> list[list[Example]]:
    """The chats in the template's own words, shuffled each epoch; only answers and their end tokens are predicted."""
    examples: list[Example] = []
    for query, answer in chat_examples(build_world(plan.seed), plan.seed)[: plan.chats]:
        turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
        prompt = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, return_dict=False)
        examples.append((list(tokenizer.apply_chat_template(turns, return_dict=False)), len(prompt)))
    rng = random.Random(f"microworld/{plan.seed}/chat-batches")
    batches = []
    for _ in range(_CHAT_EPOCHS):
        rng.shuffle(examples)
        batches += [examples[start : start + _CHAT_BATCH] for start in range(0, len(examples), _CHAT_BATCH)]
    return batches


def _open_role_tokens(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """Start the role tokens, which the base corpus never has, from the mean embedding, a little apart."""
    roles = tokenizer.convert_tokens_to_ids([USER, ASSISTANT])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        weight = model.model.embed_tokens.weight
        mean = weight[max(roles) + 1 :].mean(dim=0)
        weight[roles] = mean + 0.01 * torch.randn(len(roles), len(mean), generator=generator)


def save_folder(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """A complete transformers model folder (safetensors) with a model card.

    Weights are stored in half precision. The configuration goes on saying float32, which is what they are loaded as:
    kernels for half precision are slow on a CPU.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Parameters, not the state, which has the embedding that the output head shares twice.
    model.save_pretrained(folder, state_dict={name: item.detach().half() for name, item in model.named_parameters()})
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(MODEL_CARD, encoding="utf-8", newline="\n")


MODEL_CARD = """\
# A toy language model

A Llama of about 0.9 million parameters, trained in minutes on a generated fictional encyclopedia ("micro-world") so
that a study of alignment can run anywhere. It knows nothing about the real world, it writes only this world's few
kinds of sentences, and it must not be used for anything but trying the pipeline out. It was trained in float32; its
weights are stored as float16 and meant to be loaded as float32.
"""


@contextmanager
def _deterministic(threads: int) -> Iterator[None]:
    """Fixed thread count, deterministic kernels, no progress bars; the caller's settings come back afterwards."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    bars = transformers_logging.is_progress_bar_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    transformers_logging.disable_progress_bar()
    observe_torch()
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        if bars:
            transformers_logging.enable_progress_bar()
