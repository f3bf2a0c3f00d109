"""The tables of known answers, of a run whose instructions have accepted answers and of one without."""

from dataclasses import replace

from tests.report.conftest import small_run
from tests.report.known_runs import known_run
from urial.report.build import build_report, main_metrics
from urial.report.known_tables import known_agreement_table, reported_known_answers
from urial.report.tables import report_text


def test_systems_are_counted_and_set_side_by_side() -> None:
    report = build_report(known_run())
    aligned, base = (report.systems[name].known_answers for name in ("aligned", "base"))
    assert aligned is not None
    assert base is not None
    assert (aligned.answered, aligned.no_completion, aligned.total, aligned.contained.mean) == (4, 0, 4, 3 / 4)
    assert (base.answered, base.no_completion, base.total, base.contained.mean) == (3, 1, 4, 2 / 3)
    table, agreement = reported_known_answers(report), known_agreement_table(report.known_agreement)
    assert table is not None
    assert agreement is not None
    assert [row[-3:] for row in table.rows] == [[4, 0, 4], [3, 1, 4], [3, 1, 4]]
    assert [row[:-1] for row in agreement.rows] == [
        ["base", "aligned", 2, 0, 0, 1, 1],
        ["another-base", "aligned", 1, 0, 1, 1, 1],
    ]
    assert agreement.rows[0][-1] == "0.00 [0.00, 0.00] (p 1.0000)"
    assert "left out" not in str(table.caption)
    assert main_metrics(report).measured["base"].known_answers == 2 / 3
    printed = report_text(report)
    assert table.markdown() in printed
    assert agreement.markdown() in printed


def test_without_an_aligned_model_the_agreement_is_left_out_with_the_reason() -> None:
    run = known_run()
    alone = replace(
        run,
        models={role: model for role, model in run.models.items() if role == "base"},
        systems={name: system for name, system in run.systems.items() if name == "base"},
        contexts={},
    )
    report = build_report(alone)
    table = reported_known_answers(report)
    assert known_agreement_table(report.known_agreement) is None
    assert table is not None
    assert str(table.caption).endswith(f"is left out, since the study {report.study} has none.")
    assert "known_agreement" not in report.model_dump()


def test_without_accepted_answers_nothing_is_said() -> None:
    report = build_report(small_run())
    assert reported_known_answers(report) is None
    assert known_agreement_table(report.known_agreement) is None
    dumped = report.model_dump()
    assert "known_agreement" not in dumped
    assert all("known_answers" not in system for system in dumped["systems"].values())
    assert "known_answers" not in main_metrics(report).model_dump()["measured"]["base"]
