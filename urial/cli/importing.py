"""The commands that read other tools' files."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE, force_option
from urial.core.errors import UrialError
from urial.core.store import require_free, write_jsonl

if TYPE_CHECKING:
    from urial.exchange.importers.single_judgments import Duplicates
    from urial.instructions.formats import Category

KINDS = ("just-eval", "alpaca-eval", "mt-bench", "lima", "table")

system_option = click.option("--system", required=True, help="Name of the system that answered.")
out_option = click.option("--out", required=True, type=FILE, help="File to write (JSONL).")
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

    require_free(out, *([instructions_out] if instructions_out else []), force=force)
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
@click.option("--instructions", type=FILE, help="FastChat: the questions rated, as published with their numbers.")
@out_option
@force_option
def import_people(file: Path, instructions: Path | None, out: Path, force: bool) -> None:
    """What people said of answers, from a table FILE: scores or preferences, a row for each person and answer.

    One person a row, named in the column person, or several in a row, in columns such as score:ANN or preference:BEN.
    """
    from urial.exchange.importers.people import import_people as read

    require_free(out, force=force, inputs=[file])
    rows = read(file, instructions)
    write_jsonl(out, rows)
    people, asked = ({getattr(row, name) for row in rows} for name in ("person", "instruction_id"))
    click.echo(f"{out}: {len(rows):,} ratings by {len(people):,} people of {len(asked):,} instructions")
