"""The commands that compare systems, judges and people by files of what was judged."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE, as_json, bootstrap_options, given_instructions, show_record
from urial.cli.win_rates import Summarizing, figures_of, show_win_rates, summarizing_options
from urial.core.errors import UrialError
from urial.core.progress import waiting

if TYPE_CHECKING:
    from urial.statistics.bootstrap import Bootstrap


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option(
    "--not-applicable", type=click.Choice(["exclude", "1", "2", "3", "4", "5"]), default="exclude",
    help="Leave not applicable out of means, or count it as a score; just-eval counts 5.",
)  # fmt: skip
@summarizing_options
def summarize(files: tuple[Path, ...], not_applicable: str, how: Summarizing) -> None:
    """Scores of systems from FILES of judgments, one a system, and their paired differences.

    Of FILES of preferences the win rates and the judge's habits, as `urial win-rates` shows them with further options.
    """
    from urial.judge.files.raters_files import has_preferences

    if all(map(has_preferences, files)):
        summarize_preferences(files, not_applicable, how)
        return
    if how.answers:
        raise UrialError("--answers is for preferences, and not all FILES are preferences")
    from urial.judge.files.reading import read_systems
    from urial.judge.files.summary import SummaryOptions, summarize
    from urial.judge.files.tables import summary_text
    from urial.run.joining import asked_of, require_same_texts

    systems = read_systems(files)
    counted = None if not_applicable == "exclude" else int(not_applicable)
    known = given_instructions(how.instructions, {row.instruction_id for row in systems[0].rows}, files[0])
    if known is not None:
        for system in systems:
            fix = "name the instructions that were judged with --instructions FILE"
            require_same_texts(asked_of(*known), system.asked, fix)
    rows = None if known is None else known[1]
    options = SummaryOptions(how.by, counted, how.mixed_judges)
    with waiting("scores"):
        found = summarize(systems, rows, options, how.bootstrap)
    show_record(found, summary_text, how.as_json)


def summarize_preferences(files: tuple[Path, ...], not_applicable: str, how: Summarizing) -> None:
    """What `urial win-rates` shows of the files."""
    from urial.judge.files.win_rates import WinRateOptions

    if not_applicable != "exclude":
        raise UrialError("--not-applicable is for judgments, and FILES are preferences")
    show_win_rates(figures_of(files, WinRateOptions(), how), how)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--top", default=10, type=click.IntRange(0), help="Disagreements to list.")
@bootstrap_options
@as_json
def agreement(files: tuple[Path, ...], top: int, bootstrap: "Bootstrap", as_json: bool) -> None:
    """How far judges and people agree on the same answers.

    FILES are judgments, preferences and tables of what people said: two judges, a judge and people, people alone, or
    several judgings by one judge. People's tables have the columns instruction_id, aspect, score or instruction_id, system,
    baseline, preference and, where there are, person, turn and rationale; AlpacaEval's and FastChat's are read as they are.
    """
    from urial.judge.files.agreement_records import PreferenceAgreement
    from urial.judge.files.agreement_tables import preference_agreement_text
    from urial.judge.files.raters_files import agreement_of
    from urial.judge.files.tables import agreement_text

    with waiting("agreement"):
        found = agreement_of(files, top, bootstrap)
    if isinstance(found, PreferenceAgreement):
        show_record(found, preference_agreement_text, as_json)
    else:
        show_record(found, agreement_text, as_json)
