"""What a completions server's reply says of a prompt's tokens: log-probabilities, ranks, most probable candidates.

Two protocols are read here, by pure functions on JSON that raise ValueError for all that is not as it must be:

- ``prompt_logprobs`` (vLLM): per token, a map from token id to logprob, rank and text, in which the token itself always is.
- ``echo`` (OpenAI's legacy completions; SGLang, llama-cpp-python): per token, its text and logprob, and the most probable
  texts. Two tokens of one text are one entry there, so that an entry can be missing; where that could change a rank, none
  is given. Offsets are not used: some servers count a token of beginning that is not in the text, some write -1.

No message repeats what a server wrote, which may be secret.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

from pydantic import JsonValue

from urial.api.completions import token_count

# Fewer candidates cannot tell a marginal token (rank 2 or 3) from a shifted one.
FEWEST = 3
# By so much a log-probability may exceed 0 by rounding.
_ROUNDING = 1e-5
# The same of the sum of probabilities, and what probabilities leave out to add up to 1 is known to so much.
_MOST_MASS = 1.01
_MASS_ROUNDING = 1e-3
# Tokens of so many characters are in no vocabulary.
_LONGEST_TEXT = 1_000
_MAX_ID = 2**31


Reply = Mapping[str, JsonValue]


class Candidate(NamedTuple):
    """One of the most probable tokens of a position."""

    logprob: float
    # None: the server gives only texts.
    token_id: int | None
    text: str


@dataclass(frozen=True)
class PromptToken:
    """What a server says of one token of a prompt."""

    token_id: int | None
    # None: not given, as for vLLM's first token.
    text: str | None
    # None: no number, as of every first token.
    logprob: float | None = None
    # As the server counts it; None: it does not.
    server_rank: int | None = None
    # The candidates without the token itself, most probable first.
    others: tuple[Candidate, ...] = ()
    # Whether two candidates of one text would be one.
    by_text: bool = False


class RankAndTies(NamedTuple):
    """Where a token is among all."""

    # 1 + number of tokens strictly more probable, or, beyond the candidates and without known ties, at most that. None:
    # below at least FEWEST others.
    rank: int | None
    # Other tokens exactly as probable; None: not known.
    ties: int | None


def read_prompt_logprobs(body: Reply, ids: Sequence[int] | None = None) -> list[PromptToken]:
    """The prompt's tokens in a reply of vLLM's protocol. ``ids`` were sent; None: a text was."""
    choice = _choice(body)
    sent_ids: Any = choice.get("prompt_token_ids")
    if sent_ids is not None and not (isinstance(sent_ids, list) and all(map(_is_id, sent_ids))):
        raise ValueError("prompt_token_ids is no list of token ids")
    if ids is not None and sent_ids is not None and list(ids) != sent_ids:
        raise ValueError("prompt_token_ids are not the ids that were sent")
    rows = _list(choice, "prompt_logprobs")
    known = sent_ids if ids is None else ids
    if known is None:
        raise ValueError("the reply has no prompt_token_ids, which say what the prompt's tokens are")
    if len(rows) != len(known):
        raise ValueError(f"prompt_logprobs has {len(rows):,} entries, and the prompt has {len(known):,} tokens")
    return [_prompt_token(row, token_id, place) for place, (row, token_id) in enumerate(zip(rows, known, strict=True))]


def read_echo(body: Reply, ids: Sequence[int] | None, max_tokens: int) -> list[PromptToken]:
    """The tokens in a reply of the protocol ``echo``. ``ids`` were sent, and only theirs are returned; None: a text
    was, and generated tokens, of which ``max_tokens`` were requested, come after the prompt's."""
    logprobs = _choice(body).get("logprobs")
    if not isinstance(logprobs, dict):
        raise ValueError("the reply has no logprobs")
    tokens, numbers, tops = (_list(logprobs, name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not len(tokens) == len(numbers) == len(tops):
        raise ValueError(
            f"logprobs has {len(tokens):,} tokens, {len(numbers):,} token_logprobs and {len(tops):,} top_logprobs"
        )
    if ids is not None and len(ids) not in prompt_lengths(body, len(tokens), max_tokens)[0]:
        raise ValueError(f"the number of tokens in logprobs is {len(tokens):,}, and {len(ids):,} were sent")
    known: Sequence[int | None] = [None] * len(tokens) if ids is None else ids
    rows = zip(zip(tokens, numbers, tops, strict=True), known, strict=False)
    return [_echoed_token(row, token_id, place) for place, (row, token_id) in enumerate(rows)]


def prompt_lengths(body: Reply, total: int, max_tokens: int) -> tuple[list[int], bool]:
    """How many of ``total`` echoed tokens may be the prompt's, the likeliest first, and whether that is certain."""
    prompt, generated = token_count(body, "prompt_tokens"), token_count(body, "completion_tokens")
    if prompt is not None and generated is not None and prompt + generated == total:
        return [prompt], True
    return sorted({max(0, total - max_tokens), total}), False


def rank_and_ties(token: PromptToken, given: int) -> RankAndTies | None:
    """Where the token is, by ``given`` candidates a position; None where its numbers do not decide it.

    Whatever is strictly more probable than a token that is among the candidates, or ties with the last of them, is a
    candidate too: such a rank is exact. Beyond them it is the server's own, which counts tokens that tie with it (vLLM),
    so that it is a bound; the first rank beyond them leaves no token to tie with, and is exact.
    Raises ValueError for numbers that contradict each other.
    """
    if token.logprob is None or not token.others:
        return None
    own, others = token.logprob, token.others
    greater = sum(item.logprob > own for item in others)
    equal = sum(item.logprob == own for item in others)
    if greater == len(others) >= given:
        if token.server_rank is not None and token.server_rank <= greater:
            raise ValueError(f"a token of rank {token.server_rank} is below {greater} candidates")
        return RankAndTies(token.server_rank, 0 if token.server_rank == greater + 1 else None)
    shown = len(others) + 1
    if shown < given and not token.by_text:
        raise ValueError(f"{shown} candidates are given of a token, and {given} of others")
    left_over = 1 - sum(math.exp(item.logprob) for item in others) - math.exp(own)
    all_seen = left_over + _MASS_ROUNDING < math.exp(own)
    # Below a namesake; where all others are as probable or more, the token itself may be one more than are given.
    may_hide = token.by_text and (shown < given or (shown == given and greater + equal == len(others)))
    if may_hide and not all_seen:
        return RankAndTies(None, None) if greater >= FEWEST else None
    rank, ties = 1 + greater, equal if all_seen or greater + equal < len(others) else None
    most = rank + ties if ties is not None else math.inf
    if token.server_rank is not None and not rank <= token.server_rank <= most:
        raise ValueError(f"a token of rank {token.server_rank} is below {greater} candidates and ties with {equal}")
    return RankAndTies(rank, ties)


def most_probable(token: PromptToken, top_k: int) -> tuple[Candidate, ...]:
    """The candidates, most probable first, the token itself among them where it belongs; at most ``top_k``."""
    if token.logprob is None:
        return ()
    own = Candidate(token.logprob, token.token_id, token.text or "")
    return _sorted((*token.others, own))[:top_k]


def _prompt_token(row: JsonValue, token_id: int, place: int) -> PromptToken:
    name = f"prompt_logprobs[{place}]"
    if row is None and place == 0:
        return PromptToken(token_id, None)
    if not isinstance(row, dict):
        raise ValueError(f"{name} is no map of candidates")
    candidates: dict[int, Candidate] = {}
    for key, entry in row.items():
        if not (key.isascii() and key.isdigit() and len(key) <= 10 and str(int(key)) == key and _is_id(int(key))):
            raise ValueError(f"{name} has a candidate whose key is no token id")
        if not isinstance(entry, dict):
            raise ValueError(f"{name} has a candidate that is no object")
        logprob, text = _logprob(entry.get("logprob"), name), _text(entry.get("decoded_token"), name)
        candidates[int(key)] = Candidate(logprob, int(key), text)
    if token_id not in candidates:
        raise ValueError(f"{name} does not have token {token_id}, which was sent")
    own = candidates.pop(token_id)
    sent: Any = row[str(token_id)]
    if not _is_id(sent.get("rank")) or sent["rank"] == 0:
        raise ValueError(f"{name} has no rank of token {token_id}")
    return _checked(PromptToken(token_id, own.text, own.logprob, sent["rank"], _sorted(candidates.values())), name)


def _echoed_token(row: tuple[JsonValue, JsonValue, JsonValue], token_id: int | None, place: int) -> PromptToken:
    name = f"logprobs, token {place}"
    text, number, top = _text(row[0], name), row[1], row[2]
    if number is None:
        return PromptToken(token_id, text)
    own = _logprob(number, name)
    # A map from text to number, or a list of objects.
    objects: list[JsonValue] = []
    if isinstance(top, dict):
        objects = [{"token": key, "logprob": value} for key, value in top.items()]
    elif isinstance(top, list):
        objects = top
    if not isinstance(top, dict | list | None) or not all(isinstance(item, dict) for item in objects):
        raise ValueError(f"{name} has candidates that are neither a map nor a list of objects")
    others = [
        Candidate(_logprob(item.get("logprob"), name), None, _text(item.get("token"), name))
        for item in objects
        if isinstance(item, dict)
    ]
    for item in others:
        # The token itself; another token of its text has another number.
        if item.text == text and math.isclose(item.logprob, own, rel_tol=0, abs_tol=_ROUNDING):
            others.remove(item)
            break
    return _checked(PromptToken(token_id, text, own, None, _sorted(others), isinstance(top, dict)), name)


def _checked(token: PromptToken, name: str) -> PromptToken:
    mass = sum(math.exp(item.logprob) for item in token.others) + math.exp(token.logprob or 0)
    if mass > _MOST_MASS:
        raise ValueError(f"{name} has probabilities that add up to {mass:.3f}")
    return token


def _choice(body: Reply) -> dict[str, JsonValue]:
    choices = body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise ValueError("the reply does not have one choice")
    return choices[0]


def _list(body: Reply, name: str) -> list[JsonValue]:
    value = body.get(name)
    if value is None:
        raise ValueError(f"the reply has no {name}")
    if not isinstance(value, list) or not value:
        raise ValueError(f"the reply's {name} is {'empty' if value == [] else 'no list'}")
    return value


def _logprob(value: JsonValue, name: str) -> float:
    """A log-probability; what rounding makes of 0 is 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not -1e9 < value <= _ROUNDING:
        raise ValueError(f"{name} has an invalid log-probability")
    return min(float(value), 0.0)


def _text(value: JsonValue, name: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError(f"{name} has a token without a text")
    return value


def _is_id(value: JsonValue) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_ID


def _sorted(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The most probable ones first."""
    return tuple(sorted(candidates, key=lambda item: (-item.logprob, item.token_id or 0, item.text)))
