"""The commands that read other tools' files."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.answers import category_option, columns_option
from urial.cli.shared import FILE, chosen_columns, force_option
from urial.core.errors import UrialError
from urial.core.store import require_free, write_jsonl
from urial.core.text import counted

if TYPE_CHECKING:
    from urial.exchange.importers.answer_files import AnswerKind
    from urial.exchange.importers.logs.rows import LogKind
    from urial.exchange.importers.single_judgments import Duplicates
    from urial.instructions.formats import Category

KINDS = ("just-eval", "alpaca-eval", "mt-bench", "lima", "table")
LOG_KINDS: "tuple[LogKind, ...]" = ("inspect", "lm-eval", "helm")
ANSWER_KINDS = ("just-eval", "alpaca-eval", "mt-bench", "table", *LOG_KINDS)

system_option = click.option("--system", required=True, help="Name of the system that answered.")
out_option = click.option("--out", required=True, type=FILE, help="File to write (JSONL).")
found_option = click.option("--instructions-out", type=FILE, help="Also write the instructions found (JSONL).")


@click.group("import")
def import_() -> None:
    """Make records of other tools' files. A file is read whole before anything is written."""


@import_.command("judgments")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--kind", type=click.Choice(LOG_KINDS), help="Logs of a harness.  [default: the columns of FILES tell]")
@system_option
@click.option("--judge", help="Who judged, where FILES do not say.")
@click.option("--score", "scores", multiple=True, metavar="NAME=ASPECT", help="Logs: the aspect of a score.")
@click.option("--scale", type=click.IntRange(2, 10), help="Logs: the highest score.  [default: 5]")
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
    kind: "LogKind | None",
    system: str,
    judge: str | None,
    scores: tuple[str, ...],
    scale: int | None,
    instructions: Path | None,
    duplicates: "Duplicates",
    out: Path,
    instructions_out: Path | None,
    force: bool,
) -> None:
    """Judgments of one system from FILES: just-eval's score files (score_multi, score_safety), FastChat's single judgments of
    MT-Bench, in full or as a table, and WildBench's scores; with --kind logs of Inspect, lm-evaluation-harness and HELM.

    Of a log those scores count that have the name of an aspect, or that --score names.
    """
    from urial.exchange.importers.judgments import import_judgments as read
    from urial.exchange.importers.logs.rows import LogOptions, import_log_judgments
    from urial.exchange.importers.single_judgments import ScoreOptions, has_single_judgments, import_scores

    require_free(out, *([instructions_out] if instructions_out else []), force=force)
    if kind is not None:
        if instructions or duplicates != "refuse":
            raise UrialError(f"--instructions and --duplicates are for FastChat, not for {kind}")
        aspects = chosen_columns(scores, "accuracy=overall", "--score NAME=ASPECT")
        imported = import_log_judgments(files, kind, system, LogOptions(judge, aspects, scale or 5))
    elif scores or scale:
        raise UrialError("--score and --scale are for logs", fix=f"say of which: --kind {', '.join(LOG_KINDS)}")
    elif all(map(has_single_judgments, files)):
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
    of_turns = f" of {counted(len(turns), 'answer')}" if len(turns) > len(imported.judgments) else ""
    click.echo(f"{out}: {counted(len(imported.judgments), 'judgment')}{of_turns}; of their aspects {detail}")


@import_.command("completions")
@click.argument("file", type=FILE)
@click.option("--kind", type=click.Choice(ANSWER_KINDS), help="What FILE holds.  [default: its columns tell]")
@system_option
@out_option
@click.option("--instructions", type=FILE, help="The instructions answered: records, or a published set as it is.")
@columns_option
@category_option
@found_option
@force_option
def import_completions(
    file: Path,
    kind: "AnswerKind | LogKind | None",
    instructions: Path | None,
    columns: tuple[str, ...],
    category: "Category | None",
    system: str,
    out: Path,
    instructions_out: Path | None,
    force: bool,
) -> None:
    """Answers of one system from FILE: a table of your own with a question and an answer a row, or chats; or an output file of
    just-eval, URIAL, AlpacaEval, AlignTDS or FastChat; with --kind a log of Inspect, lm-evaluation-harness or HELM.

    They are joined with instructions by their text, whatever numbers they have; those of FastChat have no texts, and are joined
    with the published questions by their numbers.
    """
    from urial.exchange.importers.answer_files import AnswerOptions, import_answer_file
    from urial.exchange.importers.logs.answers import import_log_answers

    require_free(out, *([instructions_out] if instructions_out else []), force=force, inputs=[file])
    options = AnswerOptions(
        instructions, columns=chosen_columns(columns, "query=question"), category=category, system=system
    )
    if kind == "inspect" or kind == "lm-eval" or kind == "helm":  # noqa: PLR1714 - the type checker follows this alone
        imported = import_log_answers(file, kind, options)
    else:
        imported = import_answer_file(file, options, kind, with_instructions=instructions_out is not None)
    if instructions_out:
        write_jsonl(instructions_out, imported.instructions)
    write_jsonl(out, imported.completions)
    click.echo("; ".join([f"{out}: {counted(len(imported.completions), 'completion')}", *imported.remarks]))


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
    if chosen := chosen_columns(columns, "query=question"):
        table["columns"] = chosen
    if table and kind != "table":
        raise UrialError(f"--column and --category are for --kind table, not for {kind}")
    rows = read(file, kind, name or kind, table)
    write_jsonl(out, rows)
    click.echo(f"{out}: {counted(len(rows), 'instruction')}")


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
    click.echo(
        f"{out}: {counted(len(rows), 'rating')} by {counted(len(people), 'person', 'people')} of {counted(len(asked), 'instruction')}"
    )
