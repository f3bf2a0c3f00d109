"""`urial known-answers`: how many known answers systems give, by files of answers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.answers import answer_options, read_answers, require_files
from urial.cli.shared import FILE, as_json, bootstrap_options, show_record
from urial.core.errors import UrialError

if TYPE_CHECKING:
    from urial.exchange.importers.answer_files import AnswerFile, AnswerOptions
    from urial.statistics.bootstrap import Bootstrap


@click.command("known-answers")
@click.argument("answers", nargs=-1, required=True, type=FILE)
@answer_options
@bootstrap_options
@as_json
def known_answers(answers: tuple[Path, ...], reading: "AnswerOptions", bootstrap: "Bootstrap", as_json: bool) -> None:
    """How many known answers the systems of ANSWERS give, a file each, and how far they agree, fact by fact.

    Of the instructions with accepted answers: those of a run, of --instructions, or of a column of your own table (--column
    accepted=COLUMN), which has one text or a list. Nobody judges.
    """
    from urial.report.known_tables import known_summary_text
    from urial.run.joining import require_one_system
    from urial.statistics.known_answers import known_summary

    require_files(*answers)
    files: dict[str, AnswerFile] = {}
    places: dict[str, Path] = {}
    for path in answers:
        found = read_answers(path, reading, "look at")
        require_one_system(path, found.completions)
        name = found.completions[0].system
        if name in files:
            raise UrialError(
                f"{places[name]} and {path}: both of the system {name!r}",
                expected="one file a system",
                fix="give one of them another name: `urial import completions FILE --system NAME --out OTHER`",
            )
        files[name], places[name] = found, path
    rows = {name: (found.instructions, found.completions) for name, found in files.items()}
    show_record(known_summary(rows, bootstrap), known_summary_text, as_json)
