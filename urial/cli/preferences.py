"""The commands about preferences: import them, and how often a system wins."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.importing import found_option, import_, out_option
from urial.cli.shared import FILE, NumberRange, chosen_columns, force_option
from urial.cli.win_rates import Summarizing, figures_of, show_win_rates, summarizing_options
from urial.core.errors import UrialError
from urial.core.store import require_free, write_jsonl
from urial.core.text import counted

if TYPE_CHECKING:
    from urial.exchange.importers.pairs import Duplicates
    from urial.records.win_rates import Join

POSITIVE = NumberRange(1e-9, 1e9)


@import_.command("preferences")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--system", help="The system whose wins are counted, as FILES name it.  [default: theirs]")
@click.option("--baseline", help="What it is compared with, as FILES name it.  [default: theirs]")
@click.option("--judge", help="Who judged, whatever FILES say.")
@click.option("--instructions", type=FILE, help="The instructions compared: records, or a published set as it is.")
@click.option(
    "--duplicates", type=click.Choice(["refuse", "last"]), default="refuse",
    help="What is done with two rows of one instruction and turn.",
)  # fmt: skip
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Of a table: the column of a field.")
@click.option("--name", default="alpaca-eval", help="Of a table without texts: the set whose numbers it has.")
@out_option
@found_option
@force_option
def import_preferences(
    files: tuple[Path, ...],
    system: str | None,
    baseline: str | None,
    judge: str | None,
    instructions: Path | None,
    duplicates: "Duplicates",
    columns: tuple[str, ...],
    name: str,
    out: Path,
    instructions_out: Path | None,
    force: bool,
) -> None:
    """Preferences from FILES: AlpacaEval's annotations.json, FastChat's pairwise judgments, pairwise results of URIAL or
    just-eval, or a table. All rows are of one system against one baseline.
    """
    from urial.exchange.importers.preferences import PreferenceOptions
    from urial.exchange.importers.preferences import import_preferences as read

    require_free(out, *([instructions_out] if instructions_out else []), force=force, inputs=files)
    chosen = chosen_columns(columns, "preference=score")
    imported = read(files, PreferenceOptions(system, baseline, judge, duplicates, chosen, name), instructions)
    if instructions_out:
        if not imported.instructions:
            raise UrialError("FILES have no texts of instructions", fix="leave --instructions-out out")
        write_jsonl(instructions_out, imported.instructions)
    write_jsonl(out, imported.preferences)
    first = imported.preferences[0]
    counts = Counter(
        result.outcome for row in imported.preferences for turn in (row, *row.later_turns) for result in turn.results
    )
    detail = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
    turns = "over all turns: " if any(row.later_turns for row in imported.preferences) else ""
    click.echo(
        f"{out}: {counted(len(imported.preferences), 'preference')}, {first.system} against {first.baseline}: {turns}{detail}"
    )
    if counts["loss"] and counts["tie"] and not counts["win"] and not counts["inconsistent"]:
        click.echo(
            "no win: as AlpacaEval has it, a table's preferences go from 1 (baseline) to 2 (system), and 0 is a tie"
        )


@click.command("win-rates")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option(
    "--length-control", "reference", type=FILE, help="The length-control reference (.csv, or .json as imported)."
)
@click.option("--anchors/--no-anchors", default=True, help="Use the reference's anchor runs, or its difficulty alone.")
@click.option(
    "--join", type=click.Choice(["instruction", "row"]), default="instruction",
    help="Join with the reference by what is asked, or by row number, as first published.",
)  # fmt: skip
@click.option(
    "--regularization", "strength", type=POSITIVE, metavar="C", help="C of the fit.  [default: by cross-validation]"
)
@summarizing_options
def win_rates(
    files: tuple[Path, ...],
    reference: Path | None,
    anchors: bool,
    join: "Join",
    strength: float | None,
    how: Summarizing,
) -> None:
    """How often systems are preferred to a baseline, from FILES of preferences, one a system.

    Raw, and with lengths held equal: against a reference, or by the length differences alone.
    """
    from urial.judge.files.length_references import read_reference
    from urial.judge.files.win_rates import WinRateOptions

    if reference is None and (join == "row" or not anchors):
        raise UrialError("--join and --no-anchors are about a reference", fix="name one with --length-control")
    options = WinRateOptions(read_reference(reference) if reference else None, anchors, join, strength)
    show_win_rates(figures_of(files, options, how), how)


@import_.command("length-control-reference")
@click.argument("gamed", metavar="DF_GAMED", type=FILE)
@click.argument("difficulty", metavar="INSTRUCTION_DIFFICULTY", type=FILE)
@click.option("--instructions", required=True, type=FILE, help="AlpacaEval's instructions, in their own order.")
@click.option("--name", default="alpaca-eval-2", help="What figures are named after.")
@click.option("--out", required=True, type=FILE, help="File to write (JSON).")
@force_option
def import_length_control_reference(
    gamed: Path, difficulty: Path, instructions: Path, name: str, out: Path, force: bool
) -> None:
    """The length-control reference out of AlpacaEval's df_gamed.csv and instruction_difficulty.csv.

    Only one made of its own files, known by their hashes, gives figures the name of AlpacaEval 2.
    """
    from urial.core.store import write_json
    from urial.exchange.importers.length_control_reference import import_reference

    require_free(out, force=force, inputs=[gamed, difficulty, instructions])
    imported = import_reference(gamed, difficulty, instructions, name)
    write_json(out, imported.reference)
    own = "AlpacaEval 2's own" if imported.alpaca_eval_2 else "not AlpacaEval 2's own files, by their hashes"
    click.echo(
        f"{out}: {counted(len(imported.reference.rows), 'instruction')}, {own}; difficulties of the two files differ by at most "
        f"{imported.difference:.2g}"
    )
