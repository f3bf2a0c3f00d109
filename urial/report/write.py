"""Writes a report's files: report.json, metrics.json, tables, charts and the site."""

from pathlib import Path

from urial.core.store import write_json, write_text
from urial.core.tables import Table
from urial.records.report import Report
from urial.report import (
    blend_tables,
    branching_tables,
    known_tables,
    part_tables,
    position_tables,
    safety_tables,
    shift_tables,
    tables,
)
from urial.report.build import build_report, main_metrics
from urial.report.charts.every import all_figures, write_charts
from urial.report.inputs import ReportInputs
from urial.report.site.index import identifier
from urial.report.site.write import write_site


def write_report(inputs: ReportInputs, out: Path) -> None:
    """report.json, metrics.json, tables/, charts/ and site/ under ``out``."""
    report = build_report(inputs)
    curves, tagged = shift_tables.curve_tables(inputs), shift_tables.shifts_by_tag(inputs)
    branching = branching_tables.branching_curve_tables(inputs)
    landmarks = position_tables.landmark_curve_table(inputs)
    written: dict[str, Table | None] = {
        "scores": tables.score_table(report) if report.judge else None,
        "scores_by_tag": tables.tag_table(inputs) if report.judge else None,
        "answers": None if report.judge else tables.answer_table(report),
        "known_answers": known_tables.reported_known_answers(report),
        "known_agreement": known_tables.known_agreement_table(report.known_agreement),
        "preferences": tables.preference_table(report.preferences, report.preference_judge),
        "blends": blend_tables.intervention_table(report.blends),
        "blends_supplied": blend_tables.supplied_table(report.blends),
        "blends_recovered": blend_tables.recovered_table(report.blends),
        "safety_depth": safety_tables.rate_rows(report.safety_depth),
        "safety_depth_by_position": safety_tables.position_table(report.safety_depth),
        "turns": tables.turn_table(report),
        "turns_by_tag": tables.turn_tag_table(inputs) if report.judge else None,
        "later_turns": tables.later_turns_table(report),
        "token_shift_by_part_position": part_tables.part_curve_table(inputs),
        **(_shift_tables(report, curves, branching, tagged) if report.token_shift else {}),
        **(
            {**position_tables.position_tables(report.token_shift), "landmarks_by_distance": landmarks}
            if report.token_shift
            else {}
        ),
    }
    write_json(out / "report.json", report)
    write_json(out / "metrics.json", main_metrics(report))
    for name, table in written.items():
        if table is not None:
            write_text(out / "tables" / f"{name}.csv", table.csv())
            write_text(out / "tables" / f"{name}.md", table.markdown())
    figures = all_figures(inputs, report, curves, branching, written["scores_by_tag"], landmarks=landmarks)
    charts = write_charts(figures, identifier(report), out / "charts")
    write_site(inputs, report, charts, tagged, scores_by_tag=written["scores_by_tag"], folder=out / "site")


def _shift_tables(
    report: Report, curves: tuple[Table, Table], branching: tuple[Table, Table], tagged: shift_tables.TagShifts
) -> dict[str, Table | None]:
    """The tables of the token shift by name."""
    shift = report.token_shift
    tokens, words = shift_tables.shifted_tables(shift)
    return {
        "token_shift": tables.shift_table(report),
        "token_shift_means": shift_tables.divergence_table(shift),
        "token_shift_coverage": shift_tables.coverage_table(shift),
        "token_shift_contexts": shift_tables.context_table(report.context_comparisons),
        "token_shift_labels": shift_tables.label_table(shift),
        "token_shift_parts": part_tables.part_table(shift),
        "token_shift_moves": part_tables.move_table(shift),
        "token_shift_by_tag": shift_tables.shift_tag_table(tagged),
        "token_shift_by_position": curves[0],
        "token_shift_by_tenth": curves[1],
        "branching": branching_tables.branching_table(shift),
        "branching_by_position": branching[0],
        "branching_by_tenth": branching[1],
        "shifted_tokens": tokens,
        "shifted_words": words,
        "shifted_log_odds": shift_tables.log_odds_table(shift),
    }
