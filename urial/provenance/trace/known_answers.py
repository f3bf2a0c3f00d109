"""The computations that figures of known answers belong to, and the answers that they are of."""

from collections.abc import Sequence

from urial.core.json_paths import JsonPath
from urial.provenance.trace.figures import SHOWN, Evidence, Figure
from urial.provenance.trace.rows import TraceReader
from urial.records.report import Report
from urial.run import paths
from urial.statistics.figures import function_name
from urial.statistics.known_answers import (
    Outcome,
    agreement_counts_in,
    agreement_how,
    agreement_of,
    counts_in,
    known_agreements,
    known_answer_figures,
    known_answer_how,
    outcomes_of,
)


class KnownFigure(Figure):
    """A figure of the answers of some systems to the instructions with accepted answers."""

    shows = SHOWN["completions"]

    def outcomes(self, system: str) -> Sequence[Outcome | None]:
        """What became of each answer of a system."""
        return outcomes_of(self.run.partial_instructions, self.run.ordered_rows(paths.COMPLETIONS, system))


class KnownAnswerFigure(KnownFigure):
    """``systems.SYSTEM.known_answers``: how many known answers one system gives."""

    function = function_name(known_answer_figures)

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, self.system, _, self.field, *part = map(str, path)
        self.part, self.systems = "".join(part), (self.system,)
        self.files = (paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), paths.COMPLETIONS.path(self.system))

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        figures = known_answer_figures(self.outcomes(self.system), self.run.bootstrap(interval))
        return self.path[:3], figures.model_dump(mode="json") if figures else None

    def how(self) -> str:
        return known_answer_how(self.field, self.part) + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        """Of shares, the answers that they are of."""
        return Evidence.of_lines(
            {line: counts_in(self.field, outcome) for line, outcome in enumerate(self.outcomes(self.system))}
        )


class AgreementFigure(KnownFigure):
    """``known_agreement.N``: a system of the base model and one of the aligned model, fact by fact."""

    function = function_name(known_agreements)

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, number, field, *part = path
        agreement = report.known_agreement[int(number)]
        self.field, self.part = str(field), "".join(map(str, part))
        self.systems = (agreement.first, agreement.second)
        # P-values are corrected for the tests of all systems.
        self.files = (
            paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), *map(paths.COMPLETIONS.path, sorted(report.systems))
        )  # fmt: skip

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        # In the plan's order, which report.json does not keep.
        outcomes = {name: self.outcomes(name) for name in self.run.plan.systems}
        roles = {name: system.model for name, system in self.report.systems.items()}
        agreements = known_agreements(outcomes, roles, self.run.bootstrap(interval))
        return self.path[:1], [agreement.model_dump(mode="json") for agreement in agreements]

    def how(self) -> str:
        return agreement_how(self.field, self.part) + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        """Instructions in the cell; of a difference, those that both answer."""
        rows = zip(*map(self.outcomes, self.systems), strict=True)
        return Evidence.of_lines(
            {line: agreement_counts_in(self.field, agreement_of(*row)) for line, row in enumerate(rows)}
        )
