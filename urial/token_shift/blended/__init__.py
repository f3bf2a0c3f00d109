"""The answers of a blend as tokens."""
