"""Numbers from rows: means, intervals, tests."""
