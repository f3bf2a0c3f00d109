"""Tuning a model in place: AdamW on the answers' tokens, one pair at a time, the gradients of a batch added up.

A pair passes alone, so that nothing depends on what an architecture makes of padding. Equal settings on equal software and
hardware give the same bytes on a processor: the order follows from the seed, kernels are deterministic, dropout is off.
"""

import math
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from urial.core.errors import UrialError, reason_of
from urial.core.progress import notice, progress
from urial.local_models.loading.loading import context_length, load_model, load_tokenizer
from urial.models.tuning.chats import Chat, encoded
from urial.records.plans import PlannedTuned
from urial.records.tuning import Tuning, TuningResult

_WARM_UP = 0.1
_LARGEST_GRADIENT = 1.0


def tune(base: Path, planned: PlannedTuned, threads: int, out: Path, where: str) -> TuningResult:
    """Write the base model of a model folder, tuned as planned, into ``out``: a model folder of transformers' form.

    It is trained in float32, and its weights are stored in the number format that the base is loaded in. ``where`` stands
    for the tuning in messages. Raises UrialError for pairs that do not fit, and where the loss is no number.
    """
    recipe = planned.tuned
    tokenizer = load_tokenizer(base)
    chats = encoded(tokenizer, planned, context_length(base), where)
    with _deterministic(threads, recipe.seed):
        model = load_model(base, threads)
        stored_as = model.dtype
        model.float()
        adapted = _with_adapters(model, recipe, where) if recipe.method == "lora" else None
        losses = _train(model.eval(), chats, recipe, where)
        tuned: PreTrainedModel = adapted.merge_and_unload() if adapted is not None else model
        _save(tuned.to(stored_as), tokenizer, out)
    return TuningResult(
        pairs=len(chats),
        tokens=sum(len(chat.ids) for chat in chats),
        answer_tokens=sum(_learned(chat) for chat in chats),
        steps=recipe.steps(len(chats)),
        first_loss=losses[0],
        last_loss=losses[-1],
    )


def _with_adapters(model: PreTrainedModel, recipe: Tuning, where: str) -> Any:
    """Puts an adapter on each linear layer but the head, whatever an architecture calls them; all else gets no gradients.

    Returns what merges them into the weights again.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM"  # type: ignore[arg-type]
    )  # fmt: skip
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # Of transformers, which peft causes.
            return get_peft_model(model, config)
    except Exception as error:  # peft has no error of its own for an architecture that it cannot adapt.
        raise UrialError(
            f"{where}: peft cannot put adapters on {type(model).__name__}: {reason_of(error)}",
            fix="set tuned.method to full",
        ) from error


def _train(model: PreTrainedModel, chats: Sequence[Chat], recipe: Tuning, where: str) -> list[float]:
    """Train what has gradients, in place; returns the mean loss of each epoch, in nats a learned token."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.peak, weight_decay=0.0)
    steps = recipe.steps(len(chats))
    warm_up = math.ceil(_WARM_UP * steps)
    epoch_losses: list[float] = []
    batches = _batches(chats, recipe)
    for step in progress(range(steps), steps, "tuning, steps"):
        epoch, batch = next(batches)
        rate = recipe.peak * min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss = _add_gradients(model, batch)
        if not math.isfinite(loss):
            raise UrialError(
                f"{where}: the loss is {loss} at step {step + 1:,} of {steps:,}", fix="lower tuned.learning_rate"
            )
        torch.nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
        optimizer.step()
        if epoch == len(epoch_losses):
            epoch_losses.append(0.0)
        epoch_losses[epoch] += loss * sum(map(_learned, batch)) / sum(map(_learned, chats))
    notice(f"tuned: loss {epoch_losses[0]:.3f} in the first epoch, {epoch_losses[-1]:.3f} in the last, {steps:,} steps")
    return epoch_losses


def _batches(chats: Sequence[Chat], recipe: Tuning) -> Iterator[tuple[int, Sequence[Chat]]]:
    """(epoch, pairs of a step): each epoch has every pair once, in an order of its own."""
    order = random.Random(f"tuning/{recipe.seed}")
    for epoch in range(recipe.epochs):
        shuffled = order.sample(chats, len(chats))
        for start in range(0, len(shuffled), recipe.batch):
            yield epoch, shuffled[start : start + recipe.batch]


def _add_gradients(model: PreTrainedModel, batch: Sequence[Chat]) -> float:
    """Add the gradients of the batch's mean loss, a learned token counting as much as any other; returns that loss."""
    learned, total = sum(map(_learned, batch)), 0.0
    takes_number = "logits_to_keep" in signature(model.forward).parameters
    for chat in batch:
        ids = torch.tensor([chat.ids], device=model.device)
        # What is said behind each learned token but the last is said of the next: one more than are learned.
        behind = _learned(chat) + 1
        said = model(input_ids=ids, use_cache=False, **({"logits_to_keep": behind} if takes_number else {}))
        # (learned, vocabulary)
        logits = said.logits[0, -behind:-1]
        loss = cross_entropy(logits.float(), ids[0, chat.first :], reduction="sum") / learned
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def _learned(chat: Chat) -> int:
    """Tokens of the answer and its end."""
    return len(chat.ids) - chat.first


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """A complete model folder of transformers' form, with the chat template."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def _deterministic(threads: int, seed: int) -> Iterator[None]:
    """Fixed threads and seed, deterministic kernels; the caller's settings come back afterwards."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
