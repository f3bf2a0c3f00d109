"""The sites of runs in the browser, from this machine to this machine alone."""
