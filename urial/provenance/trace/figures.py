"""The computation that a value of report.json belongs to, and the rows that it is of: of systems, and of the run as a whole."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

from urial.core.json_paths import JsonPath
from urial.provenance.trace.rows import TraceReader
from urial.records.base import ROLES, Record, Role
from urial.records.judgment import Aspect
from urial.records.report import Report
from urial.report.build import build_report, one_judge, one_preference_judge, system_figures
from urial.report.inputs import ReportInputs, SystemInputs
from urial.run import paths
from urial.run.paths import RunFile
from urial.statistics.bootstrap import ESTIMATED, INTERVAL
from urial.statistics.figures import SYSTEM_FIGURES, RowKind, function_name
from urial.statistics.preferences import compared_figures
from urial.statistics.scores import JudgmentLike, aspect_figures, aspect_how, category_of, status_of

# Of an instruction, which rows are shown with a figure of such rows; the last ones are those that it is of.
SHOWN: dict[RowKind, Sequence[RunFile[Record]]] = {
    "judgments": (paths.PROMPTS, paths.COMPLETIONS, paths.JUDGMENTS),
    "completions": (paths.PROMPTS, paths.COMPLETIONS),
    "prompts": (paths.PROMPTS,),
}


@dataclass(frozen=True)
class Evidence:
    """The rows that a value is of: lines of the files that have a row an instruction, or positions of a table."""

    unit: Literal["instructions", "positions"] = "instructions"
    # Rows that went in.
    rows: int = 0
    # 0-based numbers of those that count; of positions, rows of the table.
    counted: Sequence[int] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    # Of positions under two contexts, the rows of the second one's table, in the order of ``counted``.
    second: Sequence[int] | None = None

    @classmethod
    def of_lines(cls, reasons: Mapping[int, str | None]) -> "Evidence":
        """Lines, each with the reason why it does not count; None where it does."""
        left_out = Counter(reason for reason in reasons.values() if reason is not None)
        counted = [line for line, reason in reasons.items() if reason is None]
        return cls(rows=len(reasons), counted=counted, left_out=dict(sorted(left_out.items())))


class Figure:
    """The computation that a value belongs to, as report, statistics or token_shift declares it."""

    # The function that the report uses, MODULE.NAME.
    function: str
    # Files that the value is computed from, relative to the run.
    files: Sequence[str] = ()
    # Which of an instruction's rows it depends on.
    shows: Sequence[RunFile[Record]] = ()
    # Systems that it depends on; the first one's answers are shown.
    systems: Sequence[str] = ()
    # Base contexts whose measurements it depends on.
    contexts: Sequence[str] = ()
    # Models that it depends on; none: those of its systems.
    roles: Sequence[Role] = ()

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        self.run, self.report, self.path = run, report, path

    def row_files(self) -> list[tuple[RunFile[Record], str]]:
        """Files of the rows that are shown, and their keys."""
        kinds: tuple[tuple[RunFile[Record], Sequence[str]], ...] = (
            (paths.PROMPTS, self.systems),
            (paths.COMPLETIONS, self.systems[:1]),
            (paths.JUDGMENTS, self.systems[:1]),
            (paths.PREFERENCES, self.systems[:1]),
            (paths.COVERAGE, self.contexts),
        )
        return [(kind, key) for kind, keys in kinds if kind in self.shows for key in keys]

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        """The figures computed together, as in report.json, and their path there; without ``interval``, means only."""
        raise NotImplementedError

    def how(self) -> str:
        """What the function does, with its parameters."""
        raise NotImplementedError

    def evidence(self) -> Evidence:
        """The rows that the value is of; none unless a figure says which."""
        return Evidence()

    def interval_text(self, unit: str) -> str:
        """How an end of an interval is made; empty for other values."""
        return f"; {self.run.bootstrap(True).interval_text(unit)}" if self.path[-1] in INTERVAL else ""


class AspectFigure(Figure):
    """``systems.SYSTEM.ASPECT``: a mean score with its interval and the counts of what was not scored."""

    function = function_name(aspect_figures)
    shows = SHOWN["judgments"]

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, self.system, aspect, *leaf = map(str, self.path)
        # Where answers are not judged, an aspect is a value: null.
        self.leaf = leaf[0] if leaf else "not_judged"
        self.aspect = cast("Aspect", aspect)
        self.category = category_of(self.aspect)
        self.systems = (self.system,)
        self.files = (paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), paths.JUDGMENTS.path(self.system))

    @cached_property
    def _judgments(self) -> Sequence[JudgmentLike]:
        return self.run.partial_judgments(self.system, self.aspect)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        figures = aspect_figures(
            self.aspect, self._judgments, self.run.partial_instructions, self.run.bootstrap(interval)
        )
        return self.path[:3], figures.model_dump(mode="json") if figures else None

    def how(self) -> str:
        return aspect_how(self.aspect, self.leaf) + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        """Rows of the aspect's category; means and their intervals are of those that are scored."""
        status = {
            line: status_of(self.aspect, row)
            for line, (row, instruction) in enumerate(zip(self._judgments, self.run.partial_instructions, strict=True))
            if instruction.category == self.category
        }
        counted = "scored" if self.leaf in ESTIMATED else self.leaf
        return Evidence.of_lines({line: None if counted in (name, "total") else name for line, name in status.items()})


class SystemFigure(Figure):
    """``systems.SYSTEM``: every figure but the aspects, as statistics declares it."""

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        self.system, self.declared = str(path[1]), SYSTEM_FIGURES[str(path[2])]
        self.systems, self.function = (self.system,), function_name(self.declared.function)
        self.shows = SHOWN[self.declared.rows]
        # The bootstrap's parameters are in the report's plan.
        parameters = [paths.REPORT_PLAN.path()] if self.declared.rows == "judgments" else []
        rows = self.shows[-1].path(self.system)
        self.files = (*parameters, paths.SYSTEM_PLAN.path(self.system), paths.INSTRUCTIONS.path(), rows)

    @cached_property
    def _rows(self) -> Sequence[Any]:
        if self.declared.rows == "judgments":
            return self.run.partial_judgments(self.system)
        return self.run.ordered_rows(self.shows[-1], self.system)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        value = self.declared.compute(self._rows, self.run.partial_instructions, self.run.bootstrap(interval))
        return self.path[:3], value.model_dump(mode="json") if isinstance(value, Record) else value

    def how(self) -> str:
        return self.declared.how + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        rows = enumerate(zip(self._rows, self.run.partial_instructions, strict=True))
        return Evidence.of_lines(
            {line: None if self.declared.counts(*row) else self.declared.others for line, row in rows}
        )


class PlannedFigure(Figure):
    """What plans and manifests say of the run or of a system, its judge, and hashes; it is of no single rows."""

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        self.leaf, self.files = str(path[0]), [paths.REPORT_PLAN.path()]
        self.function = function_name(build_report)
        if self.leaf == "systems":
            self.function, self.systems = function_name(system_figures), (str(path[1]),)
            self.files = list(map(paths.SYSTEM_PLAN.path, self.systems))
        elif self.leaf == "judge":
            self.function, self.shows = function_name(one_judge), (paths.JUDGMENTS,)
            self.files = [paths.INSTRUCTIONS.path(), *map(paths.JUDGMENTS.path, report.systems)]
        elif self.leaf in ("preferences", "preference_judge"):
            figure = one_preference_judge if self.leaf == "preference_judge" else compared_figures
            self.function, self.shows = function_name(figure), (paths.PREFERENCES,) if report.preferences else ()
            self.files = [
                paths.REPORT_PLAN.path(),
                paths.INSTRUCTIONS.path(),
                *map(paths.PREFERENCES.path, report.preferences),
            ]
        elif self.leaf == "instructions_hash":
            self.files = [paths.INSTRUCTIONS.path()]
        elif self.leaf in ("models", "loading", "study"):
            self.roles = [
                role for role in ROLES if role in report.models and (self.leaf != "models" or role == path[1])
            ]
            if self.leaf != "study":
                self.files = list(map(paths.MANIFEST.path, self.roles))

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        if self.leaf == "judge":
            judge = one_judge({name: self.run.judges(name) for name in self.report.systems})
            return self.path[:1], judge.model_dump(mode="json") if judge else None
        if self.leaf == "preference_judge":
            rows = {name: self.run.ordered_rows(paths.PREFERENCES, name) for name in self.report.preferences}
            comparing = one_preference_judge({name: (row.judge for row in found) for name, found in rows.items()})
            return self.path[:1], comparing.model_dump(mode="json") if comparing else None
        if self.leaf == "preferences":
            bootstrap, baseline = self.run.bootstrap(interval), str(self.run.plan.baseline)
            compared = {name: self.run.ordered_rows(paths.PREFERENCES, name) for name in self.report.preferences}
            return self.path[:1], {
                name: compared_figures(baseline, rows, bootstrap).model_dump(mode="json")
                for name, rows in compared.items()
            }
        if self.leaf == "systems":
            planned = SystemInputs(self.run.record(paths.SYSTEM_PLAN, *self.systems), (), (), ())
            return self.path[:2], system_figures(planned, (), (), self.run.bootstrap(False)).model_dump(mode="json")
        inputs = ReportInputs(
            plan=self.run.plan,
            models=self.run.models,
            instructions=self.run.instructions if self.leaf == "instructions_hash" else (),
            systems={},
            contexts={},
        )
        return (), build_report(inputs).model_dump(mode="json")

    def how(self) -> str:
        return {
            "judge": "the one judge that every judgment names",
            "preference_judge": "the one judge that every preference names",
            "models": "content hash of the model's files, or of its server and its name there",
            "loading": "how the pair was loaded, by the models' manifests",
            "instructions_hash": "content hash of the instructions",
        }.get(self.leaf, "as the stage plan resolved it")
