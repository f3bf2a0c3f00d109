"""Sites served in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from urial.provenance.view.server import SiteServer
from urial.provenance.view.sites import Site


@contextmanager
def served(*sites: Site) -> Iterator[SiteServer]:
    """The server of `urial view`."""
    with SiteServer(sites) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
