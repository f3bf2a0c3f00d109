"""Rates by the number of tokens given, and both models along the given texts."""
