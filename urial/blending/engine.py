"""Blended decoding in process: two or three models in step over the rows of a batch, and a rule that says whose the next token is.

Prompts, batches, shared prefixes and what cannot share are as in transformers_batch.py: a rule that never steps in gives
what that engine gives of the base, and one that always does what it gives of the helper.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from urial.blending.by_text import ByText, Reader
from urial.blending.one_vocabulary import Summed, Supplied
from urial.blending.parts import Part, Prompts, Voice
from urial.blending.rows import BlendRow, Decoder, decoded
from urial.core.errors import UrialError
from urial.generate.engine import NoAnswer, Request
from urial.local_models.decoding.answer_text import StopFinder
from urial.local_models.decoding.batch import TokenRow
from urial.local_models.decoding.prefix import Prefix
from urial.records.base import MAX_SEED
from urial.records.blend import Nudge, PlannedRule, Proxy, RandomShare, Realign, other_token, require_one_vocabulary
from urial.records.completion import Answer
from urial.records.params.file import Decoding


@dataclass(frozen=True)
class BlendRequest:
    """One instruction as the base is asked it and as the helper is; an untuned model is asked as the base is."""

    base: Request
    helper: Request


class BlendedEngine:
    """Decodes with models that all stay in memory."""

    def __init__(
        self,
        base: Path,
        helper: Path,
        rule: PlannedRule,
        threads: int | None,
        batch_size: int,
        *,
        untuned: Path | None = None,
    ) -> None:
        """Folders of models; ``untuned`` is that of ``rule.untuned``.

        Raises UrialError where the rule needs one vocabulary and the models have several.
        """
        self.rule, self.batch_size = rule, batch_size
        self.base, self.helper = Voice(base, threads), Voice(helper, threads)
        self.untuned = None if untuned is None else Voice(untuned, threads)
        ordinary = self.base.ordinary
        for voice in filter(None, (self.helper, self.untuned)):
            require_one_vocabulary(rule, ordinary, voice.ordinary, (self.base.name, voice.name))
        self.by_text = other_token(ordinary, self.helper.ordinary) is not None

    def complete(
        self, requests: Sequence[BlendRequest], wanted: Sequence[int], decoding: Decoding, helper_decoding: Decoding
    ) -> Generator[tuple[int, Answer | NoAnswer], None, None]:
        """See Engine.complete. ``decoding`` is the base's, with the longest answer; the helper's tokens are chosen by
        temperature, top_p and repetition_penalty of ``helper_decoding``. Random numbers are those of the base's request.

        Raises UrialError when a batch does not fit into memory.
        """
        import torch

        new, questions = decoding.max_new_tokens, [request.base for request in requests]
        prompts = {"base": Prompts(self.base, questions, new)}
        # Another tokenizer can need more tokens for the same text.
        longest = 4 * new if self.by_text else new
        prompts["helper"] = Prompts(self.helper, [request.helper for request in requests], longest)
        if self.untuned is not None:
            prompts["untuned"] = Prompts(self.untuned, questions, new)
        in_step = [part for name, part in prompts.items() if name != "helper" or not self.by_text]
        size = self.batch_size if all(part.sharing.together for part in in_step) else 1
        settings = {"base": decoding, "helper": helper_decoding, "untuned": decoding}
        with torch.inference_mode():
            try:
                for alike in _laid_out_alike(requests):
                    order = sorted(set(alike) & set(wanted), key=lambda index: (-_length(prompts, index), index))
                    if not order:
                        continue
                    prefixes = {name: part.prefix(alike) for name, part in prompts.items()}
                    for start in range(0, len(order), size):
                        indices = order[start : start + size]
                        rows = [self._row(index, prompts, requests[index]) for index in indices]
                        yield from decoded(self._decoder(rows, prefixes, settings), rows, new)
            except torch.OutOfMemoryError as error:
                raise UrialError(
                    f"{size} rows do not fit into the device's memory", fix="lower generation.batch_size"
                ) from error

    def _row(self, index: int, prompts: dict[str, Prompts], request: BlendRequest) -> BlendRow:
        import torch

        base = TokenRow(index, prompts["base"].ids[index])
        # In one vocabulary all models have one answer.
        said = {} if self.by_text else {"ids": base.ids}
        others = prompts.get("untuned", prompts["base"])
        seed = request.base.seed
        places = self.rule.seed * (MAX_SEED + 1) + seed if isinstance(self.rule, RandomShare) else seed
        tokenizer = self.base.tokenizer
        return BlendRow(
            base=base,
            helper=TokenRow(index, prompts["helper"].ids[index], **said),
            untuned=TokenRow(index, others.ids[index], **said),
            generator=torch.Generator().manual_seed(seed),
            places=Random(places),
            stops={
                "base": StopFinder(tokenizer, base.prompt_ids, request.base.stop, request.base.marks),
                "helper": StopFinder(tokenizer, base.prompt_ids, request.helper.stop, request.helper.marks),
            },
            ends={"base": self.base.end_ids, "helper": self.helper.end_ids},
        )

    def _decoder(self, rows: Sequence[BlendRow], prefixes: dict[str, Prefix], settings: dict[str, Decoding]) -> Decoder:
        base = Part(self.base, [row.base for row in rows], prefixes["base"], settings["base"])
        if self.by_text and isinstance(self.rule, Nudge | RandomShare):
            readers = [Reader(self.helper, row.helper, prefixes["helper"], settings["helper"]) for row in rows]
            return ByText(self.rule, base, self.base, readers)
        helper = Part(self.helper, [row.helper for row in rows], prefixes["helper"], settings["helper"])
        if not isinstance(self.rule, Proxy | Realign):
            return Supplied(self.rule, base, helper, self.helper)
        untuned = None
        if self.untuned is not None:
            untuned = Part(self.untuned, [row.untuned for row in rows], prefixes["untuned"], settings["untuned"])
        return Summed(self.rule, base, helper, untuned)


def _length(prompts: dict[str, Prompts], index: int) -> int:
    """Longest first: what does not fit into memory fails at once, not after an hour."""
    return sum(len(part.ids[index]) for part in prompts.values())


def _laid_out_alike(requests: Sequence[BlendRequest]) -> list[list[int]]:
    """Numbers of the requests whose stop strings are the same, the most first: others share no prefix with them."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault((request.base.stop, request.helper.stop), []).append(index)
    return sorted(groups.values(), key=lambda group: (-len(group), group[0]))
