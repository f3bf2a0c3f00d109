"""The command that writes a run's figures and tables for a paper."""

from pathlib import Path

import click

from urial.cli.shared import FILE, data_option
from urial.core.progress import waiting
from urial.core.text import counted, one_line

FORMATS = ("svg", "pdf", "png")


class _Formats(click.ParamType[tuple[str, ...]]):
    """Formats with commas between them."""

    name = "formats"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Each format once. Fails for another one, or for none."""
        named = value if isinstance(value, tuple) else tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        if unknown := [name for name in named if name not in FORMATS]:
            self.fail(f"{unknown[0]!r} is none of {', '.join(FORMATS)}.", param, ctx)
        return named


@click.command()
@click.argument("folder", metavar="DIR", type=FILE)
@data_option
@click.option(
    "--format", "formats", type=_Formats(), metavar="FORMATS", default=",".join(FORMATS),
    help="Formats of the figures, with commas between them.",
)  # fmt: skip
@click.option("--name", "names", multiple=True, help="A figure or a table, several times.  [default: all]")
@click.option("--reference", is_flag=True, help="Show the paper's own rows beside, marked as of another judge.")
def figures(folder: Path, data: Path, formats: tuple[str, ...], names: tuple[str, ...], reference: bool) -> None:
    """Write the figures and tables of the last run to DIR, a new or empty folder, for a paper.

    Each figure has a file of its caption beside it, tables are LaTeX (for the package booktabs), Markdown and CSV, and each file says
    of which run it is. Nothing is asked of the network.
    """
    from urial.exchange.figures.files import Chosen, write_figures
    from urial.run.exporting import new_folder

    with new_folder(folder) as made, waiting("figures"):
        written = write_figures(data, made, Chosen(formats, names, reference))
    for name, why in written.left_out.items():
        click.echo(f"left out: {name}: {one_line(why)}")
    click.echo(f"{folder}: {counted(written.figures, 'figure')}, {counted(written.tables, 'table')}")
