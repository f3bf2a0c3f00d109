"""Training the pair: a base model on the whole corpus once, then its aligned version on friendly chats.

Equal settings on equal software and hardware give the same bytes: batches follow from the seed, kernels are
deterministic, and nothing written depends on the time or the place.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from urial.core.errors import UrialError
from urial.microworld.training.corpus import chat_examples, documents
from urial.microworld.training.model import IGNORED, loss, new_model, rotary_table
from urial.microworld.training.optimizer import MuonAdamW
from urial.microworld.training.tokenizer import ASSISTANT, CHAT_TEMPLATE, USER, encode_all, train_tokenizer
from urial.microworld.world.world import build_world
from urial.records.environment import observe_torch

Progress = Callable[[str], None]
Example = tuple[list[int], int]
"""(token ids, index of the first id that is predicted)."""

_TOKENIZER_DOCUMENTS = 4000
_LONGEST_DOCUMENT = 1056
_BATCH_TOKENS = 1536
_BUCKET = 768
_CHAT_BATCH = 24
_LOGGED_EVERY = 50
CHECKPOINT_SHARES = (0.10, 0.25, 0.40, 0.60, 0.80, 1.0)


@dataclass(frozen=True)
class TrainingSettings:
    """What is trained and kept. `max_documents` and `max_chats` shrink the training for tests.

    The weights depend on everything but `checkpoints`.
    """

    seed: int
    threads: int = 2
    max_documents: int | None = None
    max_chats: int | None = None
    chat_epochs: int = 3
    matrix_rate: float = 0.02
    other_rate: float = 0.008
    chat_matrix_rate: float = 0.004
    chat_other_rate: float = 0.001
    checkpoints: bool = False


@dataclass(frozen=True)
class _Run:
    """One training run: its batches, peak rates, warm-up in steps and share of steps at the peak rate."""

    name: str
    batches: list[list[Example]]
    rates: tuple[float, float]
    warm_up: int
    hold: float
    checkpoints: frozenset[int] = field(default_factory=frozenset)

    def factor(self, step: int) -> float:
        """Learning-rate factor: linear warm-up, a plateau, then linear to zero."""
        left = 1 - step / len(self.batches)
        return min(1.0, (step + 1) / self.warm_up, left / (1 - self.hold))


def train_pair(settings: TrainingSettings, out: Path, progress: Progress) -> None:
    """Write `out/base` and `out/aligned`, each a transformers model folder, and `out/base/step-N` if settings say so.

    `progress` gets lines for people. Raises UrialError for settings that cannot be trained with.
    """
    if settings.threads < 1:
        raise UrialError(f"cannot train with {settings.threads} threads", expected="threads of 1 or more")
    with _deterministic(settings.threads):
        started = time.monotonic()
        world = build_world(settings.seed)
        texts = [document.text for document in documents(world, settings.seed)[: settings.max_documents]]
        tokenizer = train_tokenizer(texts[:_TOKENIZER_DOCUMENTS])
        sequences = _document_examples(tokenizer, texts)
        tokens = sum(len(ids) for ids, _ in sequences)
        progress(f"corpus: {len(texts)} documents, {tokens} tokens in {time.monotonic() - started:.0f} s")
        model = new_model(tokenizer, settings.seed)
        _train_base(model, tokenizer, sequences, settings, (out, progress))
        _train_aligned(model, tokenizer, settings, (out, progress))
        progress(f"base and aligned model trained in {time.monotonic() - started:.0f} s")


def _train_base(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    sequences: list[Example],
    settings: TrainingSettings,
    to: tuple[Path, Progress],
) -> None:
    batches = _length_buckets(sequences, random.Random(f"microworld/{settings.seed}/batches"))
    shares = CHECKPOINT_SHARES if settings.checkpoints else ()
    checkpoints = frozenset(max(1, round(len(batches) * share)) for share in shares)
    run = _Run("base", batches, (settings.matrix_rate, settings.other_rate), 20, 0.4, checkpoints)
    for step in _train(model, run, to[1]):
        save_folder(model, tokenizer, to[0] / "base" / f"step-{step}")
    save_folder(model, tokenizer, to[0] / "base")


def _train_aligned(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, settings: TrainingSettings, to: tuple[Path, Progress]
) -> None:
    tokenizer.chat_template = CHAT_TEMPLATE
    _open_role_tokens(model, tokenizer, settings.seed)
    chats = chat_examples(build_world(settings.seed), settings.seed)[: settings.max_chats]
    examples = [_chat_example(tokenizer, query, answer) for query, answer in chats]
    rng = random.Random(f"microworld/{settings.seed}/chat-batches")
    batches = []
    for _ in range(settings.chat_epochs):
        rng.shuffle(examples)
        batches += [examples[start : start + _CHAT_BATCH] for start in range(0, len(examples), _CHAT_BATCH)]
    rates = (settings.chat_matrix_rate, settings.chat_other_rate)
    for _ in _train(model, _Run("aligned", batches, rates, 5, 0.0), to[1]):
        pass
    save_folder(model, tokenizer, to[0] / "aligned")


def _train(model: LlamaForCausalLM, run: _Run, progress: Progress) -> Iterator[int]:
    """Train in place; yields the number of steps taken at every checkpoint. Raises UrialError if the loss explodes."""
    optimizer, rotary, average = MuonAdamW(model, *run.rates), rotary_table(), math.nan
    for step, batch in enumerate(run.batches):
        model.zero_grad(set_to_none=True)
        value = loss(model, *_tensors(batch), rotary)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step(run.factor(step))
        average = value.item() if step == 0 else 0.95 * average + 0.05 * value.item()
        if not math.isfinite(average):
            raise UrialError(
                f"the {run.name} model's loss is {average} at step {step + 1}", fix="lower the learning rates"
            )
        if step % _LOGGED_EVERY == 0 or step + 1 == len(run.batches):
            progress(f"{run.name} model: step {step + 1} of {len(run.batches)}, loss {average:.3f}")
        if step + 1 in run.checkpoints:
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


def _document_examples(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[Example]:
    encoded = encode_all(tokenizer, texts)
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    return [([begin, *ids, end][: _LONGEST_DOCUMENT + 1], 1) for ids in encoded]


def _chat_example(tokenizer: PreTrainedTokenizerFast, query: str, answer: str) -> Example:
    """A chat in the template's own words; only the answer and its end token are predicted."""
    turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
    prompt = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, return_dict=False)
    return list(tokenizer.apply_chat_template(turns, return_dict=False)), len(prompt)


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
