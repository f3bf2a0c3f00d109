"""Final hidden states of answers after their prompts, by one teacher-forced pass of one model."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.local_models.decoding.architecture import Sharing, decoder_of, rescales_positions, state_name, takes
from urial.local_models.decoding.prefix import Prefix, shared_prefix_length
from urial.local_models.decoding.rehearsal import sharing_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

# More gain nothing on any device that was measured.
MOST_TOKENS_PER_BATCH = 8_192


@dataclass(frozen=True)
class TeacherForced:
    """An answer and the prompt that precedes it for one model, as token ids."""

    prompt: Sequence[int]
    ids: Sequence[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.ids)

    def as_json(self) -> JsonValue:
        """What the numbers of its tokens depend on: the hashes of both, which are many ids to write out as JSON."""
        return [bytes_hash(np.asarray(ids, "<i8").tobytes()) for ids in (self.prompt, self.ids)]


def in_common(rows: Sequence[TeacherForced]) -> JsonValue:
    """What StateReader takes from all rows for each: the prefix of all prompts, and how long the longest row is."""
    return [shared_prefix_length([list(row.prompt) for row in rows]), max(map(len, rows), default=0)]


def bytes_per_token(config: "PretrainedConfig", number_bytes: int) -> int:
    """Memory that a pass takes for each token of a batch: one layer's activations, keys and values.

    ``config`` is the language model's, ``number_bytes`` the size of a number of its weights.
    """
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    # Gemma 3n has a size for each layer.
    inner = max(inner) if isinstance(inner, list) else inner
    return int(number_bytes * (8 * config.hidden_size + 3 * inner))


class Float32Head:
    """Logits of one model from its final hidden states, with the scaling that its architecture adds.

    Weights that are not float32 are converted a block at a time, so that no second copy of the head exists.
    """

    def __init__(self, model: "PreTrainedModel") -> None:
        module = model.get_output_embeddings()
        config = model.config.get_text_config()
        self.cap = getattr(config, "final_logit_softcapping", None)
        self.factor = float(getattr(config, "logit_scale", None) or 1) / float(
            getattr(config, "logits_scaling", None) or 1
        )
        self.name = getattr(model, "name_or_path", None) or None
        self.weight: Tensor = module.weight
        # Number of logits, and where they are computed.
        self.vocabulary, self.device = len(self.weight), self.weight.device
        self.bias: Tensor | None = getattr(module, "bias", None)
        # bfloat16 keeps 8 bits of a logit, float16 keeps 11.
        self.tolerance = 1e-3 if self.weight.element_size() == 4 else 0.03

    def write(self, hidden: "Tensor", start: int, out: "Tensor", exchanged: Mapping[int, int]) -> None:
        """Put the logits of tokens ``start`` on into ``out`` [width, positions], from float32 ``hidden``.

        ``exchanged`` names tokens in whose place another one's logit is wanted.
        """
        import torch

        stop = start + len(out)
        weight, bias = self.weight[start:stop].float(), self.bias
        bias = None if bias is None else bias[start:stop].float()
        for token, other in exchanged.items():
            if start <= token < stop:
                weight = weight.clone()
                weight[token - start] = self.weight[other].float()
                if self.bias is not None and bias is not None:
                    bias = bias.clone()
                    bias[token - start] = self.bias[other].float()
        torch.mm(weight, hidden.T, out=out)
        if bias is not None:
            out += bias.unsqueeze(1)
        if self.factor != 1:
            out *= self.factor
        if self.cap:
            out.div_(self.cap).tanh_().mul_(self.cap)

    def require_equal(self, hidden: "Tensor", logits: "Tensor") -> None:
        """Raises UrialError unless this head gives what the model itself gave: logits [vocabulary] of one position."""
        import torch

        own = logits.float().to(self.device)
        states = hidden.to(self.device).float().unsqueeze(0)
        width = 8_192
        differences = []
        for start in range(0, self.vocabulary, width):
            logits_here = torch.empty(min(width, self.vocabulary - start), 1, device=self.device)
            self.write(states, start, logits_here, {})
            differences.append((logits_here[:, 0] - own[start : start + width]).abs().max())
        # NaN where any is.
        difference = torch.stack(differences).max().item()
        if math.isnan(difference):
            raise not_numbers(self.name)
        if not difference <= self.tolerance * max(1.0, own.abs().max().item()):
            raise UrialError(
                "the model changes its logits in a way that the token shift measurement does not know "
                f"(difference {difference:.3g})",
                fix="report the architecture; no number was written",
            )


def not_numbers(model: str | None) -> UrialError:
    """The error of a model, named by its folder or hub id, whose logits are NaN or infinite."""
    return UrialError(
        "the model's logits are not numbers",
        where=model,
        fix="load it in float32 or bfloat16; where that does not help, its files are damaged",
    )


class StateReader:
    """Gives the hidden states of one model, batch by batch."""

    def __init__(self, model: "PreTrainedModel", rows: Sequence[TeacherForced]) -> None:
        """``rows`` is everything that will be read: what all their prompts begin with is encoded once."""
        self.model, self.rows = model, rows
        self.head = Float32Head(model)
        longest = max(map(len, rows), default=0)
        # Where rotation depends on the longest sequence of a batch, each answer is one.
        self.together = not rescales_positions(model, longest)
        sharing = sharing_of(model, longest)
        ids: list[int] = []
        if rows and sharing in (Sharing.BATCH, Sharing.JOIN):
            ids = list(rows[0].prompt[: shared_prefix_length([list(row.prompt) for row in rows])])
        self._prefix = Prefix.encoded(model, ids, longest, sharing) if ids else None
        self.prefix = len(ids)

    def read(self, batch: Sequence[int]) -> "Tensor":
        """States [positions of all answers of the batch, hidden] from which their tokens are predicted.

        Padding comes last, where a causal model does not look from anything before it.
        """
        import torch

        if len(batch) > 1 and not self.together:
            return torch.cat([self.read([index]) for index in batch])
        rests = [self.rows[index].prompt[self.prefix :] for index in batch]
        rows = [[*rest, *self.rows[index].ids[:-1]] for rest, index in zip(rests, batch, strict=True)]
        with torch.inference_mode():
            hidden = self._hidden(rows)
        parts = [
            hidden[number, len(rest) - 1 : len(rest) - 1 + len(self.rows[index].ids)]
            for number, (index, rest) in enumerate(zip(batch, rests, strict=True))
        ]
        return torch.cat(parts)

    def _hidden(self, rows: Sequence[Sequence[int]]) -> "Tensor":
        """Final hidden states [rows, width, hidden]."""
        import torch

        width = max(map(len, rows))
        ids = torch.tensor([[*row, *[row[-1]] * (width - len(row))] for row in rows], device=self.model.device)
        state = {}
        if self._prefix is not None:
            columns = torch.arange(self.prefix, self.prefix + width, device=self.model.device)
            # Nothing is kept of rows that go through the model once.
            state[state_name(self.model)] = self._prefix.state.branch(len(rows), None)
            if takes(self.model, "position_ids"):
                state["position_ids"] = columns.expand(len(rows), -1)
        captured: list[Tensor] = []
        hook = decoder_of(self.model).register_forward_hook(lambda module, args, output: captured.append(output[0]))
        try:
            output = self.model(
                input_ids=ids,
                use_cache=self._prefix is not None,
                logits_to_keep=1,
                **state,
            )
        finally:
            hook.remove()
        self.head.require_equal(captured[0][0, -1], output.logits[0, -1])
        return captured[0]


def batches(lengths: Sequence[int], most_tokens: int) -> Iterator[list[int]]:
    """Indices in batches of similar length, shortest first, each of at most ``most_tokens`` padded tokens (or one row)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: (lengths[index], index)):
        if batch and (len(batch) + 1) * lengths[index] > most_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
