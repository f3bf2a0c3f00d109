"""The stage judge: scores of answers."""
