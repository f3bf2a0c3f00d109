"""Measurements of files from outside of the pipeline."""
