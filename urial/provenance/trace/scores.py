"""The figures of a system, and those of the run as a whole, recomputed one at a time."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.pointers import JsonPath
from urial.provenance.trace.rows import TraceReader
from urial.records.base import Record
from urial.records.judgment import Aspect
from urial.report.build import build_report, one_judge, system_figures
from urial.report.inputs import ReportInputs, SystemInputs
from urial.run.paths import COMPLETIONS, INSTRUCTIONS, JUDGMENTS, MANIFEST, PROMPTS, REPORT_PLAN, SYSTEM_PLAN, RunFile
from urial.statistics.figures import SYSTEM_FIGURES, RowKind, function_name
from urial.statistics.scores import JudgmentLike, aspect_figures, category_of, status_of

# The file of a kind of rows, and which of an instruction's rows are shown with a figure of it.
_ROWS: dict[RowKind, tuple[RunFile[Record], tuple[str, ...]]] = {
    "judgments": (JUDGMENTS, ("prompt", "completion", "judgment")),
    "completions": (COMPLETIONS, ("prompt", "completion")),
    "prompts": (PROMPTS, ("prompt",)),
}


class AspectFigure(Figure):
    """``systems.SYSTEM.ASPECT``: a mean score with its interval and the counts of what was not scored."""

    def __init__(self, run: TraceReader, path: JsonPath) -> None:
        super().__init__(run, path)
        self.function = function_name(aspect_figures)
        self.system, self.aspect = str(path[1]), cast("Aspect", path[2])
        self.systems, self.shows = (self.system,), _ROWS["judgments"][1]
        self.files = (REPORT_PLAN.path(), INSTRUCTIONS.path(), JUDGMENTS.path(self.system))
        # Means and their intervals are of the scored rows.
        self.status = "scored" if path[3] in ("mean", "low", "high") else str(path[3])

    @cached_property
    def _judgments(self) -> Sequence[JudgmentLike]:
        return self.run.partial_judgments(self.system, self.aspect)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        figures = aspect_figures(
            self.aspect, self._judgments, self.run.partial_instructions, self.run.bootstrap(interval)
        )
        return self.path[:3], figures.model_dump(mode="json")

    def how(self) -> str:
        category = category_of(self.aspect)
        if self.path[3] == "total":
            return f"number of {category} instructions"
        if self.path[3] == self.status:
            return f"number of {category} instructions with the status {self.status}"
        return (
            f"mean of the scores over the scored answers to {category} instructions{self.interval_text('instructions')}"
        )

    def evidence(self) -> Evidence:
        """Rows of the aspect's category; those that are not scored are left out of a mean."""
        category = category_of(self.aspect)
        status = {
            line: status_of(self.aspect, row)
            for line, (row, instruction) in enumerate(zip(self._judgments, self.run.partial_instructions, strict=True))
            if instruction.category == category
        }
        counts = Counter(status.values())
        return Evidence(
            rows=len(status),
            counted=[line for line, name in status.items() if self.status in (name, "total")],
            left_out={name: counts[name] for name in sorted(counts) if self.status not in (name, "total")},
        )


class SystemFigure(Figure):
    """``systems.SYSTEM``: every figure but the aspects."""

    def __init__(self, run: TraceReader, path: JsonPath) -> None:
        super().__init__(run, path)
        self.system, self.leaf = str(path[1]), str(path[2])
        self.systems = (self.system,)
        self.declared = SYSTEM_FIGURES.get(self.leaf)
        self.function = function_name(self.declared.function if self.declared else system_figures)
        plan = SYSTEM_PLAN.path(self.system)
        if self.declared is None:
            self.files = (plan,)
            return
        self.file, self.shows = _ROWS[self.declared.rows]
        # The bootstrap's parameters are in the report's plan.
        parameters = [REPORT_PLAN.path()] * (self.file is JUDGMENTS)
        self.files = (*parameters, plan, INSTRUCTIONS.path(), self.file.path(self.system))

    @cached_property
    def _rows(self) -> Sequence[Any]:
        if self.file is JUDGMENTS:
            return self.run.partial_judgments(self.system)
        return self.run.ordered_rows(self.file, self.system)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        if self.declared:
            value = self.declared.compute(self._rows, self.run.partial_instructions, self.run.bootstrap(interval))
            return self.path[:3], value.model_dump(mode="json") if isinstance(value, Record) else value
        figures = system_figures(
            SystemInputs(self.run.record(SYSTEM_PLAN, self.system), (), (), ()), (), self.run.bootstrap(False)
        )
        return self.path[:3], figures.model_dump(mode="json")[self.leaf]

    def how(self) -> str:
        return (
            self.declared.how + self.interval_text("instructions") if self.declared else "as the stage plan resolved it"
        )

    def evidence(self) -> Evidence:
        if not self.declared:
            return Evidence()
        rows = list(zip(self._rows, self.run.partial_instructions, strict=True))
        counted = [line for line, (row, instruction) in enumerate(rows) if self.declared.counts(row, instruction)]
        left_out = {self.declared.others: len(rows) - len(counted)} if len(counted) < len(rows) else {}
        return Evidence(rows=len(rows), counted=counted, left_out=left_out)


class HeaderFigure(Figure):
    """What the report says of the run as a whole; it is of no single rows."""

    def __init__(self, run: TraceReader, path: JsonPath, systems: Sequence[str]) -> None:
        super().__init__(run, path)
        self.leaf, self._systems = str(path[0]), systems
        self.function = function_name(one_judge if self.leaf == "judge" else build_report)
        self.files = {
            "judge": [INSTRUCTIONS.path(), *map(JUDGMENTS.path, systems)],
            "models": [MANIFEST.path(str(path[-1]))],
            "loading": [MANIFEST.path("base"), MANIFEST.path("aligned")],
            "instructions_hash": [INSTRUCTIONS.path()],
        }.get(self.leaf, [REPORT_PLAN.path()])

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        if self.leaf == "judge":
            judge = one_judge({name: self.run.judges(name) for name in self._systems})
            return self.path[:1], judge.model_dump(mode="json") if judge else None
        inputs = ReportInputs(
            plan=self.run.plan,
            models={"base": self.run.record(MANIFEST, "base"), "aligned": self.run.record(MANIFEST, "aligned")},
            instructions=self.run.instructions if self.leaf == "instructions_hash" else (),
            systems={},
            contexts={},
        )
        return self.path[:1], build_report(inputs).model_dump(mode="json")[self.leaf]

    def how(self) -> str:
        return {
            "judge": "the one judge that every judgment names",
            "models": "content hash of the model's files, or of its server and its name there",
            "loading": "how the pair was loaded, by the models' manifests",
            "instructions_hash": "content hash of the instructions",
        }.get(self.leaf, "as the stage plan resolved it")
