"""The same measured on servers that tell log-probabilities."""
