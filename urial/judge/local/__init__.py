"""Judges in this process."""
