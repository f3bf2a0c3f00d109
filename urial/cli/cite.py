"""The command that says what to cite."""

from pathlib import Path

import click

from urial.cli.printing import print_json

FORMATS = ("text", "bibtex", "markdown", "latex", "json")


@click.command()
@click.option(
    "--rev", "revision", metavar="REV", help="Cite a commit, branch, tag or DVC experiment.  [default: work tree]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text has all of them except json.",
)
@click.option("--online", is_flag=True, help="Ask git remotes over the network whether they have an experiment.")
def cite(revision: str | None, form: str, online: bool) -> None:
    """Print what a paper says of a run: identifier, BibTeX, its numbers, and how to restore it.

    What speaks against the citation, such as changes that are in no commit, goes to standard error.
    """
    from urial.core.text import visible
    from urial.provenance.cite import citation as citations

    citation = citations.cite(revision, root=Path(), online=online)
    for caveat in citation.caveats:
        click.echo(visible(f"Warning: {caveat.text}"), err=True)
    if form == "json":
        print_json(citation)
    else:
        click.echo(citations.FORMATS[form](citation))
