"""What the page shows of single instructions: answers side by side, and the aligned answer token by token."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from urial.core.text import cut, one_line
from urial.records.instruction import Instruction
from urial.records.token_shift import Category, ShiftCoverage, rank_is_bound
from urial.report.inputs import ContextInputs, ReportInputs

MAX_TOKENS = 1_200
MAX_TOKEN = 100


@dataclass(frozen=True)
class TokenView:
    """One token of the aligned answer under one base context."""

    position: int
    text: str
    is_end: bool
    category: Category
    base_rank: str
    base_probability: float
    kl: str
    candidates: str
    # What a pointer over the token shows.
    title: str


@dataclass(frozen=True)
class ShiftView:
    """The aligned answer under one base context; no tokens where it was not measured."""

    context: str
    coverage: ShiftCoverage
    tokens: Sequence[TokenView]
    left_out: int


@dataclass(frozen=True)
class ExampleView:
    """One instruction: its index in the rows of every system, and the aligned answer under every base context."""

    index: int
    instruction: Instruction
    shifts: Sequence[ShiftView]


def examples(inputs: ReportInputs) -> list[ExampleView]:
    """The instructions that the page shows side by side."""
    chosen = choose(inputs.instructions, inputs.plan.report.examples)
    answers = {name: _rows(inputs, context, chosen) for name, context in inputs.contexts.items()}
    views = []
    for index in chosen:
        shifts = []
        for name, context in inputs.contexts.items():
            coverage = context.coverage[index]
            answer = answers[name].get(coverage.instruction_id, [])
            tokens = [_token(row) for row in answer[:MAX_TOKENS]]
            shifts.append(ShiftView(name, coverage, tokens, left_out=len(answer) - len(tokens)))
        views.append(ExampleView(index, inputs.instructions[index], shifts))
    return views


def _rows(inputs: ReportInputs, context: ContextInputs, chosen: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """The rows of the chosen instructions by their ids."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = [row.id for row in inputs.instructions]
    wanted = pa.array([ids[index] for index in chosen], pa.string())
    rows: dict[str, list[dict[str, Any]]] = {}
    for group in context.groups(ids):
        for row in group.filter(pc.is_in(group["instruction_id"], value_set=wanted)).to_pylist():
            rows.setdefault(row["instruction_id"], []).append(row)
    return rows


def choose(instructions: Sequence[Instruction], count: int) -> list[int]:
    """Indices of ``count`` instructions spread over the list, with both categories among them where it has both."""
    total = len(instructions)
    count = min(count, total)
    safety = [index for index, row in enumerate(instructions) if row.category == "safety"]
    regular = [index for index, row in enumerate(instructions) if row.category == "regular"]

    def spread(indices: Sequence[int], size: int) -> list[int]:
        return [indices[(2 * step + 1) * len(indices) // (2 * size)] for step in range(size)]

    if count < 2 or not safety or not regular:
        return spread(range(total), count)
    wanted = round(count * len(safety) / total)
    wanted = max(1, count - len(regular), min(wanted, count - 1, len(safety)))
    return sorted(spread(safety, wanted) + spread(regular, count - wanted))


def quoted(token: str) -> str:
    """A token in quotes on one line, so that its spaces and line ends are seen."""
    return f"“{one_line(cut(token, MAX_TOKEN)[0])}”"


def probability(value: float) -> str:
    """Three digits; a tiny probability is never shown as zero."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}" if value > 0 else "below 1e-300"


def _token(row: Mapping[str, Any]) -> TokenView:
    # A token without text must still be seen.
    unwritten = "⟨token without text⟩" if row["token_id"] is None else f"⟨token {row['token_id']}⟩"
    text = cut(row["token"], MAX_TOKEN)[0] or unwritten
    candidates = zip(row["base_top_tokens"], row["base_top_logprobs"], strict=True)
    shown = ", ".join(f"{quoted(token)} {probability(math.exp(value))}" for token, value in candidates)
    # A token that is not among the candidates that a server shows has no rank.
    below = f"below the {len(row['base_top_tokens'])} shown"
    at_most = rank_is_bound(row["base_rank"], row["base_ties"], len(row["base_top_tokens"]))
    rank = below if row["base_rank"] is None else f"{'at most ' * at_most}{row['base_rank']:,}"
    ties = f" ({row['base_ties']} others exactly as probable)" if row["base_ties"] else ""
    kl, bound, base_probability = row["kl"], row["kl_lower_bound"], math.exp(row["base_logprob"])
    # Where KL is not exact, it can be known what it is at least.
    at_least = "not known" if bound is None else f"at least {bound:.3f} nats"
    divergence = at_least if kl is None else f"{kl:.3f} nats"
    return TokenView(
        position=row["position"],
        text=text,
        is_end=row["is_end"],
        category=row["category"],
        base_rank=rank,
        base_probability=base_probability,
        kl=divergence,
        candidates=shown,
        title=(
            f"{quoted(text)}: {row['category']}\nbase rank {rank}{ties}, base probability {probability(base_probability)}, "
            f"KL {divergence}\nbase model's top tokens: {shown}"
        ),
    )
