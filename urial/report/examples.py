"""What the page shows of single instructions: answers side by side, and the aligned answer token by token."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from urial.core.text import cut, one_line
from urial.records.instruction import Instruction
from urial.records.token_shift import Category, ShiftCoverage
from urial.report.inputs import ContextInputs, ReportInputs

MAX_TEXT = 4_000
MAX_RATIONALE = 1_000
MAX_TOKENS = 1_200
MAX_TOKEN = 100


@dataclass(frozen=True)
class Excerpt:
    """A text as far as it is shown, and the number of characters left out."""

    text: str
    left_out: int


@dataclass(frozen=True)
class TokenView:
    """One token of the aligned answer under one base context."""

    position: int
    text: str
    is_end: bool
    category: Category
    base_rank: str
    base_ties: int | None
    base_probability: float
    kl: str
    candidates: str

    @property
    def title(self) -> str:
        """What a pointer over the token shows."""
        ties = f" ({self.base_ties} others exactly as probable)" if self.base_ties else ""
        return (
            f"{quoted(self.text)}: {self.category}\n"
            f"base rank {self.base_rank}{ties}, base probability {probability(self.base_probability)}, "
            f"KL {self.kl}\nbase model's top tokens: {self.candidates}"
        )


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
    return [
        ExampleView(
            index, inputs.instructions[index], [_shift(name, shift, index) for name, shift in inputs.contexts.items()]
        )
        for index in choose(inputs.instructions, inputs.plan.report.examples)
    ]


def choose(instructions: Sequence[Instruction], count: int) -> list[int]:
    """Indices of ``count`` instructions spread over the list, with both categories among them where it has both."""
    total = len(instructions)
    count = min(count, total)
    safety = [index for index, row in enumerate(instructions) if row.category == "safety"]
    regular = [index for index, row in enumerate(instructions) if row.category == "regular"]
    if count < 2 or not safety or not regular:
        return _spread(range(total), count)
    wanted = round(count * len(safety) / total)
    wanted = max(1, count - len(regular), min(wanted, count - 1, len(safety)))
    return sorted(_spread(safety, wanted) + _spread(regular, count - wanted))


def excerpt(text: str, limit: int = MAX_TEXT) -> Excerpt:
    """The text as far as it is shown."""
    return Excerpt(*cut(text, limit))


def quoted(token: str) -> str:
    """A token in quotes on one line, so that its spaces and line ends are seen."""
    return f"“{one_line(cut(token, MAX_TOKEN)[0])}”"


def probability(value: float) -> str:
    """Three digits; a tiny probability is never shown as zero."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}" if value > 0 else "below 1e-300"


def rank(row: Mapping[str, Any]) -> str:
    """A base rank, or that the token is not among the candidates that a server shows."""
    return f"below the {len(row['base_top_tokens'])} shown" if row["base_rank"] is None else f"{row['base_rank']:,}"


def divergence(row: Mapping[str, Any]) -> str:
    """KL where it is exact, or what it is at least."""
    if row["kl"] is not None:
        return f"{row['kl']:.3f} nats"
    bound = row["kl_lower_bound"]
    return "not known" if bound is None else f"at least {bound:.3f} nats"


def _spread(indices: Sequence[int], count: int) -> list[int]:
    return [indices[(2 * step + 1) * len(indices) // (2 * count)] for step in range(count)]


def _shift(name: str, context: ContextInputs, index: int) -> ShiftView:
    import pyarrow.compute as pc

    coverage = context.coverage[index]
    chosen = context.table.filter(pc.equal(context.table["instruction_id"], coverage.instruction_id))
    rows = chosen.sort_by("position").slice(0, MAX_TOKENS).to_pylist()
    return ShiftView(
        context=name, coverage=coverage, tokens=[_token(row) for row in rows], left_out=len(chosen) - len(rows)
    )


def _token(row: Mapping[str, Any]) -> TokenView:
    candidates = zip(row["base_top_tokens"], row["base_top_logprobs"], strict=True)
    return TokenView(
        position=row["position"],
        # A token without text must still be seen.
        text=cut(row["token"], MAX_TOKEN)[0] or _unwritten(row["token_id"]),
        is_end=row["is_end"],
        category=row["category"],
        base_rank=rank(row),
        base_ties=row["base_ties"],
        base_probability=math.exp(row["base_logprob"]),
        kl=divergence(row),
        candidates=", ".join(f"{quoted(token)} {probability(math.exp(value))}" for token, value in candidates),
    )


def _unwritten(token_id: int | None) -> str:
    return "⟨token without text⟩" if token_id is None else f"⟨token {token_id}⟩"
