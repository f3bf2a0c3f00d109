"""Which protocol a server speaks for the log-probabilities of a prompt's tokens: tried, never assumed.

Many servers take a parameter that they do not know, and ignore it; some give numbers only of generated tokens, or fewer
candidates than were requested. So each protocol is tried with one tiny request, the one that gives more first.
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import Field, JsonValue

from urial.api.completions import COMPLETIONS_PATH, STORY
from urial.api.errors import REFUSED, NoReplyError, StatusError
from urial.core.errors import UrialError
from urial.records.base import Record
from urial.token_shift.served.prompt_logprobs import (
    FEWEST,
    PromptToken,
    Reply,
    prompt_lengths,
    read_echo,
    read_prompt_logprobs,
)
from urial.token_shift.served.token_alignment import Aligned, align

ProtocolKind = Literal["prompt_logprobs", "echo"]
Form = Literal["ids", "text"]
# What is sent: token ids, or a text that the server cuts into tokens itself.
Sent = Sequence[int] | str
Ask = Callable[[Reply], dict[str, JsonValue]]

PROTOCOLS: tuple[ProtocolKind, ...] = ("prompt_logprobs", "echo")
# Of an answer's own tokens, a probe has so many at most.
PROBE_TOKENS = 16
# Of a request with a parameter that a server does not know or does not take.
_REFUSED = (*REFUSED, 501)
_ATTEMPTS = 4


class CannotScoreError(UrialError):
    """A server by which no distribution over a prompt's tokens can be known."""


class LogprobProtocol(Record):
    """How a server is asked for the log-probabilities of a prompt's tokens."""

    kind: ProtocolKind = Field(description="prompt_logprobs: vLLM's; echo: OpenAI's legacy completions")
    form: Form = Field(description="ids: the prompt is sent as token ids; text: the server cuts it into tokens")
    asked: int = Field(ge=FEWEST, description="candidates a token that are asked for")
    given: int = Field(ge=FEWEST, description="candidates a token that the server gives")
    by_text: bool = Field(
        default=False, description="whether candidates of one text are one, so that the last is not sure"
    )
    max_tokens: int = Field(ge=0, le=1, description="tokens to generate, the fewest that the server takes")


def score_body(model: str, sent: Sent, protocol: LogprobProtocol) -> dict[str, JsonValue]:
    """The request for the numbers of one prompt."""
    body: dict[str, JsonValue] = {
        "model": model,
        "prompt": sent if isinstance(sent, str) else list(sent),
        "max_tokens": protocol.max_tokens,
        # Some servers divide by it, or take a default of the model's author.
        "temperature": 1.0,
    }
    if protocol.kind == "echo":
        return {**body, "echo": True, "logprobs": protocol.asked}
    # A server gives the ids of a text only on request; a strict server may not know the parameter.
    ids = {"return_token_ids": True} if protocol.form == "text" else {}
    return {**body, "prompt_logprobs": protocol.asked, **ids}


def read_tokens(body: Reply, sent: Sent, protocol: LogprobProtocol) -> list[PromptToken]:
    """The tokens in a reply; of a text that is echoed, generated ones come last. Raises ValueError."""
    ids = None if isinstance(sent, str) else sent
    return read_echo(body, ids, protocol.max_tokens) if protocol.kind == "echo" else read_prompt_logprobs(body, ids)


def placed_in_text(
    body: Reply, tokens: Sequence[PromptToken], texts: tuple[str, str], protocol: LogprobProtocol
) -> tuple[Aligned, int]:
    """Where the tokens of a text lie in its second part, the answer, and how many of them are the text's."""
    lengths, certain = prompt_lengths(body, len(tokens), protocol.max_tokens)
    if protocol.kind == "prompt_logprobs":
        lengths, certain = [len(tokens)], True
    tried = [(align([item.text for item in tokens[:length]], *texts, certain), length) for length in lengths]
    return next((one for one in tried if one[0].whole), tried[0])


def find_protocol(
    ask: Ask, model: str, sent: Sequence[int] | None, top_k: int, address: str
) -> tuple[LogprobProtocol, str | None]:
    """How the server is to be asked, and what has to be said of it, if anything.

    ``sent`` are token ids of the kind that will be sent; None: texts will be. Raises CannotScoreError where no protocol
    works, and what else ``ask`` raises.
    """
    lacks: list[str] = []
    for kind in PROTOCOLS:
        # Of texts, one candidate more shows of the last whether it or a namesake is meant.
        asked, fewest = (top_k + 1, 0) if kind == "echo" else (top_k, 1)
        form: Form = "text" if sent is None else "ids"
        first = LogprobProtocol(kind=kind, form=form, asked=asked, given=asked, max_tokens=fewest)
        protocol = _tried(ask, model, STORY if sent is None else sent, first)
        if isinstance(protocol, str):
            lacks.append(f"{kind}: {protocol}")
            continue
        notes = []
        if protocol.given < top_k:
            notes.append(f"it gives {protocol.given} candidates a token, not {top_k}")
        if kind == "echo":
            ranked = min(protocol.given - protocol.by_text, top_k)
            notes.append(f"ranks up to {ranked} are all that is known ({'; '.join(lacks)})")
        return protocol, "; ".join(notes) or None
    raise CannotScoreError(
        f"{address}: the server does not give the log-probabilities of a prompt's tokens ({'; '.join(lacks)})",
        expected=f"log-probability and {FEWEST} candidates or more of each token of a prompt, from {COMPLETIONS_PATH}",
        fix="serve the base model with vLLM, which gives them as it is, or with SGLang or llama-cpp-python "
        "(logits_all=True), which give them on echo; llama.cpp's own server, Ollama and `transformers serve` do not",
    )


def _tried(ask: Ask, model: str, probe: Sent, protocol: LogprobProtocol) -> LogprobProtocol | str:
    """The protocol as the server speaks it, or what its answer lacks."""
    lack = ""
    for _ in range(_ATTEMPTS):
        # Some servers insist on a token to generate.
        change: dict[str, int] = {} if protocol.max_tokens else {"max_tokens": 1}
        try:
            body = ask(score_body(model, probe, protocol))
        except StatusError as error:
            if error.status not in _REFUSED:
                raise
            lack = f"status {error.status}: {error.message}"
            # Such as "greater than max allowed: 20", or "the maximum of 5".
            limits = [int(number) for number in re.findall(r"(?<![\d.])\d{1,3}(?![\d.]\d|\d)", error.message)]
            limit = max((item for item in limits if FEWEST <= item < protocol.asked), default=None)
            if limit is not None and not (change and "max_tokens" in error.message):
                change = {"asked": limit, "given": limit}
        except NoReplyError as error:
            # A server can fail only by the parameter; one that is not there fails by all.
            if error.status is None or error.status < 500:
                raise
            return error.cause
        else:
            given = _given(body, probe, protocol)
            if isinstance(given, LogprobProtocol):
                return given
            lack = given
        if not change:
            break
        protocol = protocol.model_copy(update=change)
    return lack


def _given(body: Reply, probe: Sent, protocol: LogprobProtocol) -> LogprobProtocol | str:
    """The protocol with the number of candidates in this reply, or what it lacks."""
    try:
        tokens = read_tokens(body, probe, protocol)
    except ValueError as error:
        return str(error)
    if isinstance(probe, str):
        aligned, length = placed_in_text(body, tokens, (probe, ""), protocol)
        if not aligned.whole:
            return "the reply's tokens are not those of the prompt"
        tokens = tokens[:length]
    numbered = [item for item in tokens[1:] if item.logprob is not None]
    if len(numbered) < len(tokens) - 1 or not numbered:
        return f"the reply has log-probabilities of {len(numbered)} of the prompt's {len(tokens)} tokens"
    # A token below all others may be there only since it is the prompt's own.
    shown = (len(one.others) + any(other.logprob <= (one.logprob or 0.0) for other in one.others) for one in numbered)
    given = min(protocol.asked, max(shown))
    # Of texts, the last candidate can be the token itself, put there though it is no candidate.
    by_text = any(item.by_text for item in numbered)
    if given < FEWEST + by_text:
        return f"the reply has {given} candidates a token, and {protocol.asked} were asked for"
    return protocol.model_copy(update={"given": given, "by_text": by_text})
