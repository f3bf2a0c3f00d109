"""The corpus that the world generates, and the base and aligned model trained on it; a seed decides every byte."""
