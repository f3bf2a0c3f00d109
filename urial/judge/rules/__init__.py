"""The judge that knows the truth about the micro-world and nothing else; it is no language model."""
