"""Where numbers come from: trace, verify, cite, compare and export of a run, which is a folder laid out as the repository."""
