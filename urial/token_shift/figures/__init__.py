"""Figures of measured positions: what only the report and the command line run."""
