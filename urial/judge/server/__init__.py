"""Judges on servers."""
