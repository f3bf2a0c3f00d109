"""The computation that a value of a system's figures by turn belongs to, and the rows that it is of."""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

from urial.core.json_paths import JsonPath
from urial.provenance.trace.figures import SHOWN, Evidence, Figure
from urial.provenance.trace.rows import TraceReader
from urial.records.judgment import Aspect
from urial.records.report import Report
from urial.run import paths
from urial.statistics.bootstrap import ESTIMATED
from urial.statistics.figures import function_name
from urial.statistics.scores import category_of, status_of
from urial.statistics.turns import ConversationLike, turn_figures, turn_how, turns_of


class TurnFigure(Figure):
    """``systems.SYSTEM.turns``: scores by turn, and over all turns, of the instructions that have several."""

    function = function_name(turn_figures)
    shows = SHOWN["judgments"]

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, self.system, _, self.kind, *inner = map(str, self.path)
        # Which turn, of figures by turn; which aspect and what of it, unless it is the number of instructions.
        self.turn = int(inner.pop(0)) if self.kind == "by_turn" else None
        self.aspect: Aspect | None = cast("Aspect", inner[0]) if inner else None
        self.leaf = inner[1] if inner else ""
        self.systems = (self.system,)
        self.files = (paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), paths.JUDGMENTS.path(self.system))

    @cached_property
    def _judgments(self) -> Sequence[ConversationLike]:
        return self.run.partial_judgments(self.system)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        categories = [row.category for row in self.run.partial_instructions]
        figures = turn_figures(self._judgments, categories, self.run.bootstrap(interval))
        return self.path[:3], figures.model_dump(mode="json") if figures else None

    def how(self) -> str:
        return turn_how(self.kind, self.turn, self.aspect, self.leaf) + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        """An instruction counts where one of the figure's turns does; means are of turns that are scored."""
        reasons: dict[int, str | None] = {}
        for line, (row, asked) in enumerate(zip(self._judgments, self.run.partial_instructions, strict=True)):
            if self.aspect is None:
                reasons[line] = None if row.later_turns else "one turn"
            elif row.later_turns and asked.category == category_of(self.aspect):
                turns = turns_of(row) if self.turn is None else turns_of(row)[self.turn - 1 : self.turn]
                named = [status_of(self.aspect, turn) for turn in turns] or ["without this turn"]
                wanted = "scored" if self.leaf in ESTIMATED else self.leaf
                reasons[line] = None if wanted == "total" or wanted in named else named[0]
        return Evidence.of_lines(reasons)
