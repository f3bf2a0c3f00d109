"""Which instructions the overview takes as examples, and how single tokens and probabilities are written."""

from collections.abc import Sequence

from urial.core.text import cut, one_line
from urial.records.instruction import Instruction

MAX_TOKEN = 100


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
