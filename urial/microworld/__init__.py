"""The embedded default of the study: a generated world with known truth, and a base/aligned pair trained on it.

No weights can be downloaded everywhere, so a pipeline stage trains a tiny base model on a fictional encyclopedia and
fine-tunes its aligned version (`training.train_pair`). Everything follows from a seed.
"""
