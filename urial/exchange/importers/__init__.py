"""Answers, instructions and judgments of other tools."""
