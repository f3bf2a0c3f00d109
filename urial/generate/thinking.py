"""Whether what a model wrote is an answer: thinking that nothing follows is none."""

from typing import Any

from urial.core.text import counted
from urial.core.thinking import Marks, ThinkingSpan, opening_tags
from urial.records.base import Hash
from urial.records.completion import Answer, AssembledPrompt
from urial.records.params.models import Thinking

# Raised when thinking is found elsewhere than before, since other stop strings then count; rows of studies without thinking
# keep their keys.
ALGORITHM = 2
_ENDS = {
    "length": "the length limit",
    "end_token": "an end token",
    "stop_string": "a stop string",
    "stop": "an end token or a stop string",
    "unknown": "the end of the text",
}


def marks_of(prompt: AssembledPrompt | None, thinking: Thinking | None) -> Marks:
    """How thinking is marked behind a prompt.

    The text that a model sees says so itself. What a server lays out is not seen, and what was imported has no prompt.
    """
    own = thinking.tags if thinking else None
    if thinking is not None and thinking.opened is not None:
        return Marks(own, thinking.opened)
    if prompt is None or prompt.form == "messages":
        return Marks(own)
    tags = opening_tags(prompt.text, own)
    return Marks(tags or own, tags is not None)


def stop_marks(prompt: AssembledPrompt, thinking: Thinking | None) -> Marks | None:
    """Within which thinking no stop string of a prompt counts; None: they count wherever they stand.

    Where a study says nothing about thinking, they do: an answer is then what it was before anyone asked.
    """
    return None if thinking is None or not prompt.stop else marks_of(prompt, thinking)


def stop_fields(prompt: AssembledPrompt, thinking: Thinking | None) -> dict[str, Any]:
    """What a row's key says of which stop strings count; nothing where all do: such a key is older than this rule."""
    marks = stop_marks(prompt, thinking)
    return {} if marks is None else {"marks": [ALGORITHM, *marks]}


def written_fields(
    answer: Answer, key: Hash, prompt: AssembledPrompt | None = None, thinking: Thinking | None = None
) -> dict[str, Any]:
    """What a completion says of what a model wrote after a prompt: status, reason, answer or thought, key and thinking."""
    span = marks_of(prompt, thinking).span(answer.text)
    if span is None or answer.text[span.answer :].strip():
        return {"status": "ok", "reason": None, "answer": answer, "key": key, "thinking": span}
    reason = _reason(answer, span)
    return {
        "status": "only_thinking",
        "reason": reason,
        "answer": None,
        "key": key,
        "thought": answer,
        "thinking": span,
    }


def _reason(answer: Answer, span: ThinkingSpan) -> str:
    size = counted(span.end - span.start, "character")
    where = "right behind" if span.closed else "within"
    return f"{_ENDS[answer.finish]} came {where} the thinking, of {size}: there is no answer"
