"""`urial export`: a run as a Research Object Crate."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
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
