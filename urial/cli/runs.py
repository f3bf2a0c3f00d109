"""The commands about whole runs: compare them, cite one, trace a number of its report, verify one."""

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from urial.cli.places import GivenPath
from urial.cli.shared import as_json, bootstrap_options, print_json, show_record
from urial.core.errors import UrialError, shorten
from urial.core.progress import waiting
from urial.core.text import counted, one_line, visible
from urial.run.lockfile import LOCK
from urial.run.pipeline import PIPELINE

if TYPE_CHECKING:
    from urial.provenance.verify.verification import Verification
    from urial.statistics.bootstrap import Bootstrap

FORMATS = ("text", "bibtex", "markdown", "latex", "json")
# As in run.paths, which takes too long to import for a shell that waits.
REPORT = Path("data/report/report.json")
MARKS = {"ok": "ok", "broken": "BROKEN", "not checked": "–"}
# As in provenance.crate, for the same reason.
CRATE = "ro-crate-metadata.json"
# How a folder shows that it is a run.
RUN_FILES = (PIPELINE, LOCK, CRATE)
NAME_ONE = "name the folder of a run, such as one that `urial export` made, or a revision as --rev REV"
KINDS = {
    "work tree": "the work tree",
    "revision": "a revision, checked out aside",
    "crate": "a crate, by the checksums in its ro-crate-metadata.json",
    "folder": "a folder that is no crate and in no commit: it has no checksums of its own, and who sent it may have made "
    "dvc.lock anew",
}
WIDTH = 32
MOST_NAMED = 20


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="REV_OR_EXP...")
@click.option("--all", "every", is_flag=True, help="Show also what is the same in all runs.")
@bootstrap_options
@as_json
def compare(runs: tuple[str, ...], every: bool, bootstrap: "Bootstrap", as_json: bool) -> None:
    """Figures of several runs that differ, paired differences to the first, and what differs in their inputs.

    A run is a commit, branch, tag or DVC experiment; . or workspace is the work tree.
    """
    from urial.provenance.compare.comparison import compare as compare_runs
    from urial.provenance.compare.text import comparison_text

    with waiting("comparing the runs"):
        found = compare_runs(runs, bootstrap, every=every)
    show_record(found, comparison_text, as_json)


@click.command()
@click.option("--rev", metavar="REV", help="Cite a commit, branch, tag or DVC experiment.  [default: work tree]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="text has all of them except json.")
@click.option("--online", is_flag=True, help="Ask git remotes over the network whether they have an experiment.")
def cite(rev: str | None, form: str, online: bool) -> None:
    """Cite a run: identifier, BibTeX, tables, and the commands that restore it.

    Problems that make a run unsafe to cite, such as changes that are in no commit, are printed to standard error.
    """
    from urial.provenance.cite.citation import FORMATS as WRITERS
    from urial.provenance.cite.citation import cite as make

    with waiting("reading the run"):
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
    from urial.run.project import in_root

    try:
        document = json.loads(in_root(REPORT).read_bytes())
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

    with waiting("tracing"):
        traced_value = traced(pointer, rev, every_row)
    show_record(traced_value, lambda record: trace_text(record, rationales, every_row), as_json)
    require_recorded(traced_value)


@click.command()
@click.argument("folder", metavar="[DIR]", type=GivenPath(), required=False)
@click.option("--rev", "revision", metavar="REV", help="A git revision or DVC experiment, checked out aside.")
@as_json
def verify(folder: str | None, revision: str | None, as_json: bool) -> None:
    """Derive a run again, from dvc.lock to the README's figures, and name the first broken link.

    The run is this work tree, the revision that --rev names, or a folder DIR, such as one that `urial export` made.
    Nothing is computed with a model, and only artifacts are fetched. Exit code 1: a link is broken.
    """
    from urial.provenance.verify.verification import verification, verify_links
    from urial.run.folders import given_folder, run_folder
    from urial.run.running import require_nothing_running

    if folder is not None and revision is not None:
        raise click.UsageError("Name a folder or a revision, not both.")
    if folder is not None:
        _require_run(folder)
    given = nullcontext(given_folder(Path(folder or "."))) if revision is None else run_folder(revision)
    with given as run:
        links = []
        for link in verify_links(run.path, in_git=run.state.commit is not None):
            if link.problems:
                # A run may have begun in the meantime: said instead of what it has not written yet.
                require_nothing_running(run.path)
            links.append(link)
            if not as_json:
                detail = counted(len(link.problems), "problem") if link.status == "broken" else link.summary
                click.echo(visible(f"{MARKS[link.status]:6}  {link.name:{WIDTH}}  {detail}"))
        verified = verification(run, links, revision=revision is not None)
    if as_json:
        print_json(verified)
    else:
        _conclude(verified)
    sys.exit(1 if verified.broken else 0)


def _require_run(folder: str) -> None:
    """Raises UrialError for a folder that is neither a run nor a crate."""
    # Not the methods of Path, which fail for a name that is too long.
    present = [name for name in RUN_FILES if os.path.isfile(os.path.join(folder, name))]
    if PIPELINE in present:
        return
    what, fix = "no run and no crate", NAME_ONE
    if CRATE in present:
        what, fix = "a crate that is not whole", "get the crate again from where it came from"
    missing = f"a folder with none of {', '.join(RUN_FILES)}" if os.path.isdir(folder) else "there is no such folder"
    raise UrialError(f"{shorten(folder)}: {what}: {'it has no dvc.yaml' if present else missing}", fix=fix)


def _conclude(verified: "Verification") -> None:
    """The first broken link explained, the others named, and what was not looked at."""
    experiment = f" (experiment {verified.experiment})" if verified.experiment else ""
    commit = f", commit {verified.commit}{experiment}" if verified.commit else ""
    lines = [f"\n{'Does not hold' if verified.broken else 'Verified'}: {KINDS[verified.kind]}{commit}."]
    if verified.dirty:
        files = counted(len(verified.dirty), "file")
        lines.append(
            f"The work tree differs from its commit in {files} that the run depends on, first {one_line(verified.dirty[0])}."
        )
    lines += [f"First broken link: {link.name}\n{link.problems[0]}\n" for link in verified.broken[:1]]
    others = [f"{link.name}: {problem.what}" for link in verified.broken for problem in link.problems][1:]
    lines += [f"also broken: {other}" for other in others[:MOST_NAMED]]
    if len(others) > MOST_NAMED:
        lines.append(f"also broken: {len(others) - MOST_NAMED:,} more, which --json lists")
    lines += [f"Not derived again: {text}." for text in verified.never]
    held = sum(link.status == "ok" for link in verified.links)
    unchecked = sum(link.status == "not checked" for link in verified.links)
    lines.append(
        f"{counted(held, 'link holds', 'links hold')}, {len(verified.broken)} broken, {unchecked} not checked."
    )
    for line in lines:
        click.echo(visible(line))
