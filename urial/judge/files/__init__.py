"""Judgments outside of the pipeline: what judging will cost, how systems differ, and how far two judges agree."""
