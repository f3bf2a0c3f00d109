"""The corpus, and the pair of models trained on it."""
