"""`urial verify`: derive a run again and name the first broken link."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import as_json, print_json
from urial.core.errors import UrialError, shorten
from urial.core.text import one_line, visible

if TYPE_CHECKING:
    from urial.provenance.verify.verification import Verification

MARKS = {"ok": "ok", "broken": "BROKEN", "not checked": "–"}
PIPELINE, CRATE = "dvc.yaml", "ro-crate-metadata.json"
# How a folder shows that it is a run.
RUN_FILES = (PIPELINE, "dvc.lock", CRATE)
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
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("--rev", "revision", metavar="REV", help="A git revision or DVC experiment, checked out aside.")
@as_json
def verify(folder: str | None, revision: str | None, as_json: bool) -> None:
    """Derive a run again, from dvc.lock to the README's figures, and name the first broken link.

    The run is this work tree, the revision that --rev names, or a folder DIR, such as one that `urial export` made.
    Nothing is computed with a model, and only artifacts are fetched. Exit code 1: a link is broken.
    """
    from urial.provenance.verify.verification import verification, verify_links
    from urial.run.folders import given_folder, run_folder

    if folder is not None and revision is not None:
        raise click.UsageError("Name a folder or a revision, not both.")
    if folder is not None:
        _require_run(folder)
    given = nullcontext(given_folder(Path(folder or "."))) if revision is None else run_folder(revision)
    with given as run:
        links = []
        for link in verify_links(run.path, in_git=run.state.commit is not None):
            links.append(link)
            if not as_json:
                count = len(link.problems)
                broken = f"{count:,} problem{'s' if count > 1 else ''}"
                detail = broken if link.status == "broken" else link.summary
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
    lines = [f"\nVerified: {KINDS[verified.kind]}{commit}."]
    if verified.dirty:
        files = f"{len(verified.dirty):,} file{'s' if len(verified.dirty) > 1 else ''}"
        lines.append(f"The work tree differs from its commit in {files}, first {one_line(verified.dirty[0])}.")
    lines += [f"First broken link: {link.name}\n{link.problems[0]}\n" for link in verified.broken[:1]]
    others = [f"{link.name}: {problem.what}" for link in verified.broken for problem in link.problems][1:]
    lines += [f"also broken: {other}" for other in others[:MOST_NAMED]]
    if len(others) > MOST_NAMED:
        lines.append(f"also broken: {len(others) - MOST_NAMED:,} more, which --json lists")
    lines += [f"Not derived again: {text}." for text in verified.never]
    held = sum(link.status == "ok" for link in verified.links)
    unchecked = sum(link.status == "not checked" for link in verified.links)
    lines.append(f"{held} links hold, {len(verified.broken)} broken, {unchecked} not checked.")
    for line in lines:
        click.echo(visible(line))
