"""Origins of figures of blends and of safety depth, and of how many rows a figure of the token shift is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from urial.records.params.blends import control_of
from urial.records.report import Report
from urial.records.shift_figures import ShiftFigures
from urial.report.inputs import ReportInputs
from urial.report.site.origin_parts import files_of, link
from urial.run import paths
from urial.safety_depth.figures.positions import figures_at, position_how
from urial.safety_depth.figures.rates import PREFILL_FIGURES, prefill_figures
from urial.statistics.blends import TOKEN_FIGURES, intervention_figures, recovered_figures, recovered_how
from urial.statistics.bootstrap import INTERVAL
from urial.statistics.figures import function_name

Origin = dict[str, Any]
Prompts = Callable[..., Origin]
# Figures that count the tokens of a kind, of which a share is.
_OF_KINDS = ("labels", "style", "knowledge", "moves", "parts")


def is_of_kind(path: Sequence[str]) -> bool:
    """Whether a value of ShiftFigures is of the tokens of one kind: which rows those are, the figure itself knows.

    A mean of KL is of those where it is known.
    """
    return path[0] in _OF_KINDS and len(path) > 1 and "kl" not in path


def positions_of(figures: ShiftFigures, path: Sequence[str]) -> int:
    """Of how many positions a value of ShiftFigures is, as the nearest record on its path says."""
    count, node = figures.positions, figures
    for step in path:
        if isinstance(node, Mapping):
            node = node[step]
        elif isinstance(node, tuple):
            node = node[int(step)]
        else:
            node = getattr(node, step)
        own = getattr(node, "positions", getattr(node, "tokens", None))
        count = own if isinstance(own, int) else count
    return count


def blend_origin(report: Report, steps: Sequence[str], prompts: Prompts) -> Origin:
    """The origin of a value of ``blends.NAME``, as `urial trace` says it."""
    _, name, part, *inner = steps
    figures, control = report.blends[name], control_of(name)
    path = tuple(step for step in inner if step not in ("mean", *INTERVAL))
    if part == "recovered":
        aspect, field = path
        systems = tuple(dict.fromkeys((name, control, figures.base, figures.helper)))
        judged = map(paths.JUDGMENTS.path, sorted(systems))
        return {
            "how": recovered_how(field),
            "function": function_name(recovered_figures),
            "rows": f"{figures.recovered[aspect].n:,} instructions",  # type: ignore[index]
            "files": [paths.REPORT_PLAN.path(), paths.SYSTEM_PLAN.path(name), paths.INSTRUCTIONS.path(), *judged],
            **prompts(*systems),
            "link": link("answers.html", "the answers", pin=",".join(systems)),
        }
    own = name if part == "blend" else control
    return {
        "how": TOKEN_FIGURES[path].how,
        "function": function_name(intervention_figures),
        "rows": f"{getattr(figures, part).positions:,} tokens of {getattr(figures, part).answers:,} answers",
        "files": files_of(paths.BLENDED_TOKENS.path(own), plan=True),
        **prompts(own),
        "link": link("answers.html", "the answers", pin=f"{name},{control}", focus=own),
    }


def depth_origin(inputs: ReportInputs, report: Report, steps: Sequence[str], prompts: Prompts) -> Origin:
    """The origin of a value of ``safety_depth``."""
    _, part, *inner = steps
    if part == "systems":
        system, kind, tokens, field = inner[:4]
        figures = report.safety_depth.systems[system][kind][tokens]  # type: ignore[index, union-attr]
        rows = {"refused": figures.answered, "harmful": figures.known, "judged_harmful": figures.judged}
        return {
            "how": f"{PREFILL_FIGURES[field].how}: {kind} texts, of which {tokens} tokens are given",
            "function": function_name(prefill_figures),
            "rows": f"{rows.get(field, figures.total):,} of {figures.total:,} given texts",
            "files": files_of(paths.PREFILLED.path(system), paths.PREFILLED_VERDICTS.path(system), plan=True),
            **prompts(system),
            "link": link("answers.html", "its own answers", pin=system, system=system, category="safety"),
        }
    if part == "positions":
        name, position, field = inner[:3]
        count = report.safety_depth.positions[name][position].answers  # type: ignore[union-attr]
        measured = next(row for row in inputs.plan.measurements if row.name == name)
        return {
            "how": position_how(field),
            "function": function_name(figures_at),
            "rows": f"{count:,} positions",
            "files": files_of(paths.TOKEN_SHIFT.path(name), paths.COVERAGE.path(name), plan=True),
            **prompts(measured.aligned_system, measured.base_system),
            "link": link("tokens.html", "the tokens", above=name, token=str(int(position) - 1), category="safety"),
        }
    return {
        "how": "count of the instructions, by category and by kind of given text",
        "function": function_name(prefill_figures),
        "rows": f"{len(inputs.instructions):,} instructions",
        "files": files_of(*map(paths.PREFILLED.path, inputs.prefilled), plan=True),
        "link": link("answers.html", "the answers", category="safety"),
    }
