"""Judgments of files from outside of the pipeline: prices, summaries, agreement."""
