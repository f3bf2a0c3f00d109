"""The commands about whole runs: compare them, cite one, trace a number of its report, and export one as a crate."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from urial.cli.shared import FILE, as_json, bootstrap_options, print_json, show_record

if TYPE_CHECKING:
    from urial.statistics.bootstrap import Bootstrap

FORMATS = ("text", "bibtex", "markdown", "latex", "json")
# As in run.paths, which takes too long to import for a shell that waits.
REPORT = Path("data/report/report.json")


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


@click.command()
@click.option("--rev", metavar="REV", help="Cite a commit, branch, tag or DVC experiment.  [default: work tree]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="text has all of them except json.")
@click.option("--online", is_flag=True, help="Ask git remotes over the network whether they have an experiment.")
def cite(rev: str | None, form: str, online: bool) -> None:
    """Print what a paper says of a run: identifier, BibTeX, its numbers, and how to restore it.

    What speaks against the citation, such as changes that are in no commit, goes to standard error.
    """
    from urial.core.text import visible
    from urial.provenance.cite.citation import FORMATS as WRITERS
    from urial.provenance.cite.citation import cite as make

    citation = make(rev, root=Path(), online=online)
    for caveat in citation.caveats:
        click.echo(visible(f"Warning: {caveat.text}"), err=True)
    if form == "json":
        print_json(citation)
    else:
        click.echo(WRITERS[form](citation))


def complete_pointer(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Paths in the work tree's report; nothing where there is none, since a shell shows no error."""
    from urial.provenance.trace.pointers import completions

    try:
        document = json.loads(REPORT.read_bytes())
        return [CompletionItem(text) for text in completions(document, incomplete) if text.isprintable()]
    except (OSError, ValueError, RecursionError):
        return []


@click.command()
@click.argument("pointer", shell_complete=complete_pointer)
@click.option(
    "--rev", metavar="REV", help="Trace the report of a commit, branch, tag or DVC experiment.  [default: work tree]"
)
@click.option("--rows", "every_row", is_flag=True, help="Show every row and position, with the prompts in full.")
@click.option("--rationales", is_flag=True, help="Show the judge's rationales.")
@as_json
def trace(pointer: str, rev: str | None, every_row: bool, rationales: bool, as_json: bool) -> None:
    """Follow a value of the report down to its inputs, and recompute it.

    POINTER is a JSON Pointer into data/report/report.json, such as /systems/base-urial/words/mean, or a path such as
    systems.base-urial.words; the end of a path that only one value has is enough, and an estimate means its mean. Exits
    with 1 when the recomputed value is another, or a file that is shown differs from dvc.lock.
    """
    from urial.provenance.trace.text import trace_text
    from urial.provenance.trace.tracing import require_recorded, traced

    traced_value = traced(pointer, rev, every_row)
    show_record(traced_value, lambda record: trace_text(record, rationales, every_row), as_json)
    require_recorded(traced_value)


@click.command()
@click.argument("folder", metavar="DIR", type=FILE)
@click.option("--rev", metavar="REV", help="A git revision or DVC experiment.  [default: the work tree]")
def export(folder: Path, rev: str | None) -> None:
    """Write a run with its checksums and its provenance to DIR, a new or empty folder: a Research Object Crate.

    It has the files that git tracks and all artifacts, in the layout of the repository; `urial verify DIR` checks it
    anywhere.
    """
    from urial.provenance.crate import export_crate
    from urial.run.folders import run_folder

    with run_folder(rev) as run:
        count = export_crate(run, folder)
        dirty = f"; {len(run.state.dirty)} files differ from the commit" if run.state.dirty else ""
    click.echo(f"{folder}: {count:,} files{dirty}")
