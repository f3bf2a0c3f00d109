"""The command that says what to cite."""

from pathlib import Path

import click

FORMATS = ("text", "bibtex", "markdown", "latex", "json")


@click.command()
@click.argument("revision", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text has them all but json.",
)
@click.option("--online", is_flag=True, help="Ask git remotes over the network whether they have an experiment.")
def cite(revision: str | None, form: str, online: bool) -> None:
    """What a paper says of a run: identifier, BibTeX, its numbers, and how to restore it.

    REVISION is a commit, branch, tag or DVC experiment; without one, the work tree is cited. What speaks against the
    citation, such as changes that are in no commit, goes to standard error.
    """
    from urial.provenance.cite.citation import cite as make
    from urial.provenance.cite.text import FORMATS as WRITERS
    from urial.provenance.cite.text import caveat_lines

    citation = make(revision, root=Path(), online=online)
    for line in caveat_lines(citation):
        click.echo(line, err=True)
    click.echo(WRITERS[form](citation))
