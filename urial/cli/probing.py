"""The command that shows what in a prompt works."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE, NAME_OR_PATH, as_json, bootstrap_options, force_option, print_json
from urial.core.progress import waiting
from urial.records.judgment import EVERY_ASPECT

if TYPE_CHECKING:
    from urial.records.judgment import Aspect
    from urial.statistics.bootstrap import Bootstrap


@click.command()
@click.argument("run", metavar="[RUN]", type=NAME_OR_PATH, default=".")
@click.option(
    "--against", metavar="SYSTEM", help="Compare all systems of a model with this one, whatever their prompts."
)
@click.option(
    "--aspect", type=click.Choice(EVERY_ASPECT),
    help="What passes, and whose variance is split between samples.  [default: all aspects of an answer]",
)  # fmt: skip
@click.option("--chart", metavar="FILE", type=FILE, help="Draw the differences to FILE.svg, .png or .pdf.")
@force_option
@bootstrap_options
@as_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a row a variant and measure.")
@click.option("--latex", "as_latex", is_flag=True, help="Print the tables in LaTeX.")
def probe(
    run: str,
    against: str | None,
    aspect: "Aspect | None",
    chart: Path | None,
    force: bool,
    bootstrap: "Bootstrap",
    as_json: bool,
    as_csv: bool,
    as_latex: bool,
) -> None:
    """What in a prompt works: its variants side by side, each against the full prompt.

    RUN is the work tree, which it is by default, a commit, branch, tag or DVC experiment, or the folder of a run. Systems of one model
    and one prompt file are variants of one prompt; those that differ in the seed alone are samples of one. Shown are scores, how much
    of the token shift a prompt explains, and words; with samples also how often one passes.
    """
    from urial.core.store import require_free
    from urial.experiments.probing.chart import require_image, write_chart
    from urial.experiments.probing.probing import probe as probe_run
    from urial.experiments.probing.reading import opened
    from urial.experiments.probing.tables import probing_csv, probing_latex, probing_text

    if as_json + as_csv + as_latex > 1:
        raise click.UsageError("Name one of --json, --csv and --latex.")
    if chart is not None:
        require_image(chart)
        require_free(chart, force=force)
    with waiting("reading the run"), opened(run) as found:
        commit = found.folder.state.commit
        probing = probe_run(found.inputs, bootstrap, name=run, commit=commit, against=against, aspect=aspect)
    if chart is not None:
        write_chart(probing, chart)
    if as_json:
        print_json(probing)
    else:
        write = probing_csv if as_csv else probing_latex if as_latex else probing_text
        click.echo(write(probing).removesuffix("\n"))
