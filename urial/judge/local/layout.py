"""Lays a question out as the tokens that an in-process judge reads.

The frame is the tokenizer's chat template with the question as its one user message; without a template there is none.
What is judged is hostile: it may spell the tokens that the frame is made of. These are read as ordinary characters,
and every layout is checked for it: its control tokens must be those of the frame, one by one.
"""

from typing import TYPE_CHECKING, Any

from urial.core.errors import UrialError, shorten
from urial.local_models.loading.loading import encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Stands for a question that spells no control token.
_PROBE = "The question."
# The reply begins where the layout ends, so that thinking which a template begins is empty.
_THINK, _NO_THINKING = "<think>", "</think>\n\n"


class QuestionError(UrialError):
    """One question that this judge cannot be asked; others can."""


class Layout:
    """Lays questions out for one tokenizer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", context: int | None = None) -> None:
        """``context`` is how many tokens the model reads and writes at most; None: any number.

        Raises UrialError when the tokenizer's chat template fails, or begins with two BOS tokens.
        """
        self.tokenizer = tokenizer
        self.context = context
        self.template = _template(tokenizer)
        rendered = _without_template(_PROBE)
        if self.template is not None:
            try:
                rendered = str(self._apply(_PROBE, tokenize=False))
            except Exception as error:  # a template is a program of the model's author and can fail in any way
                raise _no_template(f"failed: {shorten(str(error), 200)}") from error
        if _PROBE not in rendered:
            raise _no_template("leaves the question out")
        frame = encode(tokenizer, rendered, adds_special_tokens=self.template is None)
        # The tokens that no text may be: special ones, and those that make the frame, whatever they are declared as.
        added = tokenizer.added_tokens_decoder
        special = {number for number, token in added.items() if token.special} | set(tokenizer.all_special_ids)
        framing = {number for number in frame if number in added and not added[number].content.isspace()}
        # What stands for unknown characters is in any text that has such.
        self._control_ids = frozenset((special | framing) - {tokenizer.unk_token_id})
        self._frame_controls = [number for number in frame if number in self._control_ids]
        thinks = self.template is not None and rendered.rstrip().endswith(_THINK)
        self._ending = continuation(tokenizer, _NO_THINKING) if thinks else []

    def prompt_ids(self, text: str, reply: int = 0) -> list[int]:
        """The question as token ids; a reply of up to ``reply`` tokens follows at once.

        Raises QuestionError when the text spells a control token that cannot be read as ordinary characters, and when
        the context has no room for both.
        """
        try:
            if self.template is None:
                ids = encode(self.tokenizer, _without_template(text), adds_special_tokens=True)
            else:
                ids = self._apply(text, sanitize_control_tokens=True, return_dict=False)
        except Exception as error:  # see above
            raise QuestionError(f"the judge's tokenizer failed on the question: {shorten(str(error), 200)}") from error
        if [number for number in ids if number in self._control_ids] != self._frame_controls:
            raise QuestionError(
                "the question spells a special token, which this judge's tokenizer does not read as ordinary text"
            )
        ids = [*ids, *self._ending]
        if self.context is not None and len(ids) + reply > self.context:
            raise QuestionError(
                f"the question has {len(ids):,} tokens and the reply may have {reply:,}, "
                f"but the judge's context has {self.context:,}"
            )
        return ids

    def _apply(self, text: str, **options: bool) -> Any:
        return self.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            chat_template=self.template,
            add_generation_prompt=True,
            # As templates of models that think on demand call it.
            enable_thinking=False,
            **options,
        )


def continuation(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Token ids of a text that follows another: without the space that some tokenizers put before a first word."""
    before = encode(tokenizer, "\n", adds_special_tokens=False)
    ids = encode(tokenizer, "\n" + text, adds_special_tokens=False)
    return ids[len(before) :] if ids[: len(before)] == before else encode(tokenizer, text, adds_special_tokens=False)


def _template(tokenizer: "PreTrainedTokenizerBase") -> str | None:
    if not tokenizer.chat_template:
        return None
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:  # several named ones, of which none is the default
        raise _no_template(f"cannot be chosen: {shorten(str(error), 200)}") from error


def _without_template(text: str) -> str:
    """A model without a chat template is asked by a text, and its reply begins after an empty line."""
    return text.rstrip() + "\n\n"


def _no_template(problem: str) -> UrialError:
    return UrialError(
        f"the judge's chat template {problem}", fix="name a judge model whose tokenizer has a working chat template"
    )
