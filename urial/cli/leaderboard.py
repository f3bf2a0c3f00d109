"""`urial leaderboard`: many runs in one table, and the small file of each."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from urial.cli.shared import FILE, NAME_OR_PATH, as_json, bootstrap_options, force_option, print_json
from urial.core.errors import UrialError
from urial.core.progress import waiting
from urial.core.store import require_free
from urial.core.text import counted, visible

if TYPE_CHECKING:
    from urial.experiments.leaderboard.records import Leaderboard, Measure
    from urial.experiments.leaderboard.runs import Runs
    from urial.statistics.bootstrap import Bootstrap

FORMATS = ("markdown", "csv", "latex")
# As in the records, which a shell that waits does not need.
MEASURES = (
    "average",
    "helpfulness",
    "clarity",
    "factuality",
    "depth",
    "engagement",
    "safety",
    "overall",
    "overall_pooled",
)


@click.command()
@click.argument("runs", nargs=-1, type=NAME_OR_PATH, metavar="[RUN]...")
@click.option("--all", "every", is_flag=True, help="All DVC experiments of the repository.")
@click.option("--system", "systems", multiple=True, metavar="NAME", help="A system, several times.  [default: all]")
@click.option(
    "--by", type=click.Choice(MEASURES),
    help="What to rank by.  [default: average; without one, the answer as a whole, or the first aspect scored]",
)  # fmt: skip
@click.option(
    "--mixed", is_flag=True, help="Show runs of different judges, rubrics or instructions, each ranked among its own."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="markdown", help="The table that is printed.")
@click.option(
    "--chart", metavar="FILE", type=FILE, help="Draw scores along training to FILE (.svg, .pdf, .png, .json)."
)
@click.option("--size-chart", metavar="FILE", type=FILE, help="Draw the score against the size of models to FILE.")
@click.option("--page", metavar="FILE", type=FILE, help="Write one page of HTML with tables to sort and both charts.")
@click.option("--save", metavar="FOLDER", type=FILE, help="Write a small file of each run to FOLDER as well.")
@force_option
@bootstrap_options
@as_json
def leaderboard(
    runs: tuple[str, ...],
    every: bool,
    systems: tuple[str, ...],
    by: str | None,
    mixed: bool,
    form: str,
    chart: Path | None,
    size_chart: Path | None,
    page: Path | None,
    save: Path | None,
    force: bool,
    bootstrap: "Bootstrap",
    as_json: bool,
) -> None:
    """Many runs in one table, ranked: the systems of their models, with the uncertainty of each rank.

    RUN is a DVC experiment, a commit, branch or tag, a folder of a run, or a file that --save wrote, or a folder of such files;
    . or workspace is the work tree. Exit code 1: a run could not be read, of which standard error tells why.
    """
    from urial.experiments.chart_files import require_ending
    from urial.experiments.leaderboard.entry_files import save_entries
    from urial.experiments.leaderboard.runs import read_runs
    from urial.experiments.leaderboard.table import leaderboard as make

    if not runs and not every:
        raise click.UsageError("Name runs, or all experiments with --all.")
    drawn = [path for path in (chart, size_chart) if path is not None]
    for path in drawn:
        require_ending(path)
    require_free(*drawn, *([page] if page else []), force=force)
    with waiting("reading the runs"):
        read = read_runs(runs, every)
    if not read.entries and not read.not_shown:
        raise UrialError("the repository has no experiments", fix="`dvc exp run` makes one; . is the work tree")
    if save is not None:
        written = save_entries((run.entry for run in read.entries), save)
        click.echo(f"{save}: {counted(len(written), 'entry', 'entries')}", err=True)
    _tell(read)
    if read.entries:
        board = make(read, bootstrap, by=cast("Measure | None", by), systems=systems, mixed=mixed)
        _print(board, "json" if as_json else form)
        _draw(board, chart, size_chart, page)
    sys.exit(1 if read.not_shown else 0)


def _tell(read: "Runs") -> None:
    """On standard error, what is in no table, and why."""
    for name, first in read.same.items():
        click.echo(visible(f"{name}: the same measurement as {first}, and shown once"), err=True)
    for run in read.not_shown:
        why = run.why if run.why.startswith(run.run) else f"{run.run}: {run.why}"
        click.echo(visible(f"not shown: {why}"), err=True)


def _print(board: "Leaderboard", form: str) -> None:
    from urial.exchange.figures.latex import booktabs
    from urial.experiments.leaderboard.text import csv_table, leaderboard_tables, letters

    if form == "json":
        print_json(board)
    elif form == "csv":
        click.echo(csv_table(board).csv(), nl=False)
    elif form == "latex":
        for index, table in enumerate(leaderboard_tables(board)):
            click.echo(booktabs(table, f"leaderboard-{letters(index).lower()}", "urial leaderboard"), nl=False)
    else:
        click.echo("\n".join(table.markdown(aligned=True) for table in leaderboard_tables(board)).removesuffix("\n"))


def _draw(board: "Leaderboard", chart: Path | None, size_chart: Path | None, page: Path | None) -> None:
    """Raises UrialError for a chart that there is nothing to draw of."""
    from urial.core.store import write_text
    from urial.experiments.chart_files import write_chart
    from urial.experiments.leaderboard.charts import progress_figure, size_figure
    from urial.experiments.leaderboard.page import leaderboard_page
    from urial.experiments.leaderboard.text import identifier_of
    from urial.report.charts.figure import Missing

    for path, figure_of in ((chart, progress_figure), (size_chart, size_figure)):
        if path is None:
            continue
        figure = figure_of(board)
        if isinstance(figure, Missing):
            raise UrialError(f"nothing to draw: {figure.why}", path=path, fix="leave the chart out, or name more runs")
        write_chart(figure, path, identifier_of(board), f"urial leaderboard {identifier_of(board)}")
    if page is not None:
        write_text(page, leaderboard_page(board))
