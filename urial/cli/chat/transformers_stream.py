"""transformers in process, one answer at a time, as it is generated.

The model's state after the last prompt and answer is kept. What the next prompt shares with them, which in a
conversation is all but its newest turn, is not computed again; a state that cannot be cut back to it is computed anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from urial.cli.chat.stream_text import Ending, Pieces, PromptTooLongError, Stream
from urial.core.errors import UrialError
from urial.core.text import shared_length
from urial.generate.engine import Request
from urial.local_models.decoding.answer_text import StopFinder, answer_text
from urial.local_models.decoding.batch import Batch, Chooser, Row, finished
from urial.local_models.decoding.prefix import Prefix
from urial.local_models.decoding.prepared import prepared_model
from urial.local_models.decoding.rehearsal import sharing_of
from urial.local_models.loading.loading import chat_text, context_length, encode, end_tokens, load_tokenizer
from urial.records.completion import Answer
from urial.records.params.file import Decoding

if TYPE_CHECKING:
    from urial.local_models.decoding.prefix_cache import PrefixCache


class StreamingEngine:
    """Decodes with one model that stays in memory; the answers are those of TransformersEngine."""

    def __init__(self, folder: Path, context: int | None = None) -> None:
        """``context`` lowers the model's own context length. Raises UrialError when the model cannot be loaded."""
        import torch

        self.tokenizer = load_tokenizer(folder)
        self.model = prepared_model(folder, torch.get_num_threads())
        self.end_ids = end_tokens(self.model, self.tokenizer)
        self.special_ids = frozenset(self.tokenizer.all_special_ids)
        self.context = min((item for item in (context, context_length(folder)) if item is not None), default=None)
        # Tokens, and the cache that holds exactly these. None as well while it is being changed, so that an interruption
        # leaves nothing half done.
        self._computed: tuple[list[int], PrefixCache] | None = None

    def stream(self, request: Request, decoding: Decoding, keep: bool = True) -> Stream:
        """The answer's pieces, then its ending.

        ``keep`` says whether what is computed is kept for the next prompt, in place of what was kept before.
        Raises PromptTooLongError before the first piece.
        """
        import torch

        ids = encode(self.tokenizer, request.text, request.adds_special_tokens)
        if self.context is not None and len(ids) + decoding.max_new_tokens > self.context:
            raise PromptTooLongError(
                f"the prompt has {len(ids):,} tokens and the answer may have {decoding.max_new_tokens:,}, "
                f"but the context has {self.context:,}"
            )
        stop = StopFinder(self.tokenizer, ids, request.stop)
        row = Row(0, ids, stop, torch.Generator().manual_seed(request.seed))
        pieces = Pieces(request.stop)
        for answer in self._decode(row, decoding, keep):
            if answer is not None:
                yield pieces.rest(answer.text)
                yield Ending(answer.text, answer.finish, answer.token_ids)
            elif piece := pieces.next(self._settled(row)):
                yield piece

    def converse(self, query: str, decoding: Decoding) -> Stream:
        """The answer to one query through the tokenizer's chat template."""
        text = chat_text(self.tokenizer, [{"role": "user", "content": query}])
        # A chat template writes the special tokens itself; adding them again would double BOS.
        yield from self.stream(Request(text, False, (), decoding.seed), decoding)

    def _decode(self, row: Row, decoding: Decoding, keep: bool) -> Iterator[Answer | None]:
        """One item a token: None, and for the last one the answer."""
        import torch

        try:
            prefix = self._prefix(row.prompt_ids, len(row.prompt_ids) + decoding.max_new_tokens, keep)
            with torch.inference_mode():
                batch = Batch([row], prefix)
                chooser = Chooser(batch.rows, decoding)
            for left in reversed(range(decoding.max_new_tokens)):
                # A generator that kept inference mode on between its items would impose it on its caller.
                with torch.inference_mode():
                    row.ids += chooser.choose(batch.logits, batch.rows)
                if keep and prefix.sharing.together:
                    self._computed = [*row.prompt_ids, *row.ids[:-1]], batch.state
                answer = finished(row.stop, row.ids, self.end_ids, last=not left)
                yield answer
                if answer is not None:
                    return
                if keep:
                    self._computed = None
                with torch.inference_mode():
                    batch.advance()
        except torch.OutOfMemoryError as error:
            raise UrialError(
                "the prompt does not fit into the device's memory", fix="shorten it, or lower --max-new-tokens"
            ) from error

    def _prefix(self, ids: list[int], longest: int, keep: bool) -> Prefix:
        """What ``ids`` share with the tokens computed before, at least the last of them left out."""
        sharing = sharing_of(self.model, longest)
        if keep and self._computed is not None and sharing.together:
            (computed, state), self._computed = self._computed, None
            shared = shared_length(computed, ids[:-1])
            if shared and (shared == len(computed) or state.cut(shared)):
                return Prefix(self.model, ids[:shared], longest, sharing, state)
        return Prefix.encoded(self.model, [], longest, sharing)

    def _settled(self, row: Row) -> str:
        """The text so far, or nothing where the next token can change more than an unfinished character.

        Some tokenizers decode a run of byte tokens as a whole, whatever special tokens are in it.
        """
        newest = row.ids[-1]
        name = self.tokenizer.convert_ids_to_tokens(newest) or ""
        if name.startswith("<0x") or newest in self.special_ids:
            return ""
        return answer_text(self.tokenizer, row.prompt_ids, row.ids)
