"""Shares, curves, labels and log-odds of measured positions.

Only the report and the command line run this, so that another figure measures nothing again.
"""
