"""Whose texts the token viewer shows: measurements of the same tokens stand beside each other, those of other texts apart."""

from collections.abc import Mapping
from dataclasses import dataclass

from urial.report.inputs import ContextInputs, ReportInputs


@dataclass(frozen=True)
class MeasuredText:
    """The answers of one system, or published outputs, as the aligned model reads them behind one system's prompts."""

    number: int
    answers: str
    aligned_system: str
    contexts: Mapping[str, ContextInputs]

    def kind(self, name: str) -> str:
        """What its data files of a kind (tokens, candidates) are called."""
        return f"{name}-{self.number}" if self.number else name


def measured_texts(inputs: ReportInputs) -> list[MeasuredText]:
    """Those of all measurements, in the order of the plan: the aligned model's own answers first, where they are measured."""
    read = inputs.plan.read
    found: dict[tuple[str, str], dict[str, ContextInputs]] = {}
    for name, context in inputs.contexts.items():
        found.setdefault(read[name], {})[name] = context
    return [MeasuredText(number, *both, contexts) for number, (both, contexts) in enumerate(found.items())]
