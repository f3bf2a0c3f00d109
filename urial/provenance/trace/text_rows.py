"""The rows and positions of a trace, as branches of its tree."""

from collections.abc import Iterator
from math import exp

from urial.core.hashing import short_hash
from urial.core.text import cut, one_line
from urial.provenance.trace.records import TracedPosition, TracedRow
from urial.provenance.trace.tree import Node
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.completion import Completion, LaterTurn
from urial.records.judgment import AspectScore, Judgment
from urial.records.token_shift import ShiftCoverage, TokenShift
from urial.report.examples import probability, quoted

MAX_TEXT = 2_000
MAX_LINE = 160


def row_node(row: TracedRow, aspect: str | None, rationales: bool, whole: bool) -> Node:
    """One instruction with its answer and judgment; ``whole``: with the exact text of every prompt."""
    found = [Node(f"instruction: {_short(row.instruction.turns[0])}")]
    if row.judgment is not None:
        found += _judgment(row.judgment, aspect, rationales)
    if row.completion is not None:
        found.append(_completion(row.completion))
    found += [_prompt(prompt, whole) for prompt in row.prompts]
    found += [Node(f"coverage: {_coverage(coverage)}") for coverage in row.coverage]
    return Node(one_line(row.instruction.id), found)


def position_node(position: TracedPosition) -> Node:
    """One token with what both models say of it, under one context or two."""
    token, second = position.token, position.second
    place = f"{one_line(token.instruction_id)}, position {token.position}: {quoted(token.token)}, {token.label}"
    if second is None:
        return Node(f"{place}, {_measured(token)}")
    return Node(place, [Node(f"first context: {_measured(token)}"), Node(f"second context: {_measured(second)}")])


def _measured(token: TokenShift) -> str:
    rank = "not known" if token.base_rank is None else f"{token.base_rank:,}"
    kind = f", {token.kind}" if token.kind else ""
    divergence = "not known" if token.kl is None else f"{token.kl:.4g} nats"
    return (
        f"{token.category}{kind}, base rank {rank}, base probability {probability(exp(token.base_logprob))}, "
        f"KL {divergence}"
    )


def _judgment(row: Judgment, aspect: str | None, rationales: bool) -> Iterator[Node]:
    key = f", key {short_hash(row.key)}" if row.key else ""
    if not row.scores:
        yield Node(f"judgment: {row.status}: {_short(row.reason or '')}{key}")
    for item in row.scores:
        if aspect in (None, item.aspect):
            rationale = [Node(item.rationale)] if rationales and item.rationale else []
            yield Node(f"judgment: {item.aspect} {_score(item)}{key}", rationale)


def _score(item: AspectScore) -> str:
    return item.status.replace("_", " ") if item.score is None else f"{item.score:g}, scored"


def _completion(row: Completion) -> Node:
    later = [
        Node(f"turn {number}: {_attempt(turn)}", _answer(turn)) for number, turn in enumerate(row.later_turns, start=2)
    ]
    return Node(f"completion of {row.system}: {_attempt(row)}", [*_answer(row), *later])


def _attempt(row: Completion | LaterTurn) -> str:
    if row.answer is None:
        return f"{row.status}: {_short(row.reason or '')}"
    tokens = "tokens not known" if row.answer.token_ids is None else f"{len(row.answer.token_ids):,} tokens"
    key = f", key {short_hash(row.key)}" if row.key else ""
    left_out = cut(row.answer.text, MAX_TEXT)[1]
    more = f", {left_out:,} characters more" if left_out else ""
    return f"{tokens}, ended by {row.answer.finish}{key}{more}"


def _answer(row: Completion | LaterTurn) -> list[Node]:
    return [] if row.answer is None else [Node(cut(row.answer.text, MAX_TEXT)[0])]


def _prompt(prompt: AssembledPrompt, whole: bool) -> Node:
    tokens = "tokens not known" if prompt.n_tokens is None else f"{prompt.n_tokens:,} tokens"
    flag = f", flagged: {_short(prompt.flag)}" if prompt.flag else ""
    shown = [Node(prompt.text)] if whole else []
    size = f"{len(prompt.text):,} characters"
    return Node(f"prompt of {prompt.system}: {tokens}, {size}{flag}{'' if whole else ' (--rows shows it)'}", shown)


def _coverage(row: ShiftCoverage) -> str:
    if row.status != "measured":
        return f"{row.context}: {row.status}: {_short(row.reason or '')}"
    retokenized = ", tokens made of the text" if row.retokenized else ""
    return (
        f"{row.context}: {row.positions:,} positions measured, {row.unmatched:,} unmatched, end {row.end}{retokenized}"
    )


def _short(text: str) -> str:
    return one_line(cut(text, MAX_LINE)[0])
