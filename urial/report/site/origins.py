"""Where a number on a page is from, as `urial trace` says it: what it means, how it is made, of which rows in which files.

All of it is said by the declarations that the number is computed by; only the links to the rows are the site's own.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from urial.core.hashing import short_hash
from urial.core.json_paths import JsonPath
from urial.records.judge import describe
from urial.records.judgment import EVERY_ASPECT, Aspect
from urial.records.known_answers import KnownAnswerFigures
from urial.records.preference import describe_preference_judge
from urial.records.report import AspectFigures, Report, meaning
from urial.report.inputs import ReportInputs
from urial.report.site.origin_parts import files_of, link, occurrences, tokens_of, turn_rows
from urial.report.site.origins_further import blend_origin, depth_origin, is_of_kind, positions_of
from urial.run import paths
from urial.statistics.bootstrap import ESTIMATED, INTERVAL, Bootstrap
from urial.statistics.figures import SYSTEM_FIGURES, function_name
from urial.statistics.known_answers import (
    agreement_how,
    known_agreements,
    known_answer_figures,
    known_answer_how,
)
from urial.statistics.preferences import OUTCOME_OF, preference_figures, preference_how
from urial.statistics.scores import aspect_figures, aspect_how
from urial.statistics.turns import turn_figures, turn_how
from urial.token_shift.figures.described import declared, shift_how
from urial.token_shift.figures.paired import PAIRED_FIGURES, compare_contexts, comparison_how
from urial.token_shift.figures.summary import ANSWER_FIGURES, POSITION_FIGURES, summarize
from urial.token_shift.figures.tokens import LISTS

Origin = dict[str, Any]
# What the answer browser calls answers of which a count is.
_MARKS = {
    "too_long": "too long", "cut_off": "cut off", "only_thinking": "only thinking", "flagged": "flagged", "no_completion": "no answer",
    **{status: f"judge: {status.replace('_', ' ')}" for status in ("not_applicable", "invalid", "refused", "filtered", "failed")},
}  # fmt: skip


class Origins:
    """The origins of the values of one report."""

    def __init__(self, inputs: ReportInputs, report: Report) -> None:
        self.inputs, self.report = inputs, report
        self.bootstrap = Bootstrap.from_params(inputs.plan.report)
        self.system_rows = cache(self._system_rows)
        self.positions = cache(self._positions)
        self.base = {row.name: row.base_system for row in inputs.plan.measurements}

    def of(self, path: JsonPath) -> Origin:
        """The origin of the value at a path."""
        part, steps = str(path[0]), tuple(map(str, path))
        parts = {
            "systems": self._of_system,
            "known_agreement": self._agreement,
            "preferences": self._preference,
            "token_shift": self._shift,
            "context_comparisons": self._comparison,
            "blends": self._blend,
            "safety_depth": self._depth,
        }
        found = parts[part](steps)
        if steps[-1] in INTERVAL:
            unit = "answers" if part in ("token_shift", "context_comparisons") else "instructions"
            found["how"] += f"; {self.bootstrap.interval_text(unit)}"
        return {"meaning": meaning(self.report, path), **found}

    def _of_system(self, steps: Sequence[str]) -> Origin:
        if steps[2] in EVERY_ASPECT:
            return self._aspect(steps)
        return {"turns": self._turn, "known_answers": self._known}.get(steps[2], self._system)(steps)

    def _blend(self, steps: Sequence[str]) -> Origin:
        judged = self._judged() if steps[2] == "recovered" else {}
        return blend_origin(self.report, steps, self._prompts) | judged

    def _depth(self, steps: Sequence[str]) -> Origin:
        return depth_origin(self.inputs, self.report, steps, self._prompts) | self._judged()

    def _aspect(self, steps: Sequence[str]) -> Origin:
        _, system, aspect, field = steps
        figures: AspectFigures = getattr(self.report.systems[system], aspect)
        rows = figures.scored if field in ESTIMATED else getattr(figures, field)
        mark = {"mark": _MARKS[field]} if field in _MARKS else {}
        return {
            "how": aspect_how(cast("Aspect", aspect), field),
            "function": function_name(aspect_figures),
            "rows": f"{rows:,} of {figures.total:,} instructions",
            "files": files_of(paths.JUDGMENTS.path(system), plan=True),
            **self._judged(),
            **self._prompts(system),
            "link": link("answers.html", "the answers", pin=system, system=system, **mark),
        }

    def _turn(self, steps: Sequence[str]) -> Origin:
        _, system, _, kind, *inner = steps
        turn = int(inner.pop(0)) if kind == "by_turn" else None
        aspect, field = (*inner, None, "")[:2] if inner else (None, "")
        figures = self.report.systems[system].turns
        return {
            "how": turn_how(kind, turn, cast("Aspect | None", aspect), field or ""),
            "function": function_name(turn_figures),
            "rows": turn_rows(figures, kind, turn, aspect) if figures else "",
            "files": files_of(paths.JUDGMENTS.path(system), plan=True),
            **self._judged(),
            **self._prompts(system),
            "link": link("answers.html", "the answers", pin=system, system=system),
        }

    def _known(self, steps: Sequence[str]) -> Origin:
        _, system, _, field, *part = steps
        figures = cast("KnownAnswerFigures", self.report.systems[system].known_answers)
        return {
            "how": known_answer_how(field, "".join(part)),
            "function": function_name(known_answer_figures),
            "rows": f"{figures.answered if part else getattr(figures, field):,} of {figures.total:,} instructions",
            "files": files_of(paths.COMPLETIONS.path(system), plan=True),
            **self._prompts(system),
            "link": link("answers.html", "the answers", pin=system, system=system),
        }

    def _agreement(self, steps: Sequence[str]) -> Origin:
        _, number, field, *part = steps
        agreement = self.report.known_agreement[int(number)]
        pair = (agreement.first, agreement.second)
        known = agreement.difference.n + agreement.no_completion
        return {
            "how": agreement_how(field, "".join(part)),
            "function": function_name(known_agreements),
            "rows": f"{agreement.difference.n if part else getattr(agreement, field):,} of {known:,} instructions",
            "files": files_of(*map(paths.COMPLETIONS.path, sorted(self.report.systems)), plan=True),
            **self._prompts(*pair),
            "link": link("answers.html", "the answers", pin=",".join(pair)),
        }

    def _system(self, steps: Sequence[str]) -> Origin:
        _, system, name, *_ = steps
        figure = SYSTEM_FIGURES[name]
        rows, total = self.system_rows(system, name)
        file = {"judgments": paths.JUDGMENTS, "completions": paths.COMPLETIONS, "prompts": paths.PROMPTS}[figure.rows]
        mark = {"mark": _MARKS[name]} if name in _MARKS else {}
        return {
            "how": figure.how,
            "function": function_name(figure.function),
            "rows": f"{rows:,} of {total:,} instructions",
            "files": files_of(paths.SYSTEM_PLAN.path(system), file.path(system), plan=figure.rows == "judgments"),
            **(self._judged() if name == "average" else {}),
            **self._prompts(system),
            "link": link("answers.html", "the answers", pin=system, system=system, **mark),
        }

    def _system_rows(self, system: str, name: str) -> tuple[int, int]:
        """How many rows of a system a figure counts, and how many there are."""
        figure, rows = SYSTEM_FIGURES[name], getattr(self.inputs.systems[system], SYSTEM_FIGURES[name].rows)
        return sum(map(figure.counts, rows, self.inputs.instructions)), len(rows)

    def _preference(self, steps: Sequence[str]) -> Origin:
        _, system, _, criterion, field = steps
        compared = self.report.preferences[system]
        figures = compared.criteria[cast("Any", criterion)]
        without = figures.invalid + figures.no_completion + figures.no_baseline
        rows = figures.total - without if field in ESTIMATED else getattr(figures, field)
        outcome = {"outcome": f"{system}:{criterion}:{OUTCOME_OF[field]}"} if field in OUTCOME_OF else {}
        judge = self.report.preference_judge
        return {
            "how": preference_how(system, compared.baseline, criterion, field),
            "function": function_name(preference_figures),
            "rows": f"{rows:,} of {figures.total:,} comparisons",
            "files": files_of(paths.PREFERENCES.path(system), plan=True),
            "judge": describe_preference_judge(judge) if judge else "nobody",
            **self._prompts(system, compared.baseline),
            "link": link("answers.html", "the comparisons", pin=f"{system},{compared.baseline}", **outcome),
        }

    def _shift(self, steps: Sequence[str]) -> Origin:
        _, context, *inner = steps
        path = tuple(inner)
        figures = self.report.token_shift[context]
        measured = self.inputs.plan.read[context]
        if declared(path, ANSWER_FIGURES):
            rows = f"{len(self.inputs.contexts[context].coverage):,} answers"
        elif path[0] == "first_divergence" and figures.first_divergence:
            rows = f"{figures.first_divergence.answers + figures.first_divergence.unknown:,} answers"
        elif path[0] in LISTS:
            rows = f"{occurrences(getattr(figures, path[0])[int(path[1])]):,} positions"
        else:
            rows = f"{self.positions(context, path):,} positions"
        return {
            "how": shift_how(path),
            "function": function_name(summarize),
            "rows": rows,
            "files": files_of(paths.TOKEN_SHIFT.path(context), paths.COVERAGE.path(context), plan=True),
            **self._prompts(measured[1], self.base[context]),
            "link": link("tokens.html", "the tokens", above=context, **tokens_of(path, context)),
        }

    def _positions(self, context: str, path: tuple[str, ...]) -> int:
        """The positions that go into a declared figure."""
        figure = declared(path, POSITION_FIGURES)
        if figure is not None and is_of_kind(path):
            return int(figure.of(self.inputs.contexts[context].table).sum())
        return positions_of(self.report.token_shift[context], path)

    def _comparison(self, steps: Sequence[str]) -> Origin:
        _, number, name, *inner = steps
        comparison = self.report.context_comparisons[int(number)]
        figure = PAIRED_FIGURES.get(name, PAIRED_FIGURES["positions"])
        rows = getattr(comparison, figure.of, comparison.positions)
        measured = [
            file.path(context) for context in self.inputs.contexts for file in (paths.TOKEN_SHIFT, paths.COVERAGE)
        ]
        return {
            "how": comparison_how(name, inner[-1] if inner else name, self.bootstrap.seed),
            "function": function_name(compare_contexts),
            "rows": f"{rows:,} positions",
            "files": files_of(*measured, plan=True),
            **self._prompts(
                self.inputs.plan.read[comparison.first][1], self.base[comparison.first], self.base[comparison.second]
            ),
            "link": link("tokens.html", "the tokens", above=comparison.first, below=comparison.second),
        }

    def _judged(self) -> Origin:
        return {"judge": describe(self.report.judge)} if self.report.judge else {}

    def _prompts(self, *systems: str) -> Origin:
        """The prompt versions of those that are systems of the report: published outputs have none."""
        prompts = []
        for name in dict.fromkeys(systems):
            if (system := self.report.systems.get(name)) is None:
                continue
            version = f" {short_hash(system.prompt_hash)}" if system.prompt_hash else ""
            prompts.append(f"{name}: {system.prompt}{version}")
        return {"prompts": prompts}
