"""Many DVC experiments at once: which there are, what they compute, and how they are run and resumed."""
