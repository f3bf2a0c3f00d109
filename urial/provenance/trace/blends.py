"""The computations that figures of blends belong to, and the answers or scores that they are of."""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

from urial.core.json_paths import JsonPath
from urial.provenance.trace.figures import SHOWN, Evidence, Figure
from urial.provenance.trace.rows import TraceReader
from urial.records.blended_tokens import BlendedTokens
from urial.records.judgment import Aspect
from urial.records.params.blends import control_of
from urial.records.plans import BlendPlan
from urial.records.report import Report
from urial.run import paths
from urial.statistics.blends import (
    OF_SCORES,
    TOKEN_FIGURES,
    blend_figures,
    intervention_figures,
    recovered_figures,
    recovered_how,
    scored_by_all,
    summed,
)
from urial.statistics.figures import function_name
from urial.statistics.scores import JudgmentLike


class BlendFigure(Figure):
    """``blends.NAME``: where the helper stepped in, of the blend or of its control; what it recovers; or as planned."""

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, self.name, self.part, *self.steps = map(str, path)
        self.control = control_of(self.name)
        plan = (paths.REPORT_PLAN.path(), paths.SYSTEM_PLAN.path(self.name))
        if self.part in ("blend", "control"):
            own = self.name if self.part == "blend" else self.control
            self.function, self.shows, self.systems = function_name(intervention_figures), SHOWN["completions"], (own,)
            self.files = (paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), paths.BLENDED_TOKENS.path(own))
        elif self.part == "recovered" and self.steps:
            self.function, self.shows = function_name(recovered_figures), SHOWN["judgments"]
            # The blend's answers are shown first; the control's, where the value is of it.
            order = (self.control, self.name) if self.steps[-1].startswith("control") else (self.name, self.control)
            figures = report.blends[self.name]
            self.systems = (*order, figures.base, figures.helper)
            judged = map(paths.JUDGMENTS.path, sorted(self.systems))
            self.files = (*plan, paths.INSTRUCTIONS.path(), *judged)
        else:
            self.function, self.systems, self.files = function_name(blend_figures), (self.name,), plan

    @property
    def _plan(self) -> BlendPlan:
        plan = self.run.record(paths.SYSTEM_PLAN, self.name).blend
        if plan is None:
            raise TypeError(f"{self.name} is planned as no blend")
        return plan

    @cached_property
    def _tokens(self) -> Sequence[BlendedTokens]:
        return self.run.ordered_rows(paths.BLENDED_TOKENS, *self.systems)

    def _judgments(self, aspect: Aspect) -> dict[str, Sequence[JudgmentLike]]:
        named = (self._plan.base, str(self._plan.helper.system), self.name, self.control)
        return {role: self.run.partial_judgments(name, aspect) for role, name in zip(OF_SCORES, named, strict=True)}

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        bootstrap = self.run.bootstrap(interval)
        if self.part in ("blend", "control"):
            return self.path[:3], intervention_figures(self._tokens, bootstrap).model_dump(mode="json")
        if self.part == "recovered" and self.steps:
            aspect = cast("Aspect", self.steps[0])
            figures = recovered_figures(aspect, self._judgments(aspect), bootstrap)
            return self.path[:4], figures.model_dump(mode="json") if figures else None
        nothing = {"blend": (), "control": ()}
        return self.path[:2], blend_figures(self._plan, nothing, {}, bootstrap).model_dump(mode="json")

    def how(self) -> str:
        if self.part in ("blend", "control"):
            return TOKEN_FIGURES[self._figure].how + self.interval_text("instructions")
        if self.part == "recovered" and self.steps:
            return recovered_how(self.steps[1]) + self.interval_text("instructions")
        return "as the stage plan resolved it"

    @property
    def _figure(self) -> tuple[str, ...]:
        """The path of the figure within InterventionFigures."""
        steps = tuple(self.steps)
        return steps if steps in TOKEN_FIGURES else steps[:-1]

    def evidence(self) -> Evidence:
        """Instructions whose answers have what is counted; of scores, those on which all four have one."""
        if self.part in ("blend", "control"):
            counted = TOKEN_FIGURES[self._figure].counted
            return Evidence.of_lines(
                {line: None if count else "none of it" for line, count in enumerate(summed(self._tokens, counted))}
            )
        if self.part == "recovered" and self.steps:
            aspect = cast("Aspect", self.steps[0])
            scored = scored_by_all(aspect, self._judgments(aspect))
            return Evidence.of_lines(
                {line: None if all_four else "not scored by all" for line, all_four in enumerate(scored)}
            )
        return Evidence()
