"""A run's figures and tables for a paper: pictures with their captions, LaTeX, Markdown and CSV, each of which names its run."""
