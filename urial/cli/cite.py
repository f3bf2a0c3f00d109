"""The command that says what to cite."""

from pathlib import Path

import click

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
    from urial.provenance.cite.citation import cite as make
    from urial.provenance.cite.text import FORMATS as WRITERS
    from urial.provenance.cite.text import caveat_lines

    citation = make(revision, root=Path(), online=online)
    for line in caveat_lines(citation):
        click.echo(line, err=True)
    click.echo(WRITERS[form](citation))
