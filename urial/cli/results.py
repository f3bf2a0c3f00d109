"""The commands that read other tools' files, and that compare systems and judges."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack

import click

from urial.cli.printing import as_json, force_option, show_record
from urial.core.errors import UrialError
from urial.core.store import require_free

if TYPE_CHECKING:
    from urial.records.base import Record
    from urial.records.instruction import Instruction
    from urial.statistics.bootstrap import Bootstrap

Result = TypeVar("Result")
FILE = click.Path(path_type=Path)
RUN_INSTRUCTIONS = Path("data/instructions.jsonl")
KINDS = ("just-eval", "alpaca-eval", "mt-bench", "lima", "table")

system_option = click.option("--system", required=True, help="Name of the system that answered.")
out_option = click.option("--out", required=True, type=FILE, help="File to write (JSONL).")
found_option = click.option("--instructions-out", type=FILE, help="Also write the instructions found (JSONL).")


class _TableOptions(TypedDict):
    """Options of `urial import instructions` beside file, kind, name and out."""

    columns: tuple[str, ...]
    category: Literal["regular", "safety"] | None
    force: bool


class _SummaryOptions(TypedDict):
    """Options of `urial summarize` that say what is counted, and how."""

    by: Literal["task", "topic", "source"] | None
    not_applicable: str
    mixed_judges: bool


class _Share(click.FloatRange):
    """NaN is in no range: it is neither below nor above."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        share: float = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is not a number.", param, ctx) if math.isnan(share) else share


def bootstrap_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """The options of the bootstrap, with the defaults of params.yaml; the command is given a ``bootstrap``."""

    @wraps(command)
    def with_bootstrap(*arguments: object, resamples: int, confidence: float, seed: int, **options: object) -> Result:
        from urial.statistics.bootstrap import Bootstrap

        return command(*arguments, bootstrap=Bootstrap(resamples, confidence, seed), **options)

    resamples = click.option(
        "--resamples",
        default=2_000,
        type=click.IntRange(100, 1_000_000),
        show_default=True,
        help="Resamples of the bootstrap.",
    )
    confidence = click.option(
        "--confidence",
        default=0.95,
        type=_Share(0, 1, min_open=True, max_open=True),
        show_default=True,
        help="Coverage of the intervals.",
    )
    seed = click.option("--seed", default=0, type=click.IntRange(0), show_default=True, help="Seed of the bootstrap.")
    return resamples(confidence(seed(with_bootstrap)))


@click.group("import")
def import_() -> None:
    """Make records of other tools' files. A file is read whole before anything is written."""


@import_.command("judgments")
@click.argument("files", nargs=-1, required=True, type=FILE)
@system_option
@out_option
@found_option
@force_option
def import_judgments(
    files: tuple[Path, ...], system: str, out: Path, instructions_out: Path | None, force: bool
) -> None:
    """Judgments from just-eval's score FILES (score_multi, score_safety) of one system."""
    from urial.exchange.importers.judgments import import_judgments as read

    require_free(*_outputs(out, instructions_out), force=force)
    imported = read(files, system)
    _write(out, imported.judgments, instructions_out, imported.instructions)
    counts = Counter(item.status for row in imported.judgments for item in row.scores)
    detail = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in sorted(counts.items()))
    click.echo(f"{out}: {len(imported.judgments):,} judgments; of their aspects {detail}")


@import_.command("completions")
@click.argument("file", type=FILE)
@system_option
@out_option
@click.option("--instructions", type=FILE, help="The instructions answered: records, or Just-Eval-Instruct's rows.")
@found_option
@force_option
def import_completions(
    file: Path, instructions: Path | None, system: str, out: Path, *, instructions_out: Path | None, force: bool
) -> None:
    """Answers from an output FILE of just-eval, URIAL or AlpacaEval."""
    from urial.exchange.importers.completions import import_completions as read
    from urial.exchange.importers.completions import instructions_of
    from urial.exchange.importers.instructions import read_instructions

    require_free(*_outputs(out, instructions_out), force=force)
    given = read_instructions(instructions) if instructions else None
    rows = read(file, system, given)
    _write(out, rows, instructions_out, (given or instructions_of(file)) if instructions_out else [])
    click.echo(f"{out}: {len(rows):,} completions")


@import_.command("instructions")
@click.argument("file", type=FILE)
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What the file holds.")
@click.option("--name", help="Name of the set, which ids in a table begin with.  [default: the kind]")
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="table: the column of a field.")
@click.option(
    "--category",
    type=click.Choice(["regular", "safety"]),
    help="table: category of rows that name none.  [default: regular]",
)
@out_option
@force_option
def import_instructions(file: Path, kind: str, name: str | None, out: Path, **options: Unpack[_TableOptions]) -> None:
    """Instructions from a FILE of a published set, or from any table."""
    from urial.exchange.importers.instructions import import_instructions as read

    require_free(out, force=options["force"])
    table: dict[str, object] = {"category": options["category"]} if options["category"] else {}
    if options["columns"]:
        table["columns"] = _columns(options["columns"])
    if table and kind != "table":
        raise UrialError(f"--column and --category are for --kind table, not for {kind}")
    rows = read(file, kind, name or kind, table)
    _write(out, rows, None, [])
    click.echo(f"{out}: {len(rows):,} instructions")


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--by", type=click.Choice(["task", "topic", "source"]), help="Also a table for every tag of this kind.")
@click.option(
    "--not-applicable",
    type=click.Choice(["exclude", "1", "2", "3", "4", "5"]),
    default="exclude",
    show_default=True,
    help="Leave not applicable out of means, or count it as a score; just-eval counts 5.",
)
@click.option("--instructions", type=FILE, help="The instructions judged.  [default: data/instructions.jsonl]")
@click.option("--mixed-judges", is_flag=True, help="Show systems that different judges judged, labeled so.")
@bootstrap_options
@as_json
def summarize(
    files: tuple[Path, ...],
    instructions: Path | None,
    bootstrap: "Bootstrap",
    as_json: bool,
    **options: Unpack[_SummaryOptions],
) -> None:
    """Scores of systems from FILES of judgments, one a system, and their paired differences."""
    from urial.exchange.importers.instructions import read_instructions
    from urial.judge.files.reading import read_systems
    from urial.judge.files.summary import SummaryOptions, summarize
    from urial.judge.files.tables import summary_text

    systems = read_systems(files)
    counted = options["not_applicable"]
    chosen = SummaryOptions(
        by=options["by"],
        not_applicable=None if counted == "exclude" else int(counted),
        mixed_judges=options["mixed_judges"],
    )
    known = (
        read_instructions(instructions)
        if instructions
        else run_instructions({row.instruction_id for row in systems[0].rows})
    )
    show_record(summarize(systems, known, chosen, bootstrap), summary_text, as_json)


@click.command()
@click.argument("first", metavar="FILE_A", type=FILE)
@click.argument("second", metavar="FILE_B", type=FILE)
@click.option("--top", default=10, type=click.IntRange(0), show_default=True, help="Disagreements to list.")
@bootstrap_options
@as_json
def agreement(first: Path, second: Path, top: int, bootstrap: "Bootstrap", as_json: bool) -> None:
    """How far two judges of one system's answers agree.

    FILE_A has judgments. FILE_B has judgments of the same answers, or is a .csv file of people's scores with the columns
    instruction_id, aspect, score and, if there is one, rationale.
    """
    from urial.judge.files.agreement import compare_judges
    from urial.judge.files.tables import agreement_text

    show_record(compare_judges(first, second, top, bootstrap), agreement_text, as_json)


def run_instructions(ids: Collection[str]) -> "list[Instruction] | None":
    """The run's instructions, unless there are none or those with these ids are not among them."""
    from urial.core.store import read_jsonl
    from urial.records.instruction import Instruction

    if not RUN_INSTRUCTIONS.is_file():
        return None
    instructions = read_jsonl(RUN_INSTRUCTIONS, Instruction)
    return instructions if {row.id for row in instructions}.issuperset(ids) else None


def _columns(given: tuple[str, ...]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for text in given:
        field, equals, column = text.partition("=")
        if not equals:
            raise UrialError(f"--column {text!r}", expected="FIELD=COLUMN, as in query=question")
        if field in columns:
            raise UrialError(f"--column {field}: given twice")
        columns[field] = column
    return columns


def _outputs(out: Path, instructions_out: Path | None) -> list[Path]:
    return [out] if instructions_out is None else [out, instructions_out]


def _write(
    out: Path, rows: "Iterable[Record]", instructions_out: Path | None, instructions: "Sequence[Record]"
) -> None:
    from urial.core.store import write_jsonl

    if instructions_out is not None:
        write_jsonl(instructions_out, instructions)
    write_jsonl(out, rows)
