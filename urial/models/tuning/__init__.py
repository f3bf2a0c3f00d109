"""Tuning a base model on queries and answers: the token ids of a pair, the training itself, and where its models are kept.

What changes a byte of the weights is here, and its files are part of a tuned model's key; so is the base model, by its files.
"""
