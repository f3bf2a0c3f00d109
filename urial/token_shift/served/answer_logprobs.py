"""The request for an answer's log-probabilities after its prompt, and what a server's reply says about its tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from urial.records.base import Record
from urial.token_shift.served.logprob_probe import Form, LogprobProtocol, placed_in_text, read_tokens
from urial.token_shift.served.prompt_logprobs import PromptToken, Reply, most_probable, rank_and_ties
from urial.token_shift.served.token_alignment import Span

Floats = npt.NDArray[np.float64]

# A probability that a float32 softmax leaves over is known to so much.
_ROUNDING = 1e-6
_MOST_MASS = 1.01


@dataclass(frozen=True)
class ScoreRequest:
    """A prompt and an answer: as token ids where these are known, else as two texts, which are sent as one."""

    prompt: tuple[int, ...] | str
    answer: tuple[int, ...] | str
    # The text of each answer id; where the server's own differs, its tokenizer is another one.
    expected_texts: tuple[str, ...] | None = None
    # What messages call it, such as the instruction's id.
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.prompt, str) != isinstance(self.answer, str):
            raise ValueError("the ids of prompt and answer are both known or both not")
        if self.expected_texts is not None and len(self.expected_texts) != len(self.answer):
            raise ValueError("an expected text belongs to each answer id")

    @property
    def form(self) -> Form:
        """Whether ids are sent or text is."""
        return "text" if isinstance(self.answer, str) else "ids"

    @property
    def sent(self) -> tuple[int, ...] | str:
        """What is sent as the prompt."""
        if isinstance(self.prompt, tuple) and isinstance(self.answer, tuple):
            return self.prompt + self.answer
        return f"{self.prompt}{self.answer}"


class TokenScore(NamedTuple):
    """What the base model makes of one token of an answer."""

    # 0-based among the answer ids that were sent; None: a text was.
    place: int | None
    # None: the server names tokens only by their texts.
    token_id: int | None
    # Of ids, as the server writes it; of a text, the characters of it, or where there are none, as the server writes it.
    text: str
    # Characters in the answer's text, end excluded; None: ids were sent, and their caller knows.
    start: int | None
    end: int | None
    # In nats. Servers write -9999 or so for a probability of 0.
    logprob: float
    # 1 + number of tokens strictly more probable. None: it is below FEWEST candidates or more, and no more is known.
    # Beyond the candidates it is the server's own, and without known ties a bound, see RankAndTies.
    rank: int | None
    # Other tokens exactly as probable; None: not known.
    ties: int | None
    # The most probable tokens, most probable first; no ids where the server gives only texts.
    top_ids: tuple[int, ...]
    top_texts: tuple[str, ...]
    top_logprobs: tuple[float, ...]


class Scores(Record):
    """An answer's tokens, in order."""

    tokens: tuple[TokenScore, ...] = Field(description="those with a rank, or that are known to have a low one")
    unmatched: int = Field(
        ge=0,
        description="tokens left out: across the boundary of prompt and answer, without a certain place in the text, or "
        "without numbers that decide their category; where even their count is uncertain, the most that it can be",
    )
    n_tokens: int = Field(ge=0, description="tokens of prompt and answer, by the server's count")


@dataclass(frozen=True)
class NoScore:
    """Why a server gave nothing for an answer: it is too long."""

    reason: str


def read_scores(
    body: Reply, request: ScoreRequest, protocol: LogprobProtocol, top_k: int, redacted: Callable[[str], str]
) -> Scores:
    """The scores of an answer's tokens in a reply, but those whose numbers decide no category. Raises ValueError."""
    tokens, unmatched = read_tokens(body, request.sent, protocol), 0
    # Each token with its place among the answer's ids, or with its characters in the answer.
    rows: list[tuple[PromptToken, int | None, Span | None]]
    text = request.answer if isinstance(request.answer, str) else ""
    if isinstance(request.prompt, tuple):
        rows = [(token, place, None) for place, token in enumerate(tokens[len(request.prompt) :])]
    else:
        aligned, length = placed_in_text(body, tokens, (request.prompt, text), protocol)
        tokens, unmatched = tokens[:length], aligned.unmatched
        rows = [(token, None, span) for token, span in zip(tokens, aligned.spans, strict=True) if span is not None]
    scores = []
    for token, place, span in rows:
        where = rank_and_ties(token, protocol.given)
        if where is None or token.logprob is None:
            unmatched += 1
            continue
        start, end = span or (None, None)
        top = most_probable(token, min(top_k, protocol.given))
        scores.append(
            TokenScore(
                place=place,
                token_id=token.token_id,
                text=redacted(text[start:end] if span and start != end else token.text or ""),
                start=start,
                end=end,
                logprob=token.logprob,
                rank=where.rank,
                ties=where.ties,
                # In an echo, only the token's own id is known.
                top_ids=() if protocol.kind == "echo" else tuple(item.token_id or 0 for item in top),
                top_texts=tuple(redacted(item.text) for item in top),
                top_logprobs=tuple(item.logprob for item in top),
            )
        )
    return Scores(tokens=tuple(scores), unmatched=unmatched, n_tokens=len(tokens))


def kl_lower_bound(base_top_logprobs: Floats, base_logprob: Floats, aligned_logprobs_there: Floats) -> Floats:
    """KL(aligned || base) is at least this, per position, in nats: float64 [positions].

    ``base_top_logprobs`` [positions, K] and ``base_logprob`` [positions] are what the base model gives its candidates and
    the emitted token; ``aligned_logprobs_there`` [positions, K + 1] is what the aligned model gives the same tokens, the
    emitted one last. NaN on either side: not known, or no such candidate. A token that is emitted and a candidate must
    be known once: set its ``base_logprob`` to NaN. All are natural logarithms.

    The tokens known are kept apart, and all others are taken together as one event: by the log-sum inequality (Cover and
    Thomas, Elements of Information Theory, theorem 2.7.1), of which the data-processing inequality is a case, no such
    merging raises the divergence. Merging fewer tokens never lowers the bound, and with none merged it is exact. What is
    left of the base model's probability is taken to be 1e-6 more than it seems, since rounding may have taken so much.

    Raises ValueError for other shapes, for positive logarithms, and for probabilities that add up to more than 1.
    """
    base = np.concatenate([np.asarray(base_top_logprobs, float), np.asarray(base_logprob, float)[:, None]], axis=1)
    aligned = np.asarray(aligned_logprobs_there, float)
    if base.shape != aligned.shape:
        raise ValueError(f"{base.shape} logarithms of the base model, and {aligned.shape} of the aligned one")
    known = ~np.isnan(base) & ~np.isnan(aligned)
    if (np.where(known, np.maximum(base, aligned), 0) > 0).any():
        raise ValueError("a logarithm of a probability is above 0")
    # Probabilities [positions, K + 1], 0 where they are not known.
    base_mass, aligned_mass = (np.exp(np.where(known, logprobs, -np.inf)) for logprobs in (base, aligned))
    for mass in (base_mass, aligned_mass):
        if (mass.sum(1) > _MOST_MASS).any():
            raise ValueError(f"probabilities add up to {mass.sum(1).max():.3f}: is a token there twice?")
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(known & (aligned_mass > 0), aligned - base, 0.0)
    inside = np.sum(aligned_mass * ratios, axis=1)
    aligned_rest = np.clip(1 - aligned_mass.sum(1), 0, None)
    base_rest = np.clip(1 - base_mass.sum(1), 0, None) + _ROUNDING
    logarithms = np.log(np.where(aligned_rest > 0, aligned_rest, 1.0)) - np.log(base_rest)
    bound: Floats = np.clip(inside + np.where(aligned_rest > 0, aligned_rest * logarithms, 0.0), 0, None)
    return bound
