"""`urial view`: the sites of runs in the browser."""

import os
import sys
import threading
import webbrowser
from contextlib import ExitStack, suppress

import click

from urial.cli.places import given_name
from urial.core.progress import waiting


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Where to listen.  [default: any free port]",
    show_default=False,
)
@click.option("--no-open", is_flag=True, help="Print the address alone, and open no browser.")
def view(runs: tuple[str, ...], port: int, no_open: bool) -> None:
    """Open the report of a run in the browser, or those of several RUNS, to switch between.

    A run is a revision or DVC experiment, whose files come out of DVC's cache or remotes; a folder, such as one that `urial
    export` made; or . or workspace, the work tree, which is the default. The server is for this machine alone; Ctrl-C ends it.
    """
    from urial.provenance.view.server import SiteServer
    from urial.provenance.view.sites import open_sites
    from urial.run.folders import WORK_TREE

    names = [name if name in WORK_TREE else given_name(name) for name in runs or WORK_TREE[:1]]
    with ExitStack() as stack:
        with waiting("reading the runs"):
            sites = open_sites(names, stack)
        with SiteServer(sites, port) as server:
            click.echo(f"{server.address}\nCtrl-C ends it.")
            if not no_open and _has_browser():
                # In a thread: some browsers are waited for, and they wait for the page.
                threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
            with suppress(KeyboardInterrupt):
                server.serve_forever()


def _has_browser() -> bool:
    """Whether a browser would have a window; one that takes the terminal is not meant."""
    shown = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, shown))
