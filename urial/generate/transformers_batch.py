"""transformers in process: batched decoding in which the constant prompt is encoded once.

The token prefix that all prompts share is encoded a single time, and no row has a copy of it.
Rows are sorted by length, leave their batch as they finish, and get what ``model.generate`` gives them alone
(in float32; half precision can tip near-ties when a batch has other neighbors, and with them an answer).
"""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.local_models.decoding.answer_text import StopFinder
from urial.local_models.decoding.batch import Batch, Chooser, Row, finished
from urial.local_models.decoding.prefix import Prefix, shared_prefix_length
from urial.local_models.decoding.prepared import prepared_model
from urial.local_models.decoding.rehearsal import sharing_of
from urial.local_models.loading.loading import encode, end_tokens, load_tokenizer
from urial.records.completion import Answer
from urial.records.params.file import Decoding


class TransformersEngine:
    """Decodes with one model that stays in memory."""

    def __init__(self, folder: Path, threads: int | None, batch_size: int) -> None:
        self.tokenizer = load_tokenizer(folder)
        self.model = prepared_model(folder, threads)
        self.end_ids = end_tokens(self.model, self.tokenizer)
        self.batch_size = batch_size

    def complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decoding: Decoding
    ) -> Generator[tuple[int, Answer], None, None]:
        """See Engine.complete. Raises UrialError when a batch does not fit into memory."""
        import torch

        prompts = [
            [*encode(self.tokenizer, request.text, request.adds_special_tokens), *request.given] for request in requests
        ]
        longest = max(map(len, prompts), default=0) + decoding.max_new_tokens
        sharing = sharing_of(self.model, longest)
        size = self.batch_size if sharing.together else 1
        with torch.inference_mode():
            try:
                for alike in _laid_out_alike(requests):
                    # Longest first: what does not fit into memory fails at once, not after an hour.
                    order = sorted(alike & set(wanted), key=lambda index: (-len(prompts[index]), index))
                    if not order:
                        continue
                    shared = shared_prefix_length([prompts[index] for index in alike])
                    prefix = Prefix.encoded(self.model, prompts[order[0]][:shared], longest, sharing)
                    for start in range(0, len(order), size):
                        indices = order[start : start + size]
                        rows = [self._row(index, prompts[index], requests[index]) for index in indices]
                        yield from self._decode(Batch(rows, prefix), decoding)
            except torch.OutOfMemoryError as error:
                raise UrialError(
                    f"{size} rows do not fit into the device's memory", fix="lower generation.batch_size"
                ) from error

    def _row(self, index: int, prompt_ids: list[int], request: Request) -> Row:
        import torch

        generator = torch.Generator().manual_seed(request.seed)
        return Row(index, prompt_ids, StopFinder(self.tokenizer, prompt_ids, request.stop, request.marks), generator)

    def _decode(self, batch: Batch[Row], decoding: Decoding) -> Iterator[tuple[int, Answer]]:
        """Decode a batch to its end; a row leaves when it is finished."""
        chooser = Chooser(batch.rows, decoding)
        for step in range(decoding.max_new_tokens):
            next_ids = chooser.choose(batch.logits, batch.rows)
            alive = []
            for position, (row, token) in enumerate(zip(batch.rows, next_ids, strict=True)):
                row.ids.append(token)
                answer = finished(row.stop, row.ids, self.end_ids, last=step == decoding.max_new_tokens - 1)
                if answer is None:
                    alive.append(position)
                else:
                    yield row.index, answer
            if not alive:
                return
            if len(alive) < len(batch.rows):
                chooser.keep(batch.keep(alive))
            batch.advance()


def _laid_out_alike(requests: Sequence[Request]) -> list[set[int]]:
    """Indices of the requests with the same stop strings, the most first.

    A query that needs a longer fence has other stop strings, and shares no prefix with the rest.
    """
    groups: dict[tuple[str, ...], set[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault(request.stop, set()).add(index)
    return sorted(groups.values(), key=lambda group: (-len(group), min(group)))
