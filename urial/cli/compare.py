"""The command that lays runs side by side."""

import json
from typing import Any

import click

from urial.cli.printing import as_json
from urial.cli.results import bootstrap_options


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="REV_OR_EXP...")
@bootstrap_options
@as_json
def compare(runs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Figures of several runs, paired differences to the first, and what differs in their inputs.

    A run is a commit, branch, tag or DVC experiment; . or workspace is the work tree.
    """
    from urial.provenance.compare.comparison import compare as make
    from urial.provenance.compare.text import comparison_text
    from urial.statistics.bootstrap import Bootstrap

    found = make(runs, Bootstrap(options["resamples"], options["confidence"], options["seed"]))
    # ASCII alone: identities of judges and values of parameters can hold characters that a terminal obeys.
    text = json.dumps(found.model_dump(mode="json"), indent=2, sort_keys=True) if as_json else comparison_text(found)
    click.echo(text)
