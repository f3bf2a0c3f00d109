"""What a paper says about a run, the commands that restore it, and what speaks against citing it."""
