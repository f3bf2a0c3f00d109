"""Win rates out of files of preferences, for the two commands that show them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE, given_instructions, show_record

if TYPE_CHECKING:
    from urial.judge.files.win_rates import WinRateOptions
    from urial.records.win_rates import WinRates
    from urial.statistics.bootstrap import Bootstrap

answers_option = click.option(
    "--answers", multiple=True, type=FILE,
    help="Preferences: also what in these completions of a system a judge may be fooled by.",
)  # fmt: skip


def figures_of(
    files: Sequence[Path],
    options: "WinRateOptions",
    instructions: Path | None,
    answers: Sequence[Path],
    bootstrap: "Bootstrap",
    *,
    mixed_judges: bool,
) -> "WinRates":
    """Win rates out of files of preferences, with the instructions that are named, else those of the run."""
    from urial.exchange.importers.answer_files import AnswerOptions, read_rows_alone
    from urial.judge.files.preferences import answers_of, read_files, require_one_judge, with_texts
    from urial.judge.files.win_rates import win_rates as figures

    systems = read_files(files)
    if not mixed_judges:
        require_one_judge(systems)
    known = given_instructions(instructions, {row.instruction_id for row in systems[0].rows}, files[0])
    if known is not None:
        systems = with_texts(systems, *known)
    texts = answers_of(systems, ((path, read_rows_alone(path, AnswerOptions())[0]) for path in answers))
    return figures(systems, known, replace(options, answers=texts), bootstrap)


def show_win_rates(rates: "WinRates", as_json: bool) -> None:
    """Win rates as tables, or as JSON."""
    from urial.judge.files.win_rate_tables import win_rates_text

    show_record(rates, win_rates_text, as_json)
