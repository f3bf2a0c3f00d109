"""The commands that read other tools' files, and that compare systems and judges."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE, as_json, bootstrap_options, force_option, given_instructions, show_record
from urial.core.errors import UrialError
from urial.core.store import require_free, write_jsonl

if TYPE_CHECKING:
    from urial.exchange.importers.single_judgments import Duplicates
    from urial.instructions.formats import Category
    from urial.statistics.bootstrap import Bootstrap
    from urial.statistics.scores import TagKind

KINDS = ("just-eval", "alpaca-eval", "mt-bench", "lima", "table")

system_option = click.option("--system", required=True, help="Name of the system that answered.")
out_option = click.option("--out", required=True, type=FILE, help="File to write (JSONL).")
answers_option = click.option(
    "--answers", multiple=True, type=FILE,
    help="Preferences: also what in these completions of a system a judge may be fooled by.",
)  # fmt: skip
found_option = click.option("--instructions-out", type=FILE, help="Also write the instructions found (JSONL).")


@click.group("import")
def import_() -> None:
    """Make records of other tools' files. A file is read whole before anything is written."""


@import_.command("judgments")
@click.argument("files", nargs=-1, required=True, type=FILE)
@system_option
@click.option("--judge", help="Who judged, where FILES do not say.")
@click.option("--instructions", type=FILE, help="FastChat: the questions judged, as published with their numbers.")
@click.option(
    "--duplicates", type=click.Choice(["refuse", "last", "first", "all"]), default="refuse",
    help="Rows of one question and turn: which of them counts, or all, as in FastChat's own averages.",
)  # fmt: skip
@out_option
@found_option
@force_option
def import_judgments(
    files: tuple[Path, ...],
    system: str,
    judge: str | None,
    instructions: Path | None,
    duplicates: "Duplicates",
    out: Path,
    instructions_out: Path | None,
    force: bool,
) -> None:
    """Judgments of one system from FILES: just-eval's score files (score_multi, score_safety), FastChat's single judgments of
    MT-Bench, in full or as a table, and WildBench's scores.
    """
    from urial.exchange.importers.judgments import import_judgments as read
    from urial.exchange.importers.single_judgments import ScoreOptions, has_single_judgments, import_scores

    require_free(out, *([instructions_out] if instructions_out else []), force=force, inputs=files)
    if all(map(has_single_judgments, files)):
        imported = import_scores(files, system, ScoreOptions(judge, duplicates, instructions))
        if instructions_out and not imported.instructions:
            fix = "name the questions, as published, with --instructions"
            raise UrialError("FILES have no texts of instructions", fix=fix)
    elif judge or instructions or duplicates != "refuse":
        raise UrialError(
            "--judge, --instructions and --duplicates are for FastChat and WildBench, and not all FILES are theirs"
        )
    else:
        imported = read(files, system)
    if instructions_out:
        write_jsonl(instructions_out, imported.instructions)
    write_jsonl(out, imported.judgments)
    turns = [turn for row in imported.judgments for turn in (row, *row.later_turns)]
    counts = Counter(item.status for turn in turns for item in turn.scores)
    detail = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in sorted(counts.items()))
    of_turns = f" of {len(turns):,} answers" if len(turns) > len(imported.judgments) else ""
    click.echo(f"{out}: {len(imported.judgments):,} judgments{of_turns}; of their aspects {detail}")


@import_.command("completions")
@click.argument("file", type=FILE)
@system_option
@out_option
@click.option("--instructions", type=FILE, help="The instructions answered: records, or a published set as it is.")
@click.option(
    "--category", type=click.Choice(["regular", "safety"]),
    help="For --instructions-out: category of rows whose file names none.  [default: regular, for AlpacaEval]",
)  # fmt: skip
@found_option
@force_option
def import_completions(
    file: Path,
    instructions: Path | None,
    category: "Category | None",
    system: str,
    out: Path,
    instructions_out: Path | None,
    force: bool,
) -> None:
    """Answers from an output FILE of just-eval, URIAL, AlpacaEval, AlignTDS or FastChat.

    They are joined with instructions by their text, whatever numbers they have; those of FastChat have no texts, and are joined
    with the published questions by their numbers.
    """
    from urial.exchange.importers.completions import import_completions as read
    from urial.exchange.importers.completions import instructions_of
    from urial.exchange.importers.fastchat_answers import has_fastchat_answers, import_fastchat_answers
    from urial.exchange.importers.instructions import read_instructions

    require_free(out, *([instructions_out] if instructions_out else []), force=force)
    if has_fastchat_answers(file):
        answers = import_fastchat_answers(file, system, instructions)
        if instructions_out and not answers.instructions:
            fix = "name the questions, as published, with --instructions"
            raise UrialError("FILE has no texts of instructions", fix=fix)
        if instructions_out:
            write_jsonl(instructions_out, answers.instructions)
        write_jsonl(out, answers.completions)
        several = f"; of {answers.several_choices:,} with several choices the first" if answers.several_choices else ""
        click.echo(f"{out}: {len(answers.completions):,} completions{several}")
        return
    given = read_instructions(instructions) if instructions else None
    rows = read(file, system, given)
    if instructions_out:
        write_jsonl(instructions_out, given or instructions_of(file, category))
    write_jsonl(out, rows)
    click.echo(f"{out}: {len(rows):,} completions")


@import_.command("instructions")
@click.argument("file", type=FILE)
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What the file holds.")
@click.option("--name", help="Name of the set, which ids in a table begin with.  [default: the kind]")
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="table: the column of a field.")
@click.option(
    "--category", type=click.Choice(["regular", "safety"]),
    help="table: category of rows that name none.  [default: regular]",
)  # fmt: skip
@out_option
@force_option
def import_instructions(
    file: Path, kind: str, name: str | None, columns: tuple[str, ...], category: str | None, out: Path, force: bool
) -> None:
    """Instructions from a FILE of a published set, or from any table."""
    from urial.exchange.importers.instructions import import_instructions as read

    require_free(out, force=force)
    table: dict[str, object] = {"category": category} if category else {}
    chosen: dict[str, str] = {}
    for text in columns:
        field, equals, column = text.partition("=")
        if not equals:
            raise UrialError(f"--column {text!r}", expected="FIELD=COLUMN, as in query=question")
        if field in chosen:
            raise UrialError(f"--column {field}: given twice")
        chosen[field] = column
    if chosen:
        table["columns"] = chosen
    if table and kind != "table":
        raise UrialError(f"--column and --category are for --kind table, not for {kind}")
    rows = read(file, kind, name or kind, table)
    write_jsonl(out, rows)
    click.echo(f"{out}: {len(rows):,} instructions")


@import_.command("people")
@click.argument("file", type=FILE)
@out_option
@force_option
def import_people(file: Path, out: Path, force: bool) -> None:
    """What people said of answers, from a table FILE: scores or preferences, a row for each person and answer.

    One person a row, named in the column person, or several in a row, in columns such as score:ANN or preference:BEN.
    """
    from urial.judge.files.people import read_people

    require_free(out, force=force, inputs=[file])
    rows = read_people(file)
    write_jsonl(out, rows)
    people = {row.person for row in rows}
    click.echo(
        f"{out}: {len(rows):,} ratings by {len(people):,} people of {len({row.instruction_id for row in rows}):,} instructions"
    )


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--by", type=click.Choice(["task", "topic", "source"]), help="Also a table for every tag of this kind.")
@click.option(
    "--not-applicable", type=click.Choice(["exclude", "1", "2", "3", "4", "5"]), default="exclude",
    help="Leave not applicable out of means, or count it as a score; just-eval counts 5.",
)  # fmt: skip
@click.option("--instructions", type=FILE, help="The instructions judged.  [default: data/instructions.jsonl]")
@click.option("--mixed-judges", is_flag=True, help="Show systems that different judges judged, labeled so.")
@answers_option
@bootstrap_options
@as_json
def summarize(
    files: tuple[Path, ...],
    by: "TagKind | None",
    not_applicable: str,
    instructions: Path | None,
    mixed_judges: bool,
    answers: tuple[Path, ...],
    bootstrap: "Bootstrap",
    as_json: bool,
) -> None:
    """Scores of systems from FILES of judgments, one a system, and their paired differences.

    Of FILES of preferences the win rates and the judge's habits, as `urial win-rates` shows them with further options.
    """
    from urial.judge.files.raters_files import has_preferences

    if all(map(has_preferences, files)):
        summarize_preferences(files, by, not_applicable, instructions, mixed_judges, answers, bootstrap, as_json)
        return
    if answers:
        raise UrialError("--answers is for preferences, and not all FILES are preferences")
    from urial.judge.files.reading import read_systems
    from urial.judge.files.summary import SummaryOptions, summarize
    from urial.judge.files.tables import summary_text
    from urial.run.joining import asked_of, require_same_texts

    systems = read_systems(files)
    counted = None if not_applicable == "exclude" else int(not_applicable)
    instructions_known = given_instructions(instructions, {row.instruction_id for row in systems[0].rows}, files[0])
    if instructions_known is not None:
        for system in systems:
            fix = "name the instructions that were judged with --instructions FILE"
            require_same_texts(asked_of(*instructions_known), system.asked, fix)
    rows = None if instructions_known is None else instructions_known[1]
    options = SummaryOptions(by, counted, mixed_judges)
    show_record(summarize(systems, rows, options, bootstrap), summary_text, as_json)


def summarize_preferences(
    files: tuple[Path, ...],
    by: "TagKind | None",
    not_applicable: str,
    instructions: Path | None,
    mixed_judges: bool,
    answers: tuple[Path, ...],
    bootstrap: "Bootstrap",
    as_json: bool,
) -> None:
    """What `urial win-rates` shows of the files."""
    from urial.cli.win_rates import figures_of, show_win_rates
    from urial.judge.files.win_rates import WinRateOptions

    if not_applicable != "exclude":
        raise UrialError("--not-applicable is for judgments, and FILES are preferences")
    options = WinRateOptions(by="dataset" if by == "source" else by)
    show_win_rates(figures_of(files, options, instructions, answers, bootstrap, mixed_judges=mixed_judges), as_json)


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

    found = agreement_of(files, top, bootstrap)
    if isinstance(found, PreferenceAgreement):
        show_record(found, preference_agreement_text, as_json)
    else:
        show_record(found, agreement_text, as_json)
