"""The command that lays runs side by side."""

from typing import TYPE_CHECKING

import click

from urial.cli.printing import as_json, show_record
from urial.cli.results import bootstrap_options

if TYPE_CHECKING:
    from urial.statistics.bootstrap import Bootstrap


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="REV_OR_EXP...")
@bootstrap_options
@as_json
def compare(runs: tuple[str, ...], bootstrap: "Bootstrap", as_json: bool) -> None:
    """Figures of several runs, paired differences to the first, and what differs in their inputs.

    A run is a commit, branch, tag or DVC experiment; . or workspace is the work tree.
    """
    from urial.provenance.compare.comparison import compare as compare_runs
    from urial.provenance.compare.text import comparison_text

    show_record(compare_runs(runs, bootstrap), comparison_text, as_json)
