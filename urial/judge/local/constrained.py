"""Holds a reply to a JSON Schema: at each step, only tokens that can still lead to such JSON may be chosen.

The JSON is written as Python's ``json.dumps`` does it, with one space after a colon or a comma and none elsewhere: a
model that cannot choose white space cannot lose itself in it. Keys come in the order of the schema's ``required``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from urial.core.errors import UrialError, shorten
from urial.judge.model.asking import Question
from urial.local_models.decoding.batch import Batch, TokenRow, require_numbers
from urial.local_models.decoding.prefix import Prefix, shared_prefix_length
from urial.local_models.decoding.rehearsal import sharing_of
from urial.records.judgment import Reply
from urial.records.prompt import in_required_order

if TYPE_CHECKING:
    import numpy as np
    from llguidance import LLMatcher, LLTokenizer
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_OPTIONS = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    # What a text needs; with all of JSON's escapes, it could hold control characters.
    "json_allowed_escapes": 'nt"\\',
}


class Constraints:
    """JSON Schemas over the tokens of one tokenizer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        """Raises UrialError for a tokenizer whose tokens are no known bytes."""
        import llguidance.hf

        try:
            self._tokens = llguidance.hf.from_tokenizer(tokenizer)
        except Exception as error:  # of no common class: some come from Rust
            raise UrialError(
                f"the judge's tokenizer cannot be held to a schema: {shorten(str(error), 200)}",
                expected="a fast tokenizer (tokenizer.json) that is byte-level or falls back to bytes",
                fix="set the judge's reply to score_tokens, or name another model",
            ) from error
        self._compiled: dict[str, LLMatcher] = {}

    def start(self, schema: Mapping[str, JsonValue]) -> "Matcher":
        """A reply's beginning. Raises UrialError when the schema says what cannot be enforced."""
        from llguidance import LLMatcher

        text = json.dumps(in_required_order(dict(schema)))
        if text not in self._compiled:
            grammar = LLMatcher.grammar_from_json_schema(text, overrides=_OPTIONS)
            self._compiled[text] = LLMatcher(self._tokens, grammar, log_level=0)
        return Matcher(self._tokens, self._compiled[text].deep_copy())


class Matcher:
    """Where one reply is in its schema."""

    def __init__(self, tokens: "LLTokenizer", matcher: "LLMatcher") -> None:
        self._tokens = tokens
        self._matcher = matcher
        self._require_no_error()

    @property
    def complete(self) -> bool:
        """Whether the reply is whole JSON that nothing can follow."""
        return bool(self._matcher.is_stopped())

    def allowed(self) -> "np.ndarray":
        """Whether each token may come next, by its id."""
        import numpy as np

        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._require_no_error()
        return np.unpackbits(bits, bitorder="little").astype(bool)

    def take(self, token: int) -> None:
        """Go on by one token."""
        self._matcher.consume_token(token)
        self._require_no_error()

    def text(self, ids: Sequence[int]) -> str:
        """The text of a reply's tokens. The bytes of a character that is not whole yet are left out."""
        written = [token for token in ids if token not in self._tokens.eos_tokens]
        data: bytes = self._tokens.decode_bytes(written)
        return data.decode("utf-8", errors="ignore")

    def _require_no_error(self) -> None:
        if self._matcher.is_error():
            reason = self._matcher.get_error().strip().splitlines()[0]
            raise UrialError(
                f"a reply cannot be held to the rubric's schema: {shorten(reason, 200)}",
                fix="write the schema with other keywords, or use another rubric",
            )


def choose(logits: "Tensor", matchers: Sequence[Matcher]) -> list[int]:
    """The most probable allowed token of each row, from ``logits`` [rows, vocabulary] in float32.

    A model's vocabulary can be larger than its tokenizer's, by padding, or smaller.
    """
    import numpy as np
    import torch

    require_numbers(logits)
    allowed = torch.from_numpy(np.stack([matcher.allowed() for matcher in matchers])).to(logits.device)
    width = min(allowed.shape[1], logits.shape[1])
    masked = logits[:, :width].masked_fill(~allowed[:, :width], float("-inf"))
    chosen: list[int] = masked.argmax(-1).tolist()
    return chosen


@dataclass
class _Row(TokenRow):
    """One reply in the making."""

    matcher: Matcher


class SchemaWriter:
    """Writes replies that are held to their schemas, in batches.

    A reply is what its question gets alone (in float32; half precision can tip near-ties among other neighbors).
    """

    def __init__(self, model: "PreTrainedModel", constraints: Constraints, max_tokens: int, batch_size: int) -> None:
        self.model = model
        self.constraints = constraints
        self.longest = max_tokens
        self.batch_size = batch_size

    def replies(self, questions: Sequence[Question], prompts: Mapping[int, list[int]]) -> Iterator[tuple[int, Reply]]:
        """The reply to each of ``prompts``, by the index of its question."""
        longest = max(map(len, prompts.values()), default=0) + self.longest
        sharing = sharing_of(self.model, longest)
        size = self.batch_size if sharing.together else 1
        # Questions of one rubric and aspect begin alike.
        groups: dict[tuple[str, str | None], list[int]] = {}
        for index in prompts:
            groups.setdefault((questions[index].rubric.hash, questions[index].aspect), []).append(index)
        for alike in groups.values():
            # Longest first: what does not fit into memory fails at once, not after an hour.
            order = sorted(alike, key=lambda index: (-len(prompts[index]), index))
            shared = shared_prefix_length([prompts[index] for index in order])
            prefix = Prefix.encoded(self.model, prompts[order[0]][:shared], longest, sharing)
            for start in range(0, len(order), size):
                rows = [
                    _Row(index, prompts[index], self.constraints.start(questions[index].rubric.reply_schema))
                    for index in order[start : start + size]
                ]
                self._write(rows, prefix)
                for row in rows:
                    yield (
                        row.index,
                        Reply(
                            text=row.matcher.text(row.ids),
                            finish="stop" if row.matcher.complete else "length",
                            input_tokens=len(row.prompt_ids),
                            output_tokens=len(row.ids),
                        ),
                    )

    def _write(self, rows: list[_Row], prefix: Prefix) -> None:
        """Decode a batch to its end; a row leaves when its JSON is whole."""
        import torch

        with torch.inference_mode():
            batch = Batch(rows, prefix)
            for left in reversed(range(self.longest)):
                chosen = choose(batch.logits, [row.matcher for row in batch.rows])
                for row, token in zip(batch.rows, chosen, strict=True):
                    row.matcher.take(token)
                    row.ids.append(token)
                alive = [place for place, row in enumerate(batch.rows) if not row.matcher.complete]
                if not alive or not left:
                    return
                if len(alive) < len(batch.rows):
                    batch.keep(alive)
                batch.advance()
