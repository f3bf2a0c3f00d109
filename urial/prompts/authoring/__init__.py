"""Prompts written, imported and released: what only the command line runs."""
