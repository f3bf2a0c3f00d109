"""What the two commands share that summarize files of what was judged: their options, and win rates out of preferences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE, as_json, bootstrap_options, given_instructions, show_record
from urial.core.progress import waiting

if TYPE_CHECKING:
    from urial.judge.files.win_rates import WinRateOptions
    from urial.records.instruction import TagKind
    from urial.records.win_rates import WinRates
    from urial.statistics.bootstrap import Bootstrap


@dataclass(frozen=True)
class Summarizing:
    """What is shown of the files, and how."""

    by: "TagKind | None"
    # None: the run's.
    instructions: Path | None
    mixed_judges: bool
    # Files with the answers of systems that were compared.
    answers: tuple[Path, ...]
    bootstrap: "Bootstrap"
    as_json: bool


def summarizing_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of both commands; the command is given ``how``."""

    @wraps(command)
    def with_how(*arguments: object, **options: object) -> None:
        how = Summarizing(**{name: options.pop(name) for name in Summarizing.__dataclass_fields__})  # type: ignore[arg-type]
        command(*arguments, how=how, **options)

    decorated: Callable[..., None] = with_how
    for option in (
        as_json,
        bootstrap_options,
        click.option(
            "--answers", multiple=True, type=FILE,
            help="Of preferences: a system's answers, to tell what in them a judge may be fooled by.",
        ),
        click.option("--mixed-judges", is_flag=True, help="Show systems that different judges judged, labeled so."),
        click.option("--instructions", type=FILE, help="The instructions judged.  [default: data/instructions.jsonl]"),
        click.option(
            "--by", type=click.Choice(["task", "topic", "source", "category"]), help="Also a table by tags of this kind."
        ),
    ):  # fmt: skip
        decorated = option(decorated)
    return decorated


def figures_of(files: Sequence[Path], options: "WinRateOptions", how: Summarizing) -> "WinRates":
    """Win rates out of files of preferences, with the instructions that are named, else those of the run."""
    from urial.exchange.importers.answer_files import AnswerOptions, read_rows_alone
    from urial.judge.files.preferences import answers_of, read_files, require_one_judge, with_texts
    from urial.judge.files.win_rates import win_rates as figures

    systems = read_files(files)
    if not how.mixed_judges:
        require_one_judge(systems)
    known = given_instructions(how.instructions, {row.instruction_id for row in systems[0].rows}, files[0])
    if known is not None:
        systems = with_texts(systems, *known)
    texts = answers_of(systems, ((path, read_rows_alone(path, AnswerOptions())[0]) for path in how.answers))
    with waiting("win rates"):
        return figures(systems, known, replace(options, by=how.by, answers=texts), how.bootstrap)


def show_win_rates(rates: "WinRates", how: Summarizing) -> None:
    """Win rates as tables, or as JSON."""
    from urial.judge.files.win_rate_tables import win_rates_text

    show_record(rates, win_rates_text, how.as_json)
